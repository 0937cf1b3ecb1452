import type { EntityManager } from '@mikro-orm/postgresql';
import { nextPeriod, type Period, periodBounds } from '../../domain/period.ts';
import type { Session } from '../../session.ts';
import { recordAudit } from '../recordAudit.ts';
import { awaitUsageChanges } from '../usageChanges.ts';
import { lateUsageCanBeCarried } from './waitingInvoices.ts';

export interface FreezeWorklist {
  readonly period: Period;
  /** The run that freezes it, by its first execution. */
  readonly workflowId: string;
  readonly runId: string;
  /** Computes the drafts anew that are there; else what is there stays. */
  readonly force: boolean;
  /** Who asked for that, and why, for the audit log. */
  readonly forcedBy?: {
    readonly actor: Session;
    readonly reason: string;
    readonly requestId?: string | undefined;
  };
  /** For how long after the rollup's time drafts stay open to late usage. */
  readonly graceHours: number;
  readonly now: Date;
}

/** At 03:00 on the first day after the period, UTC. */
const rollUpHour = 3;
const hourMs = 3_600_000;

/** When the drafts of a period may be issued: its grace time counts from the time at which it is rolled up, whenever that was done. */
export function endOfGrace(period: Period, graceHours: number): Date {
  return new Date(periodBounds(period).end.getTime() + (rollUpHour + graceHours) * hourMs);
}

/**
 * Opens the ledger's row of the period for this run, and puts every tenant who is to be invoiced in the worklist: in a frozen order, so
 * that positions name the same tenants however often a part is done again. Tenants of an earlier run keep their place; what failed is
 * to do again, what an operator skipped stays skipped, and with `force` so are the tenants with a draft. Again for the same run it changes nothing.
 * @returns how many tenants the worklist has; their positions go from 0
 */
export async function freezeWorklist(em: EntityManager, input: FreezeWorklist): Promise<number> {
  return em.transactional(async (transaction) => {
    await awaitUsageChanges(transaction);
    if (await openLedger(transaction, input)) {
      await reopenWork(transaction, input);
      await addWork(transaction, input);
      await auditForce(transaction, input);
    }
    const [row] = await transaction.execute<{ tenants: number }[]>(
      `update period_ledger ledger set tenants = (select count(*) from rollup_worklist work where work.period_start = ledger.period_start)
       where period_start = ?::date returning tenants`,
      [input.period],
    );
    return row?.tenants ?? 0;
  });
}

/** @returns false where this run did it before */
async function openLedger(em: EntityManager, input: FreezeWorklist): Promise<boolean> {
  const { period, workflowId, runId, force, graceHours, now } = input;
  const rows = await em.execute<{ period_start: string }[]>(
    `insert into period_ledger as ledger (period_start, state, workflow_id, run_id, forced, started_at, issue_after)
     values (?::date, 'rolling_up', ?, ?, ?, ?, ?)
     on conflict (period_start) do update set state = 'rolling_up', workflow_id = excluded.workflow_id, run_id = excluded.run_id,
       forced = excluded.forced, started_at = excluded.started_at, rolled_up_at = null, checked_at = null
     where ledger.run_id <> excluded.run_id
     returning period_start`,
    [period, workflowId, runId, force, now, endOfGrace(period, graceHours)],
  );
  return rows.length > 0;
}

/** What an earlier run left: what has its invoice is existing, unless it is a draft and forced; the rest is to do. */
async function reopenWork(em: EntityManager, { period, force, now }: FreezeWorklist): Promise<void> {
  await em.execute(
    `update rollup_worklist work set problem = null, message = null, updated_at = ?,
       state = case when exists (
         select from tenant_invoices invoice
         where invoice.tenant_id = work.tenant_id and invoice.period_start = work.period_start
           and not (?::boolean and invoice.status = 'draft')
       ) then 'existing' else 'pending' end
     where work.period_start = ?::date and work.state <> 'skipped'`,
    [now, force, period],
  );
}

async function addWork(em: EntityManager, { period, now }: FreezeWorklist): Promise<void> {
  const billed = billedTenants(period);
  await em.execute(
    `insert into rollup_worklist (period_start, tenant_id, position, state, attempts, updated_at)
     select ?::date, tenant_id,
       (select coalesce(max(position) + 1, 0) from rollup_worklist where period_start = ?::date)
         + row_number() over (order by tenant_id collate "C") - 1,
       'pending', 0, ?
     from (${billed.sql}) billed
     where not exists (
       select from rollup_worklist known where known.period_start = ?::date and known.tenant_id = billed.tenant_id
     )`,
    [period, period, now, ...billed.parameters, period],
  );
}

/** The tenants who are to be invoiced for a period, as a statement with one column. */
export function billedTenants(period: Period): {
  readonly sql: string;
  readonly parameters: readonly string[];
} {
  const until = nextPeriod(period);
  return {
    sql: `select tenant_id from subscriptions where ${isAlive}
       union
       select tenant_id from (
         select id, tenant_id from cloud_deployments deployment
         where not exists (select from subscriptions where deployment_id = deployment.id and ${isAlive})
         offset 0
       ) unsubscribed
       where exists (
         select from llm_usage_events event where event.deployment_id = unsubscribed.id and event.state = 'billable'
           and event.occurred_at >= ?::timestamptz and event.occurred_at < ?::timestamptz
       )
       union
       select tenant_id from late_usage late
       where late.settled_at is null and late.usage_month < ?::date and ${lateUsageCanBeCarried}`,
    parameters: [until, period, until, period, `${period}T00:00:00Z`, `${until}T00:00:00Z`, period],
  };
}

async function auditForce(em: EntityManager, input: FreezeWorklist): Promise<void> {
  const { period, forcedBy, workflowId, now } = input;
  if (forcedBy === undefined) return;
  await recordAudit(em, forcedBy.actor, {
    occurredAt: now,
    action: 'period_ledger.force_roll_up',
    subjectType: 'period_ledger',
    subjectId: period,
    reason: forcedBy.reason,
    requestId: forcedBy.requestId,
    workflowId,
  });
}

/** Whether a subscription has a day in the period; its parameters are the period's end and its start. The day of its cancel counts. */
const isAlive = `starts_on < ?::date
  and (cancelled_at is null or (cancelled_at at time zone 'UTC')::date >= greatest(starts_on, ?::date))`;
