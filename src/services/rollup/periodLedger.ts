import type { EntityManager } from '@mikro-orm/postgresql';
import { type Period, periodBounds } from '../../domain/period.ts';
import { PeriodLedger } from '../../entities/periodLedger.ts';
import { listExceptions } from './worklistExceptions.ts';

/** How many tenants of a worklist are in which state. */
export interface WorklistCounts {
  readonly tenants: number;
  readonly pending: number;
  /** Invoiced by the run; `existing` were before. */
  readonly invoiced: number;
  readonly existing: number;
  readonly failed: number;
  readonly skipped: number;
}

/** Counts the worklist of a period as it is now. */
export async function countWorklist(em: EntityManager, period: Period): Promise<WorklistCounts> {
  const [row] = await em.execute<WorklistCounts[]>(
    `select count(*)::int as tenants,
       (count(*) filter (where state = 'pending'))::int as pending,
       (count(*) filter (where state = 'done'))::int as invoiced,
       (count(*) filter (where state = 'existing'))::int as existing,
       (count(*) filter (where state = 'failed'))::int as failed,
       (count(*) filter (where state = 'skipped'))::int as skipped
     from rollup_worklist where period_start = ?::date`,
    [period],
  );
  if (row === undefined) throw new Error('a count has one row');
  return row;
}

/** What the worklist of a period has come to, with the first of those who failed. */
export interface WorklistSummary extends WorklistCounts {
  /** Counted as invoiced, but without an invoice: none, or something is wrong. */
  readonly uninvoiced: number;
  readonly exceptions: readonly {
    readonly tenantId: string;
    readonly problem: string | null;
    readonly message: string | null;
  }[];
}

/** As many as an operator reads at a glance. */
const exceptionsNamed = 20;

/** Counts the worklist of a period, and writes the counts into the ledger. */
export async function summariseWorklist(em: EntityManager, period: Period): Promise<WorklistSummary> {
  return em.transactional(async (transaction) => {
    const counts = await countWorklist(transaction, period);
    await transaction.execute(
      `update period_ledger set tenants = ?, invoiced = ?, skipped = ?, failed = ? where period_start = ?::date`,
      [counts.tenants, counts.invoiced + counts.existing, counts.skipped, counts.failed, period],
    );
    const [row] = await transaction.execute<{ uninvoiced: number }[]>(
      `select count(*)::int as uninvoiced from rollup_worklist work
       where work.period_start = ?::date and work.state in ('done', 'existing') and not exists (
         select from tenant_invoices invoice
         where invoice.period_start = work.period_start and invoice.tenant_id = work.tenant_id)`,
      [period],
    );
    const exceptions = await listExceptions(transaction, period, {
      limit: exceptionsNamed,
      states: ['failed'],
    });
    return {
      ...counts,
      uninvoiced: row?.uninvoiced ?? 0,
      exceptions: exceptions.map(({ tenantId, problem, message }) => ({ tenantId, problem, message })),
    };
  });
}

/** Every tenant is accounted for and every invoice was checked: the month is rolled up. */
export async function recordRolledUp(em: EntityManager, period: Period, now: Date): Promise<void> {
  await em.execute(
    `update period_ledger set state = 'rolled_up', rolled_up_at = ? where period_start = ?::date and state = 'rolling_up'`,
    [now, period],
  );
}

/** Notes a check that found nothing, without any other change. */
export async function recordCheck(em: EntityManager, period: Period, checkedAt: Date): Promise<void> {
  await em.execute(`update period_ledger set checked_at = ? where period_start = ?::date`, [
    checkedAt,
    period,
  ]);
}

/** Marks a period as issued once no draft of it is left. @returns how many drafts are left */
export async function recordIssue(em: EntityManager, period: Period, now: Date): Promise<number> {
  const [row] = await em.execute<{ drafts: number }[]>(
    `with left_over as (
       select count(*)::int as drafts from tenant_invoices where period_start = ?::date and status = 'draft'
     ), marked as (
       update period_ledger set state = 'issued', issued_at = coalesce(issued_at, ?)
       where period_start = ?::date and state = 'rolled_up' and (select drafts from left_over) = 0
     )
     select drafts from left_over`,
    [period, now, period],
  );
  return row?.drafts ?? 0;
}

export function readLedger(em: EntityManager, period: Period): Promise<PeriodLedger | null> {
  return em.findOne(PeriodLedger, { periodStart: period });
}

/** The ledger, newest month first. */
export function listLedger(em: EntityManager): Promise<PeriodLedger[]> {
  return em.find(PeriodLedger, {}, { orderBy: { periodStart: 'desc' } });
}

/** The months from the first subscription's to the last that ended which were never rolled up, oldest first. */
export async function missingPeriods(em: EntityManager, now: Date): Promise<Period[]> {
  const rows = await em.execute<{ period: string }[]>(
    `select month::date::text as period
     from (select date_trunc('month', min(starts_on))::timestamp as start from subscriptions) first,
       generate_series(first.start, date_trunc('month', ?::timestamptz at time zone 'UTC') - interval '1 month', interval '1 month') month
     where not exists (select from period_ledger where period_start = month::date)
     order by month`,
    [now],
  );
  return rows.map(({ period }) => period);
}

/** Whether a month is over. */
export const hasEnded = (period: Period, now: Date) => periodBounds(period).end <= now;
