import { z } from 'zod';
import {
  findTemplate,
  listTemplates,
  parameterFaults,
  type Template,
} from '../domain/templates/templates.ts';
import type { CloudDeployment } from '../entities/cloudDeployment.ts';
import { findDeployment } from '../services/findDeployment.ts';
import {
  hasStandingItems,
  listAttachedByHand,
  refuseDecommission,
} from '../services/provisioning/beginDecommission.ts';
import { refuseProvisioning } from '../services/provisioning/beginProvisioning.ts';
import { runIsLive } from '../services/provisioning/beginRun.ts';
import { listProvisionedItems, listProvisioningRuns } from '../services/provisioning/listProvisioning.ts';
import { previewProvisioning } from '../services/provisioning/previewProvisioning.ts';
import { provisioningMessages } from '../workflows/provisioningMessages.ts';
import type { OperatorRequest } from '../workflows/rollUpMessages.ts';
import { deploymentId, noSuchDeployment } from './deployments.ts';
import { findRunningRun, updateRun } from './liveProvisioning.ts';
import { invalidInput, notFound, Problem } from './problems.ts';
import {
  preview,
  provisioning,
  shown,
  template,
  toAttached,
  toItem,
  toPreview,
  toRun,
  toTemplate,
} from './provisioningAnswers.ts';
import type { Caller } from './requestState.ts';
import { type CallerRequest, defineRoute, type Route } from './route.ts';
import { json, reason, text } from './schemas.ts';
import { startedReply, startedWorkflow } from './startedWorkflow.ts';
import { startDecommission, startProvisioning } from './startProvisioning.ts';
import { callTemporal } from './temporalCalls.ts';

const platformReaders = ['platform_admin', 'platform_viewer'] as const;
/** Templates are in the words of this provider. */
const provider = 'digitalocean';
const defaultGraceHours = 7 * 24;
const longestGraceHours = 90 * 24;
const noTemporal = { 503: 'The process can not be reached now.' };

/** What a provisioning is asked for with, also beside a subscription. */
export const provisionBody = z.strictObject({
  template_code: text(100).optional().meta({ description: "The deployment's own where it is absent." }),
  template_version: z
    .int({ error: 'expected a whole number from 1' })
    .min(1)
    .max(1_000_000)
    .optional()
    .meta({ description: 'The newest where it is absent, or, with the own template, its own.' }),
  parameters: z
    .record(z.string().max(100), json)
    .default({})
    .meta({ description: 'What the template takes: `GET /api/v1/templates`.' }),
});
export type ProvisionBody = z.output<typeof provisionBody>;

const withReason = z.strictObject({ reason });
const startedRun = {
  status: 202,
  description: 'It runs; `Location` and the links say where to watch it.',
  schema: startedWorkflow,
} as const;

