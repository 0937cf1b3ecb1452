import { LockMode } from '@mikro-orm/core';
import type { EntityManager } from '@mikro-orm/postgresql';
import type { RevertPlan } from '../../domain/drift/revertPlan.ts';
import type { JsonValue } from '../../domain/errors.ts';
import { CloudDrift } from '../../entities/cloudDrift.ts';
import {
  CloudDriftRevert,
  type DriftRevertState,
  type DriftRevertStep,
  liveDriftRevertStates,
} from '../../entities/cloudDriftRevert.ts';
import { type Session, systemSession } from '../../session.ts';
import { recordAudit } from '../recordAudit.ts';

export type RevertState = DriftRevertState;
export type RevertStepRecord = DriftRevertStep;

export interface RevertOutcomeProblem {
  readonly code: string;
  readonly message: string;
}

/** Puts a plan there to be approved. A revert that was cancelled meanwhile stays so. @returns what the revert is then */
export function storeRevertPlan(
  em: EntityManager,
  revertId: string,
  planned: { readonly plan: RevertPlan; readonly expiresAt: Date },
): Promise<RevertState> {
  return em.transactional(async (transaction) => {
    const revert = await lockRevert(transaction, revertId);
    if (revert.state !== 'planning') return revert.state;
    revert.state = 'planned';
    revert.plan = { ...planned.plan } as unknown as { [key: string]: JsonValue };
    revert.addedMonthly = planned.plan.addedMonthly;
    revert.currency = planned.plan.currency;
    revert.expiresAt = planned.expiresAt;
    await transaction.flush();
    return revert.state;
  });
}

/** There can be no plan. Where the drift is gone, it is closed as stale. */
export function refuseRevert(
  em: EntityManager,
  revertId: string,
  refusal: { readonly problem: RevertOutcomeProblem; readonly isStale: boolean; readonly now: Date },
): Promise<RevertState> {
  return em.transactional(async (transaction) => {
    const { problem, isStale, now } = refusal;
    const revert = await closeRevert(transaction, revertId, { state: 'refused', problem, now });
    if (isStale && revert.state === 'refused') {
      await transaction.execute(
        `update cloud_drift set state = 'stale', resolved_at = ?, resolved_by = ?, workflow_id = ?, problem = null
         where id = ? and state = 'open'`,
        [now, systemSession.subject, revert.workflowId, revert.drift],
      );
    }
    return revert.state;
  });
}

/** The time to approve a plan is over. One that was approved in the last moment goes on. @returns what the revert is then */
export function expireRevert(em: EntityManager, revertId: string, now: Date): Promise<RevertState> {
  return em.transactional(async (transaction) => {
    const revert = await lockRevert(transaction, revertId);
    if (revert.state !== 'planned') return revert.state;
    const message = `nobody approved the plan until ${revert.expiresAt?.toISOString()}`;
    const closed = await closeRevert(transaction, revertId, {
      state: 'expired',
      problem: { code: 'revert_expired', message },
      now,
    });
    return closed.state;
  });
}

/** From here on the resource is changed. */
export async function recordRevertRunning(em: EntityManager, revertId: string): Promise<void> {
  await em.execute(
    `update cloud_drift_reverts set state = 'running' where id = ? and state in ('approved', 'running')`,
    [revertId],
  );
}

/** From here on what was done is taken back. */
export async function recordRevertUndoing(em: EntityManager, revertId: string): Promise<void> {
  await em.execute(
    `update cloud_drift_reverts set state = 'undoing' where id = ? and state in ('approved', 'running', 'undoing')`,
    [revertId],
  );
}

/** Writes down what became of a step; the last word on each stands. */
export function recordRevertStep(em: EntityManager, revertId: string, step: RevertStepRecord): Promise<void> {
  return em.transactional(async (transaction) => {
    const revert = await lockRevert(transaction, revertId);
    const isKnown = revert.steps.some(({ name }) => name === step.name);
    revert.steps = isKnown
      ? revert.steps.map((known) => (known.name === step.name ? step : known))
      : [...revert.steps, step];
    await transaction.flush();
  });
}

