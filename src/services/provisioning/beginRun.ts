import { randomUUID } from 'node:crypto';
import type { EntityManager } from '@mikro-orm/postgresql';
import { Conflict, type JsonValue } from '../../domain/errors.ts';
import type { CloudDeployment } from '../../entities/cloudDeployment.ts';
import { liveProvisioningRunStates, ProvisioningRun } from '../../entities/provisioningRun.ts';
import { recordChange } from '../recordChange.ts';
import type { ProvisioningRequest } from './provisioningRequest.ts';

export interface NewRun {
  readonly type: 'provision' | 'decommission';
  /** Of the workflow's first run: a retry of its first step finds what it wrote. */
  readonly runId: string;
  readonly template?: { readonly code: string; readonly version: number };
  readonly parameters?: { readonly [name: string]: JsonValue };
  /** Nothing is destroyed before; null where nothing is waited for. */
  readonly notBefore: Date | null;
}

/** The run that this process has written already, where its first step is tried again. */
export function findOwnRun(em: EntityManager, workflowId: string, runId: string) {
  return em.findOne(ProvisioningRun, { workflowId, runId }, { disableIdentityMap: true });
}

/**
 * Gives the deployment to a run, in the transaction of `em`, which has locked the deployment. Ids of open processes are unique, so an
 * earlier run under the same id that looks alive was ended by force: it is closed as `run_lost`.
 * @throws Conflict `provisioning_running` or `decommission_running` while another run has it
 */
export async function beginRun(
  em: EntityManager,
  deployment: Pick<CloudDeployment, 'id' | 'tenantId'>,
  wanted: NewRun,
  request: ProvisioningRequest,
): Promise<string> {
  await closeLostRuns(em, deployment.id, request);
  await refuseLiveRun(em, deployment.id);
  const id = randomUUID();
  await em.insert(ProvisioningRun, {
    id,
    deployment: deployment.id,
    tenantId: deployment.tenantId,
    type: wanted.type,
    templateCode: wanted.template?.code ?? null,
    templateVersion: wanted.template?.version ?? null,
    parameters: wanted.parameters ?? {},
    state: wanted.type === 'provision' ? 'running' : 'waiting',
    workflowId: request.workflowId,
    runId: wanted.runId,
    requestedBy: request.actor.subject,
    reason: request.reason,
    notBefore: wanted.notBefore,
    isHeld: false,
    createdAt: request.now,
  });
  await recordChange(em, request, {
    action: 'provisioning_run.begin',
    subjectId: id,
    after: {
      type: wanted.type,
      deployment_id: deployment.id,
      template_code: wanted.template?.code ?? null,
      template_version: wanted.template?.version ?? null,
      not_before: wanted.notBefore?.toISOString() ?? null,
    },
  });
  return id;
}

/** The run that has the deployment now; null where none has. */
export function findLiveRun(em: EntityManager, deploymentId: string): Promise<ProvisioningRun | null> {
  return em.findOne(
    ProvisioningRun,
    { deployment: deploymentId, state: { $in: [...liveProvisioningRunStates] } },
    { disableIdentityMap: true },
  );
}

/** Closes a run whose process was ended by force, so that the deployment is free again. */
export async function closeLostRun(em: EntityManager, provisioningId: string, now: Date): Promise<void> {
  await em.nativeUpdate(
    ProvisioningRun,
    { id: provisioningId, state: { $in: [...liveProvisioningRunStates] } },
    lost(now),
  );
}

/** @throws Conflict `provisioning_running`, `decommission_running` */
async function refuseLiveRun(em: EntityManager, deploymentId: string): Promise<void> {
  const live = await findLiveRun(em, deploymentId);
  if (live !== null) throw runIsLive(live);
}

/** What a live run of the deployment answers to another one: `provisioning_running` or `decommission_running`. */
export function runIsLive(
  live: Pick<ProvisioningRun, 'id' | 'type' | 'state' | 'createdAt' | 'requestedBy'>,
): Conflict {
  return new Conflict(
    live.type === 'provision' ? 'provisioning_running' : 'decommission_running',
    `a ${live.type} of the deployment is ${live.state} since ${live.createdAt.toISOString()}, asked for by ${live.requestedBy}`,
    {
      context: {
        provisioning_id: live.id,
        type: live.type,
        state: live.state,
        requested_by: live.requestedBy,
      },
    },
  );
}

async function closeLostRuns(
  em: EntityManager,
  deploymentId: string,
  { workflowId, now }: ProvisioningRequest,
): Promise<void> {
  await em.nativeUpdate(
    ProvisioningRun,
    { deployment: deploymentId, workflowId, state: { $in: [...liveProvisioningRunStates] } },
    lost(now),
  );
}

const lost = (now: Date) => ({
  state: 'failed' as const,
  endedAt: now,
  problem: { code: 'run_lost', message: 'the process was ended by force before it was done' },
});
