import type { EntityManager } from '@mikro-orm/postgresql';
import { dayOf, periodOf } from '../domain/calendar.ts';
import { nextPeriod } from '../domain/period.ts';
import type { SweepBatch } from './dunning.ts';

/** Brings the current period of the next subscriptions, but for cancelled ones, to this month. @returns how many; none are left where it is zero */
export async function rollCurrentPeriods(em: EntityManager, batch: SweepBatch): Promise<number> {
  const today = dayOf(batch.now.toISOString());
  const period = periodOf(today);
  const [row] = await em.execute<{ rolled: number }[]>(
    `with due as (
       select id from subscriptions where current_period_end <= ? and status <> 'cancelled'
       order by id limit ? for no key update
     ), rolled as (
       update subscriptions subscription set current_period_start = ?, current_period_end = ?
       from due where subscription.id = due.id
       returning 1
     )
     select count(*)::int as rolled from rolled`,
    [today, batch.limit, period, nextPeriod(period)],
  );
  return row?.rolled ?? 0;
}