/** The resource is what its spec says again: the drift is closed, with an event and an audit row. Recording it again changes nothing. */
export function recordReverted(em: EntityManager, revertId: string, now: Date): Promise<void> {
  return em.transactional(async (transaction) => {
    const revert = await lockRevert(transaction, revertId);
    if (revert.state === 'done') return;
    await closeRevert(transaction, revertId, { state: 'done', problem: null, now });
    const approver = revert.approvedBy ?? systemSession.subject;
    await transaction.execute(
      `with reverted as (
         update cloud_drift set state = 'reverted', resolved_at = ?, resolved_by = ?, reason = ?, workflow_id = ?, problem = null
         where id = ? and state = 'open' returning resource_id, field, desired, actual
       )
       insert into cloud_resource_events (resource_id, type, occurred_at, attributed_at, changes)
       select resource_id, 'drift_reverted', ?::timestamptz, ?::timestamptz,
         jsonb_build_object(field, jsonb_build_object('from', actual, 'to', desired)) from reverted`,
      [now, approver, revert.approvalReason ?? null, revert.workflowId, revert.drift, now, now],
    );
    await auditEnd(transaction, revert, 'cloud_drift.revert', now, { state: 'reverted' });
  });
}

/** The revert came to nothing: what it was, and why, stays on it and on the drift, which stays open. */
export function recordRevertEnd(
  em: EntityManager,
  revertId: string,
  end: {
    readonly state: 'failed' | 'cancelled';
    readonly problem: RevertOutcomeProblem;
    /** Who cancelled it, where an operator did. */
    readonly cancelledBy?: {
      readonly actor: Session;
      readonly reason: string;
      readonly requestId?: string | undefined;
    };
    readonly now: Date;
  },
): Promise<RevertState> {
  return em.transactional(async (transaction) => {
    const before = await lockRevert(transaction, revertId);
    if (!isLive(before.state)) return before.state;
    const revert = await closeRevert(transaction, revertId, {
      ...end,
      cancelledBy: end.cancelledBy?.actor.subject ?? null,
    });
    await auditEnd(
      transaction,
      revert,
      end.state === 'cancelled' ? 'cloud_drift.cancel_revert' : 'cloud_drift.fail_revert',
      end.now,
      { state: 'open', problem: { ...end.problem } },
      end.cancelledBy,
    );
    return revert.state;
  });
}

/**
 * Ends a revert, unless it has ended; a problem is noted on its drift too, where operators look. In the transaction of `em`.
 * @returns the revert as it is then
 */
export async function closeRevert(
  em: EntityManager,
  revertId: string,
  end: {
    readonly state: Exclude<DriftRevertState, (typeof liveDriftRevertStates)[number]>;
    readonly problem: RevertOutcomeProblem | null;
    readonly cancelledBy?: string | null;
    readonly now: Date;
  },
): Promise<CloudDriftRevert> {
  const revert = await lockRevert(em, revertId);
  if (!isLive(revert.state)) return revert;
  revert.state = end.state;
  revert.problem = end.problem;
  revert.cancelledBy = end.cancelledBy ?? null;
  revert.endedAt = end.now;
  if (end.problem !== null)
    await em.nativeUpdate(CloudDrift, { id: revert.drift, state: 'open' }, { problem: end.problem });
  await em.flush();
  return revert;
}

/** Whether a revert in this state holds its resource. */
export const isLive = (state: DriftRevertState): boolean =>
  liveDriftRevertStates.some((live) => live === state);

const lockRevert = (em: EntityManager, id: string): Promise<CloudDriftRevert> =>
  em.findOneOrFail(CloudDriftRevert, { id }, { lockMode: LockMode.PESSIMISTIC_WRITE });

async function auditEnd(
  em: EntityManager,
  revert: CloudDriftRevert,
  action: string,
  now: Date,
  after: { readonly [name: string]: JsonValue },
  by?: { readonly actor: Session; readonly reason: string; readonly requestId?: string | undefined },
): Promise<void> {
  await recordAudit(em, by?.actor ?? systemSession, {
    occurredAt: now,
    action,
    subjectType: 'cloud_drift',
    subjectId: revert.drift,
    before: { state: 'open' },
    after: {
      ...after,
      revert_id: revert.id,
      approved_by: revert.approvedBy ?? null,
      steps: revert.steps.map((step) => ({ ...step })),
    },
    workflowId: revert.workflowId,
    reason: by?.reason,
    requestId: by?.requestId,
  });
}
