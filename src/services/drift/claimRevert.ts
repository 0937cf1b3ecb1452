import type { EntityManager } from '@mikro-orm/postgresql';
import { ArcadiaError } from '../../domain/errors.ts';
import { CloudDriftRevert, liveDriftRevertStates } from '../../entities/cloudDriftRevert.ts';
import type { Session } from '../../session.ts';
import { recordAudit } from '../recordAudit.ts';
import { lockDecisions, lockOpenDrifts } from './lockDrift.ts';
import { closeRevert } from './recordRevert.ts';
import { readDriftOfResource } from './revertedDrift.ts';

export interface ClaimRevert {
  readonly driftId: string;
  /** The process that carries the revert out, and its run. */
  readonly workflowId: string;
  readonly runId: string;
  readonly actor: Session;
  readonly reason: string;
  readonly requestId?: string | undefined;
  readonly resizeDisk: boolean;
  readonly now: Date;
}

/** What a revert works on. */
export interface ClaimedRevert {
  readonly revertId: string;
  readonly provider: string;
  readonly kind: string;
  readonly name: string;
  readonly deploymentId: string | null;
}

/**
 * Begins a revert, which holds its resource from then on: nobody else resolves its drift, and no other revert begins. One that an
 * earlier run of the same process left behind is closed as failed: only one run of a process is ever open. Claiming again in the same
 * run gives the same revert.
 * @throws DriftNotOpen, RevertInProgress, ArcadiaError `unknown_drift`
 */
export function claimRevert(em: EntityManager, claim: ClaimRevert): Promise<ClaimedRevert> {
  return em.transactional(async (transaction) => {
    const { driftId, workflowId, runId, actor, now } = claim;
    const drift = await readDriftOfResource(transaction, driftId);
    if (drift === null) throw new ArcadiaError('unknown_drift', `there is no drift ${driftId}`);
    await lockDecisions(transaction, [drift.resourceId]);
    const claimed = {
      provider: drift.provider,
      kind: drift.kind,
      name: drift.name,
      deploymentId: drift.deploymentId,
    };
    const live = await findLiveRevert(transaction, drift.resourceId);
    if (live?.runId === runId) return { revertId: live.id, ...claimed };
    if (live?.workflowId === workflowId) await abandonRevert(transaction, live, now);
    await lockOpenDrifts(transaction, [driftId]);
    const revert = transaction.create(CloudDriftRevert, {
      id: crypto.randomUUID(),
      drift: driftId,
      resource: drift.resourceId,
      workflowId,
      runId,
      state: 'planning',
      currency: drift.currency,
      plannedBy: actor.subject,
      reason: claim.reason,
      steps: [],
      createdAt: now,
    });
    await transaction.flush();
    await recordAudit(transaction, actor, {
      occurredAt: now,
      action: 'cloud_drift.plan_revert',
      subjectType: 'cloud_drift',
      subjectId: driftId,
      reason: claim.reason,
      after: { revert_id: revert.id, resize_disk: claim.resizeDisk },
      workflowId,
      requestId: claim.requestId,
    });
    return { revertId: revert.id, ...claimed };
  });
}

/** The revert that holds a resource; null where none does. */
export function findLiveRevert(em: EntityManager, resourceId: string): Promise<CloudDriftRevert | null> {
  return em.findOne(CloudDriftRevert, { resource: resourceId, state: { $in: [...liveDriftRevertStates] } });
}

/** Closes a revert whose process is over without having said how: it was terminated. What it had begun stays as it is. */
export async function abandonRevert(em: EntityManager, revert: CloudDriftRevert, now: Date): Promise<void> {
  await closeRevert(em, revert.id, {
    state: 'failed',
    problem: {
      code: 'abandoned',
      message: `the process of this revert was ended from outside while it was ${revert.state}: look at the resource, it may stand half-way`,
    },
    now,
  });
}
