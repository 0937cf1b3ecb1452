import { z } from 'zod';
import type { CloudDeployment } from '../entities/cloudDeployment.ts';
import { findDeployment } from '../services/findDeployment.ts';
import { runIsLive } from '../services/provisioning/beginRun.ts';
import { toOperatorRequest } from './changeRequest.ts';
import { findRunningRun, updateRun } from './liveProvisioning.ts';
import { notFound, Problem } from './problems.ts';
import type { readProvision } from './provisionBody.ts';
import type { Caller } from './requestState.ts';
import type { CallerRequest } from './route.ts';
import { reason } from './schemas.ts';
import { startedReply, startedWorkflow } from './startedWorkflow.ts';
import { startProvisioning } from './startWorkflow.ts';
import { callTemporal } from './temporalCalls.ts';

/** What the routes that start a run of a deployment, or tell one something, have in common. */

export const noTemporal = { 503: 'The process can not be reached now.' };
export const withReason = z.strictObject({ reason });
export const startedRun = {
  status: 202,
  description: 'It runs; `Location` and the links say where to watch it.',
  schema: startedWorkflow,
} as const;

type AnyRequest = Pick<CallerRequest<unknown, unknown, unknown>, 'em' | 'api' | 'caller' | 'requestId'>;

/** @throws Problem 404 */
export async function deploymentNamed(
  em: AnyRequest['em'],
  id: string,
  caller: Caller,
): Promise<CloudDeployment> {
  const found = await findDeployment(em, id, caller);
  if (found === null) throw notFound('deployment');
  return found;
}

/** Starts the process. @returns undefined where one runs already */
export function beginProvision(
  request: AnyRequest,
  deployment: Pick<CloudDeployment, 'id' | 'tenantId'>,
  wanted: ReturnType<typeof readProvision>,
  why: string,
) {
  const { code, version, values } = wanted;
  return callTemporal(request.api, (client) =>
    startProvisioning(client, deployment.tenantId, {
      deploymentId: deployment.id,
      template: { code, version },
      // What came as JSON is JSON.
      parameters: JSON.parse(JSON.stringify(values)),
      request: toOperatorRequest(request, why),
    }),
  );
}

/** Sends an update to the run that has the deployment. @throws Problem 409 where none of the type has it, or it refuses */
export async function messageTo(
  request: AnyRequest & { readonly params: { readonly id: string } },
  type: 'provision' | 'decommission' | 'any',
  update: string,
  argument: object,
) {
  const { em, api, caller, params } = request;
  await deploymentNamed(em, params.id, caller);
  const live = await findRunningRun(api, em, params.id);
  if (live === null || (type !== 'any' && live.type !== type)) {
    throw new Problem(
      409,
      'not_running',
      `no ${type === 'any' ? 'provisioning or decommission' : type} of the deployment runs`,
    );
  }
  await updateRun(api, live, update, argument);
  return startedReply(api.config, live);
}

/** @throws Conflict while a run has the deployment */
export async function refuseRunning({
  api,
  em,
  params,
}: AnyRequest & { readonly params: { readonly id: string } }): Promise<void> {
  const live = await findRunningRun(api, em, params.id);
  if (live !== null) throw runIsLive(live);
}

/** The answer where another request was quicker to start the same. */
export const runsAlready = (code: string, what: string) =>
  new Problem(409, code, `${what} of the deployment runs already`);