export const provisioningRoutes: readonly Route[] = [
  defineRoute({
    method: 'get',
    path: '/api/v1/templates',
    tag: 'Provisioning',
    summary: 'The templates by which deployments are provisioned, with their parameters.',
    roles: platformReaders,
    answer: {
      status: 200,
      description: 'All templates, by code, the newest version first.',
      schema: z.strictObject({ items: z.array(template) }),
    },
    async handle() {
      return { status: 200, body: { items: listTemplates().map(toTemplate) } };
    },
  }),
  defineRoute({
    method: 'get',
    path: '/api/v1/deployments/:id/provisioning',
    tag: 'Provisioning',
    summary: 'What templates made of a deployment, and the runs that did it or undid it.',
    roles: platformReaders,
    params: deploymentId,
    answer: { status: 200, description: 'Runs and items.', schema: provisioning },
    problems: { 404: noSuchDeployment },
    async handle({ em, caller, api, params }) {
      await deploymentNamed(em, params.id, caller);
      const runs = await listProvisioningRuns(em, params.id, shown.runs);
      const items = await listProvisionedItems(em, params.id, shown.items);
      const byHand = await listAttachedByHand(em, params.id);
      return {
        status: 200,
        body: {
          deployment_id: params.id,
          runs: runs.map((row) => toRun(row, api)),
          items: items.map(toItem),
          attached_by_hand: byHand.map(toAttached),
        },
      };
    },
  }),
  defineRoute({
    method: 'post',
    path: '/api/v1/deployments/:id/provision',
    tag: 'Provisioning',
    summary:
      "Creates a deployment's resources by a template. With `dry_run` it says what that would be and what it costs, and writes nothing.",
    roles: ['platform_admin'],
    params: deploymentId,
    body: z.strictObject({
      ...provisionBody.shape,
      dry_run: z.boolean({ error: 'expected true or false' }).default(false),
      reason,
    }),
    answer: {
      status: 202,
      description: 'It runs; `Location` and the links say where to watch it.',
      schema: z.union([startedWorkflow, preview]),
      alsoStatus: { 200: 'What it would be; nothing was written.' },
    },
    problems: {
      404: noSuchDeployment,
      409: 'The deployment is cancelled, provisioned already, or a run has it.',
      422: 'Invalid input: no such template, or parameters that it does not take.',
      ...noTemporal,
    },
    async handle(request) {
      const { em, caller, api, params, body } = request;
      const deployment = await deploymentNamed(em, params.id, caller);
      const wanted = readProvision(body, deployment, '/body');
      await refuseProvisioning(em, deployment);
      if (body.dry_run) {
        const previewed = await previewProvisioning(
          em,
          { deploymentId: params.id, provider, template: wanted, parameters: body.parameters },
          api.listPrice,
        );
        return { status: 200, body: toPreview(params.id, wanted, previewed) };
      }
      await refuseRunning(request);
      const started = await beginProvision(request, deployment, wanted, body.reason);
      if (started === undefined) throw runsAlready('provisioning_running', 'a provisioning');
      return startedReply(api.config, started);
    },
  }),
  defineRoute({
    method: 'post',
    path: '/api/v1/deployments/:id/provision/cancel',
    tag: 'Provisioning',
    summary: 'Cancels a provisioning that runs: what it created is destroyed again.',
    roles: ['platform_admin'],
    params: deploymentId,
    body: withReason,
    answer: { ...startedRun, description: 'It is being undone.' },
    problems: {
      404: noSuchDeployment,
      409: 'No provisioning runs, or it is undone already.',
      ...noTemporal,
    },
    async handle(request) {
      return messageTo(request, 'provision', provisioningMessages.cancelUpdate, {
        request: toRequest(request, request.body.reason),
      });
    },
  }),
  defineRoute({
    method: 'post',
    path: '/api/v1/deployments/:id/decommission',
    tag: 'Provisioning',
    summary:
      'Destroys what templates made of a cancelled deployment, in reverse, after a grace time. What was attached by hand stays.',
    roles: ['platform_admin'],
    params: deploymentId,
    body: z.strictObject({
      grace_hours: z
        .int({ error: `expected a whole number from 0 to ${longestGraceHours}` })
        .min(0, `expected a whole number from 0 to ${longestGraceHours}`)
        .max(longestGraceHours, `expected a whole number from 0 to ${longestGraceHours}`)
        .default(defaultGraceHours)
        .meta({ description: 'For how long nothing is destroyed.' }),
      reason,
    }),
    answer: startedRun,
    problems: {
      404: noSuchDeployment,
      409: 'The deployment is not cancelled, has nothing that a template made, or a run has it.',
      ...noTemporal,
    },
    async handle(request) {
      const { em, caller, api, params, body } = request;
      const deployment = await deploymentNamed(em, params.id, caller);
      refuseDecommission(deployment);
      await refuseRunning(request);
      if (!(await hasStandingItems(em, params.id))) {
        throw new Problem(409, 'nothing_provisioned', 'the deployment has nothing that a template made');
      }
      const input = {
        deploymentId: params.id,
        graceMs: body.grace_hours * 3_600_000,
        request: toRequest(request, body.reason),
      };
      const started = await callTemporal(api, (client) =>
        startDecommission(client, deployment.tenantId, input),
      );
      if (started === undefined) throw runsAlready('decommission_running', 'a decommission');
      return startedReply(api.config, started);
    },
  }),
  defineRoute({
    method: 'post',
    path: '/api/v1/deployments/:id/decommission/cancel',
    tag: 'Provisioning',
    summary: 'Calls a decommission off in its grace time: everything stays.',
    roles: ['platform_admin'],
    params: deploymentId,
    body: withReason,
    answer: { ...startedRun, description: 'It is called off.' },
    problems: {
      404: noSuchDeployment,
      409: 'No decommission runs, or it destroys already.',
      ...noTemporal,
    },
    async handle(request) {
      return messageTo(request, 'decommission', provisioningMessages.cancelUpdate, {
        request: toRequest(request, request.body.reason),
      });
    },
  }),
  defineRoute({
    method: 'post',
    path: '/api/v1/deployments/:id/hold',
    tag: 'Provisioning',
    summary: 'Stops a decommission in its grace time from going on when that is over, or lets it go on.',
    roles: ['platform_admin'],
    params: deploymentId,
    body: z.strictObject({ held: z.boolean({ error: 'expected true or false' }), reason }),
    answer: { ...startedRun, description: 'It is held, or goes on.' },
    problems: {
      404: noSuchDeployment,
      409: 'No decommission runs, or it destroys already.',
      ...noTemporal,
    },
    async handle(request) {
      return messageTo(request, 'decommission', provisioningMessages.holdUpdate, {
        held: request.body.held,
        request: toRequest(request, request.body.reason),
      });
    },
  }),
  defineRoute({
    method: 'post',
    path: '/api/v1/deployments/:id/provisioning/retry',
    tag: 'Provisioning',
    summary:
      'Tries to destroy items again that were set aside, or, with `leave`, lets them stand: no run touches them any more.',
    roles: ['platform_admin'],
    params: deploymentId,
    body: z.strictObject({
      keys: z
        .array(text(100))
        .min(1)
        .max(shown.items)
        .optional()
        .meta({ description: 'All that are set aside where it is absent.' }),
      leave: z.boolean({ error: 'expected true or false' }).default(false),
      reason,
    }),
    answer: { ...startedRun, description: 'It is tried.' },
    problems: { 404: noSuchDeployment, 409: 'No such item is set aside.', ...noTemporal },
    async handle(request) {
      const { keys, leave, reason: why } = request.body;
      return messageTo(request, 'any', provisioningMessages.retryItemsUpdate, {
        ...(keys === undefined ? {} : { keys }),
        leave,
        request: toRequest(request, why),
      });
    },
  }),
];

