import type { EntityManager } from '@mikro-orm/postgresql';
import { ArcadiaError, Conflict } from '../../domain/errors.ts';
import { nextPeriod, type Period } from '../../domain/period.ts';
import { RollupWorklist } from '../../entities/rollupWorklist.ts';
import type { Session } from '../../session.ts';
import { recordAudit } from '../recordAudit.ts';

/** A tenant who could not be invoiced, or whom an operator skipped. */
export interface WorklistException {
  readonly position: number;
  readonly tenantId: string;
  readonly state: 'failed' | 'skipped';
  readonly problem: string | null;
  readonly message: string | null;
  /** Why it was skipped. */
  readonly reason: string | null;
  readonly attempts: number;
}

/** What an operator decides of a tenant, and why. */
export interface TenantDecision {
  readonly period: Period;
  readonly tenantId: string;
  readonly actor: Session;
  readonly reason: string;
  readonly requestId?: string | undefined;
  readonly workflowId: string;
  readonly now: Date;
}

/** The tenant is not one of those that the period's rollup takes. */
export class NotInRollup extends ArcadiaError {
  constructor(period: Period, tenantId: string) {
    super('not_in_rollup', `tenant ${tenantId} is not in the rollup of ${period.slice(0, 7)}`, {
      context: { period, tenant_id: tenantId },
    });
  }
}

/** Only a tenant who failed can be skipped. */
export class NotAnException extends Conflict {
  constructor(period: Period, tenantId: string, state: string) {
    super(
      'not_an_exception',
      `tenant ${tenantId} is ${state} in the rollup of ${period.slice(0, 7)}, not failed`,
      {
        context: { period, tenant_id: tenantId, state },
      },
    );
  }
}

/** The failed and skipped tenants of a period, failed ones first, each in the order of the worklist. */
export async function listExceptions(
  em: EntityManager,
  period: Period,
  page: {
    readonly limit: number;
    readonly states?: readonly ('failed' | 'skipped')[];
    readonly after?: { readonly state: string; readonly position: number } | undefined;
  },
): Promise<WorklistException[]> {
  return em.execute<WorklistException[]>(
    `select position, tenant_id as "tenantId", state, problem, message, reason, attempts from rollup_worklist
     where period_start = ?::date and state in (select jsonb_array_elements_text(?::jsonb)) and (state, position) > (?, ?::int)
     order by state, position limit ?`,
    [
      period,
      JSON.stringify(page.states ?? ['failed', 'skipped']),
      page.after?.state ?? '',
      page.after?.position ?? 0,
      page.limit,
    ],
  );
}

/**
 * Has a failed or skipped tenant tried again, with an audit row. One that is to do already, or has its invoice, is left alone.
 * @throws NotInRollup
 */
export async function reopenTenant(em: EntityManager, decision: TenantDecision): Promise<void> {
  await em.transactional(async (transaction) => {
    const state = await lockTenant(transaction, decision);
    if (state !== 'failed' && state !== 'skipped') return;
    await transaction.execute(
      `update rollup_worklist set state = 'pending', reason = null, updated_at = ? where period_start = ?::date and tenant_id = ?`,
      [decision.now, decision.period, decision.tenantId],
    );
    await auditTenant(transaction, decision, 'retry', state, 'pending');
  });
}

/** What became of a tenant; null where the rollup does not take it. */
export function readTenantWork(
  em: EntityManager,
  period: Period,
  tenantId: string,
): Promise<RollupWorklist | null> {
  return em.findOne(RollupWorklist, { periodStart: period, tenantId });
}

/** Has every failed tenant tried again, with one audit row. @returns how many tenants the worklist has */
export async function reopenFailed(
  em: EntityManager,
  decision: Omit<TenantDecision, 'tenantId'>,
): Promise<number> {
  return em.transactional(async (transaction) => {
    const [row] = await transaction.execute<{ reopened: number; tenants: number }[]>(
      `with reopened as (
         update rollup_worklist set state = 'pending', updated_at = ? where period_start = ?::date and state = 'failed' returning 1
       ) select (select count(*)::int from reopened) as reopened, count(*)::int as tenants
       from rollup_worklist where period_start = ?::date`,
      [decision.now, decision.period, decision.period],
    );
    const reopened = row?.reopened ?? 0;
    if (reopened > 0) {
      await recordAudit(transaction, decision.actor, {
        occurredAt: decision.now,
        action: 'period_ledger.retry_failed',
        subjectType: 'period_ledger',
        subjectId: decision.period,
        reason: decision.reason,
        after: { reopened },
        requestId: decision.requestId,
        workflowId: decision.workflowId,
      });
    }
    return row?.tenants ?? 0;
  });
}

/**
 * Leaves a failed tenant without an invoice for the period, with an audit row. Its gateway charges of the month go on its next invoice.
 * Skipping it again changes nothing.
 * @throws NotInRollup, NotAnException
 */
export async function skipTenant(em: EntityManager, decision: TenantDecision): Promise<void> {
  const { period, tenantId, reason, now } = decision;
  await em.transactional(async (transaction) => {
    const state = await lockTenant(transaction, decision);
    if (state === 'skipped') return;
    if (state !== 'failed') throw new NotAnException(period, tenantId, state);
    await transaction.execute(
      `update rollup_worklist set state = 'skipped', reason = ?, updated_at = ? where period_start = ?::date and tenant_id = ?`,
      [reason, now, period, tenantId],
    );
    await transaction.execute(
      `insert into late_usage (deployment_id, usage_month, tenant_id, source_metered, source_llm, noticed_at)
       select deployment.id, ?::date, deployment.tenant_id, false, true, ? from cloud_deployments deployment
       where deployment.tenant_id = ? and exists (
         select from llm_usage_events event where event.deployment_id = deployment.id and event.state = 'billable'
           and event.occurred_at >= ?::timestamptz and event.occurred_at < ?::timestamptz
       )
       order by deployment.id
       on conflict (deployment_id, usage_month) do update set source_llm = true, noticed_at = excluded.noticed_at, settled_at = null`,
      [period, now, tenantId, `${period}T00:00:00Z`, `${nextPeriod(period)}T00:00:00Z`],
    );
    await auditTenant(transaction, decision, 'skip', state, 'skipped');
  });
}

/** @returns the tenant's state, which stays until the transaction ends. @throws NotInRollup */
async function lockTenant(em: EntityManager, { period, tenantId }: TenantDecision): Promise<string> {
  const [row] = await em.execute<{ state: string }[]>(
    `select state from rollup_worklist where period_start = ?::date and tenant_id = ? for update`,
    [period, tenantId],
  );
  if (row === undefined) throw new NotInRollup(period, tenantId);
  return row.state;
}

function auditTenant(
  em: EntityManager,
  decision: TenantDecision,
  verb: 'retry' | 'skip',
  before: string,
  after: string,
): Promise<void> {
  return recordAudit(em, decision.actor, {
    occurredAt: decision.now,
    action: `rollup_worklist.${verb}`,
    subjectType: 'rollup_worklist',
    subjectId: `${decision.period}/${decision.tenantId}`,
    reason: decision.reason,
    before: { state: before },
    after: { state: after },
    requestId: decision.requestId,
    workflowId: decision.workflowId,
  });
}
