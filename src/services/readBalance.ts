import type { EntityManager } from '@mikro-orm/postgresql';
import { CloudBalanceSnapshot } from '../entities/cloudBalanceSnapshot.ts';

/** The newest balance that a provider computed, null before the first. */
export function readLatestBalance(em: EntityManager): Promise<CloudBalanceSnapshot | null> {
  return em.findOne(CloudBalanceSnapshot, { id: { $ne: null } }, { orderBy: { generatedAt: 'desc' } });
}

/** How the balance moved since `since`: the last snapshot of each day in UTC, oldest first. */
export async function readBalanceTrend(em: EntityManager, since: Date): Promise<CloudBalanceSnapshot[]> {
  const rows = await em.execute<{ id: string }[]>(
    `select distinct on (provider, (generated_at at time zone 'UTC')::date) id
     from cloud_balance_snapshots
     where generated_at >= ?
     order by provider, (generated_at at time zone 'UTC')::date, generated_at desc`,
    [since],
  );
  return em.find(
    CloudBalanceSnapshot,
    { id: { $in: rows.map((row) => BigInt(row.id)) } },
    { orderBy: { generatedAt: 'asc', provider: 'asc' } },
  );
}