/** What a body asks for, checked whole. @throws Problem 422 with every fault; Unprocessable `template_not_found` */
export function readProvision(
  body: ProvisionBody,
  deployment: Pick<CloudDeployment, 'templateCode' | 'templateVersion'>,
  at: string,
): Template & { readonly values: ProvisionBody['parameters'] } {
  const own = body.template_code === undefined || body.template_code === deployment.templateCode;
  const code = body.template_code ?? deployment.templateCode ?? undefined;
  if (code === undefined) {
    throw invalidInput([
      { pointer: `${at}/template_code`, detail: 'is required: the deployment names no template' },
    ]);
  }
  const version = body.template_version ?? (own ? (deployment.templateVersion ?? null) : null);
  const found = findTemplate(code, version);
  const faults = parameterFaults(found, body.parameters);
  if (faults.length > 0) {
    throw invalidInput(
      faults.map(({ pointer, detail }) => ({ pointer: `${at}/parameters${pointer}`, detail })),
    );
  }
  return { ...found, values: body.parameters };
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
      request: toRequest(request, why),
    }),
  );
}

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

export const toRequest = (
  { caller, requestId }: Pick<AnyRequest, 'caller' | 'requestId'>,
  why: string,
): OperatorRequest => ({ subject: caller.subject, role: caller.role, reason: why, requestId });

/** Sends an update to the run that has the deployment. @throws Problem 409 where none of the type has it, or it refuses */
async function messageTo(
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
async function refuseRunning({
  api,
  em,
  params,
}: AnyRequest & { readonly params: { readonly id: string } }): Promise<void> {
  const live = await findRunningRun(api, em, params.id);
  if (live !== null) throw runIsLive(live);
}

const runsAlready = (code: string, what: string) =>
  new Problem(409, code, `${what} of the deployment runs already`);
