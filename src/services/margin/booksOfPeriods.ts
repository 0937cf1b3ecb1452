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
  readonly accrued: Period | null;
}

/**
 * Reads both sides in one snapshot, so that they belong together.
 * @param options.detail with `totals` nobody is named
 * @param options.now where given, the month that it is in has what subscriptions accrue as its revenue until it is rolled up
 * @throws SideUnavailable where a tenant's accrual can't be priced
 */
export function readBooks(
  em: EntityManager,
  periods: { readonly first: Period; readonly last: Period },
  options: { readonly detail?: 'owners' | 'totals'; readonly now?: Date | undefined } = {},
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
      const running = now === undefined ? null : runningPeriod(now);
      const isAccrued =
        running !== null && periods.first <= running && running <= periods.last && !rolledUp.has(running);
      const invoiced = await revenueByOwner(transaction, periods, detail);
      return {
        costs: await costsByOwner(transaction, periods, detail === 'owners' ? 'owners' : 'buckets'),
        revenue:
          isAccrued && now !== undefined
            ? [
                ...invoiced.filter(({ period }) => period !== running),
                ...(await accruedRevenue(transaction, now)),
              ]
            : invoiced,
        estimates,
        charged: new Set([...periodsOf('charged'), ...estimates.map(({ period }) => period)]),
        rolledUp,
        accrued: isAccrued ? running : null,
      };
    },
    { isolationLevel: IsolationLevel.REPEATABLE_READ },
  );
}

/** @throws SideUnavailable where a side of the period is not there */
export function assertBothSides({ charged, rolledUp, accrued }: Books, period: Period): void {
  if (!charged.has(period)) {
    throw new SideUnavailable('cogs', period, 'no provider invoice and no estimate of it is known');
  }
  if (!rolledUp.has(period) && accrued !== period) {
    throw new SideUnavailable('revenue', period, 'it was not rolled up');
  }
}
