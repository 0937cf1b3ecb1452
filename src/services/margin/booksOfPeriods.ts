import { IsolationLevel } from '@mikro-orm/core';
import type { EntityManager } from '@mikro-orm/postgresql';
import type { Period } from '../../domain/period.ts';
import { accruedRevenue } from './accruedRevenue.ts';
import { costsByOwner, type OwnerCost } from './costsByOwner.ts';
import { type EstimateInForce, readEstimatesInForce } from './estimatedParts.ts';
import { runningPeriod } from './liveAccrual.ts';
import { type OwnerRevenue, revenueByOwner } from './revenueByOwner.ts';
import { SideUnavailable } from './sideUnavailable.ts';

/** Both sides of the margin of some periods, of one moment. */
export interface Books {
  readonly costs: readonly OwnerCost[];
  readonly revenue: readonly OwnerRevenue[];
  /** What counts as cost of a provider that has not invoiced a period yet. */
  readonly estimates: readonly EstimateInForce[];
  /** Periods with an invoice of any provider, or an estimate that counts. */
  readonly charged: ReadonlySet<Period>;
  /** Periods that were rolled up. */
  readonly rolledUp: ReadonlySet<Period>;
  /** The running period, where its revenue is what it has accrued. */
  readonly accrued: AccruedPeriod | null;
}

export interface AccruedPeriod {
  readonly period: Period;
  /** Why its revenue is not there. */
  readonly problem: SideUnavailable | null;
}

/**
 * How far the books are told apart: by owner and kind; with `tenants` revenue by tenant and costs by deployment; with `kinds` by kind
 * alone; with `totals` not at all.
 */
export type BooksDetail = 'owners' | 'tenants' | 'kinds' | 'totals';

const costDetails = { owners: 'owners', tenants: 'deployments', kinds: 'kinds', totals: 'totals' } as const;

/**
 * Reads both sides in one snapshot, so that they belong together.
 * @param options.now where given, the month that it is in has what subscriptions accrue as its revenue until it is rolled up
 */
export function readBooks(
  em: EntityManager,
  periods: { readonly first: Period; readonly last: Period },
  options: { readonly detail?: BooksDetail | undefined; readonly now?: Date | undefined } = {},
): Promise<Books> {
  const { detail = 'owners', now } = options;
  return em.transactional(
    async (transaction) => {
      const rows = await transaction.execute<{ period: Period; side: 'charged' | 'rolled_up' }[]>(
        `select distinct to_char(period_start, 'YYYY-MM-DD') as period, 'charged' as side from cloud_invoices
         where period_start between ?::date and ?::date
         union all
         select to_char(period_start, 'YYYY-MM-DD'), 'rolled_up' from period_ledger
         where period_start between ?::date and ?::date and rolled_up_at is not null`,
        [periods.first, periods.last, periods.first, periods.last],
      );
      const periodsOf = (side: string) => rows.filter((row) => row.side === side).map((row) => row.period);
      const estimates = await readEstimatesInForce(transaction, periods);
      const rolledUp = new Set(periodsOf('rolled_up'));
      const invoiced = await revenueByOwner(transaction, periods, { detail });
      const costs = await costsByOwner(transaction, periods, costDetails[detail]);
      const accrues =
        now !== undefined && isWithin(periods, runningPeriod(now)) && !rolledUp.has(runningPeriod(now));
      const accrued = accrues ? await readAccrual(transaction, now, detail) : null;
      return {
        costs,
        revenue:
          accrued === null
            ? invoiced
            : [...invoiced.filter(({ period }) => period !== accrued.period), ...accrued.revenue],
        estimates,
        charged: new Set([...periodsOf('charged'), ...estimates.map(({ period }) => period)]),
        rolledUp,
        accrued,
      };
    },
    { isolationLevel: IsolationLevel.REPEATABLE_READ },
  );
}

const isWithin = ({ first, last }: { readonly first: Period; readonly last: Period }, period: Period) =>
  first <= period && period <= last;

/** Where a tenant can't be priced, the running month has no revenue; the books of the other months are none the worse. */
async function readAccrual(
  em: EntityManager,
  now: Date,
  detail: BooksDetail,
): Promise<AccruedPeriod & { revenue: OwnerRevenue[] }> {
  const period = runningPeriod(now);
  try {
    return { period, revenue: await accruedRevenue(em, now, { detail }), problem: null };
  } catch (error) {
    if (error instanceof SideUnavailable) return { period, revenue: [], problem: error };
    throw error;
  }
}

/** Which side of a period is not there; null where both are. */
export function missingSide({ charged, rolledUp, accrued }: Books, period: Period): SideUnavailable | null {
  if (!charged.has(period)) {
    return new SideUnavailable('cogs', period, 'no provider invoice and no estimate of it is known');
  }
  if (accrued?.period === period) return accrued.problem;
  return rolledUp.has(period) ? null : new SideUnavailable('revenue', period, 'it was not rolled up');
}
