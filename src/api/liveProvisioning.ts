import type { EntityManager } from '@mikro-orm/postgresql';
import { WorkflowNotFoundError, WorkflowUpdateFailedError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import type { ProvisioningRun } from '../entities/provisioningRun.ts';
import { closeLostRun, findLiveRun } from '../services/provisioning/beginRun.ts';
import { Problem } from './problems.ts';
import type { ApiDependencies } from './route.ts';
import { callTemporal } from './temporalCalls.ts';

/** The run that has a deployment now. One whose process was ended by force is closed, and has it no longer. */
export async function findRunningRun(
  api: ApiDependencies,
  em: EntityManager,
  deploymentId: string,
): Promise<ProvisioningRun | null> {
  const live = await findLiveRun(em, deploymentId);
  if (live === null || (await isOpen(api, live))) return live;
  // It may have ended in good order between the two looks.
  await closeLostRun(em, live.id, api.clock());
  return null;
}

async function isOpen(api: ApiDependencies, { workflowId }: ProvisioningRun): Promise<boolean> {
  try {
    // Where a later run of the same id is open, it closes this one itself.
    const { status } = await callTemporal(api, (client) => client.workflow.getHandle(workflowId).describe());
    return status.name === 'RUNNING';
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}

/** Sends an update to a run. @throws Problem 409 with the run's reason where it refuses, or has ended */
export async function updateRun(
  api: ApiDependencies,
  run: Pick<ProvisioningRun, 'workflowId'>,
  update: string,
  argument: object,
): Promise<void> {
  try {
    await callTemporal(api, (client) =>
      client.workflow
        .getHandle(run.workflowId)
        .startUpdate(update, { args: [argument], waitForStage: 'ACCEPTED' }),
    );
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) {
      throw new Problem(409, 'not_running', 'the process has ended');
    }
    const cause = error instanceof WorkflowUpdateFailedError ? error.cause : undefined;
    if (!(cause instanceof ApplicationFailure)) throw error;
    throw new Problem(409, cause.type ?? 'refused', cause.message);
  }
}
