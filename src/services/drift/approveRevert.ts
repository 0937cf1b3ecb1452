import { LockMode } from '@mikro-orm/core';
import type { EntityManager } from '@mikro-orm/postgresql';
import type { RevertPlan } from '../../domain/drift/revertPlan.ts';
import { Conflict, type JsonValue } from '../../domain/errors.ts';
import { Decimal } from '../../domain/money.ts';
import { CloudDriftRevert } from '../../entities/cloudDriftRevert.ts';
import type { Session } from '../../session.ts';
import { recordAudit } from '../recordAudit.ts';

/** How much may be reverted, over all resources. */
export interface RevertLimits {
  /** How many reverts may change something at once. */
  readonly atOnce: number;
  /** What the reverts that were approved in the last 24 hours may add to a month's bill, a decimal text. */
  readonly budgetMonthly: string;
}

/** What operators may revert, and for how long they may think it over. */
export interface RevertSettings extends RevertLimits {
  readonly approvalHours: number;
}

export interface ApproveRevert {
  readonly revertId: string;
  /** When it was asked for: the same approval again is no second one. */
  readonly approvedAt: Date;
  readonly actor: Session;
  readonly reason: string;
  readonly requestId?: string | undefined;
  readonly limits: RevertLimits;
}

/** What is asked of a revert can't be done to it any more. */
export class RevertNotPlanned extends Conflict {
  constructor(revert: CloudDriftRevert) {
    super('revert_not_planned', `this revert is ${revert.state}: ${whatHappened(revert)}`, {
      context: standingOf(revert),
    });
  }
}

/**
 * Approves a plan, where the limits allow it; else it stays planned, and can be approved later. One at a time over all resources, so
 * that two approvals never share the same room.
 * @throws RevertNotPlanned; Conflict `revert_expired`, `too_many_reverts`, `revert_price_unknown`, `revert_budget_exceeded`
 */
export function approveRevert(em: EntityManager, request: ApproveRevert): Promise<void> {
  return em.transactional(async (transaction) => {
    const { revertId, approvedAt, actor, limits } = request;
    await transaction.execute(`select pg_advisory_xact_lock(hashtext('drift reverts'))`);
    const revert = await transaction.findOneOrFail(
      CloudDriftRevert,
      { id: revertId },
      { lockMode: LockMode.PESSIMISTIC_WRITE },
    );
    if (revert.state === 'approved' && revert.approvedAt?.getTime() === approvedAt.getTime()) return;
    if (revert.state !== 'planned') throw new RevertNotPlanned(revert);
    if (revert.expiresAt != null && revert.expiresAt <= approvedAt) {
      throw new Conflict(
        'revert_expired',
        `this plan could be approved until ${revert.expiresAt.toISOString()}: plan the revert again`,
        { context: standingOf(revert) },
      );
    }
    await refuseBeyondLimits(transaction, revert, approvedAt, limits);
    revert.state = 'approved';
    revert.approvedBy = actor.subject;
    revert.approvedAt = approvedAt;
    revert.approvalReason = request.reason;
    await transaction.flush();
    await recordAudit(transaction, actor, {
      occurredAt: approvedAt,
      action: 'cloud_drift.approve_revert',
      subjectType: 'cloud_drift',
      subjectId: revert.drift,
      reason: request.reason,
      after: { revert_id: revert.id, added_monthly: revert.addedMonthly ?? null, currency: revert.currency },
      workflowId: revert.workflowId,
      requestId: request.requestId,
    });
  });
}

/** A revert's state with who brought it there and when, for whoever came too late. */
export function standingOf(revert: CloudDriftRevert): { [name: string]: JsonValue } {
  return {
    revert_id: revert.id,
    drift_id: revert.drift,
    state: revert.state,
    approved_by: revert.approvedBy ?? null,
    approved_at: revert.approvedAt?.toISOString() ?? null,
    cancelled_by: revert.cancelledBy ?? null,
    ended_at: revert.endedAt?.toISOString() ?? null,
    problem: revert.problem ?? null,
  };
}

/** The same in a sentence. */
export function whatHappened(revert: CloudDriftRevert): string {
  if (revert.problem != null) return revert.problem.message;
  if (revert.state === 'planning') return 'its plan is not there yet';
  const approved = `approved by ${revert.approvedBy} at ${revert.approvedAt?.toISOString()}`;
  return revert.state === 'done' ? `${approved}, and done at ${revert.endedAt?.toISOString()}` : approved;
}

const pricedActions: ReadonlySet<string> = new Set([
  'resize',
  'grow_volume',
  'enable_backups',
  'disable_backups',
]);

/** Names, tags and memberships cost nothing, whatever the resource does. */
function changesPrice({ plan }: CloudDriftRevert): boolean {
  const { steps } = plan as unknown as RevertPlan;
  return steps.some(({ action }) => pricedActions.has(action));
}

async function refuseBeyondLimits(
  em: EntityManager,
  revert: CloudDriftRevert,
  now: Date,
  { atOnce, budgetMonthly }: RevertLimits,
): Promise<void> {
  const [sums] = await em.execute<{ running: number; added: string; unpriced: number }[]>(
    `select count(*) filter (where state in ('approved', 'running', 'undoing'))::int as running,
       coalesce(sum(greatest(added_monthly, 0)) filter (
         where state in ('approved', 'running', 'undoing', 'done') and approved_at > ?::timestamptz - interval '24 hours'
           and currency = ?), 0)::text as added
     from cloud_drift_reverts where approved_at is not null`,
    [now, revert.currency],
  );
  const { running, added } = sums ?? { running: 0, added: '0' };
  if (running >= atOnce) {
    throw new Conflict(
      'too_many_reverts',
      `${running} reverts run, and at most ${atOnce} may at once: approve this one when one of them is over`,
      { context: { running, allowed: atOnce } },
    );
  }
  if (revert.addedMonthly == null) {
    if (!changesPrice(revert)) return;
    throw new Conflict(
      'revert_price_unknown',
      'nothing says what this revert adds to the bill, so it can not be held against the budget',
      { context: { budget_monthly: budgetMonthly, currency: revert.currency } },
    );
  }
  const adds = Decimal.max(revert.addedMonthly, 0);
  if (adds.isZero() || adds.plus(added).lessThanOrEqualTo(budgetMonthly)) return;
  throw new Conflict(
    'revert_budget_exceeded',
    `this revert adds ${adds.toFixed()} ${revert.currency} a month, after ${added} of the last 24 hours; together they may add ${budgetMonthly}`,
    {
      context: {
        adds_monthly: adds.toFixed(),
        approved_monthly: added,
        budget_monthly: budgetMonthly,
        currency: revert.currency,
      },
    },
  );
}
