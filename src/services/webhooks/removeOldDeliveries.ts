import type { EntityManager } from '@mikro-orm/postgresql';

/**
 * Removes the oldest deliveries that were written before a time and are over: delivered, or given up. What still waits stays.
 * @returns how many; those that are left where that is `limit`
 */
export async function removeOldDeliveries(
  em: EntityManager,
  { before, limit }: { readonly before: Date; readonly limit: number },
): Promise<number> {
  const [row] = await em.execute<{ removed: number }[]>(
    `with removed as (
       delete from webhook_deliveries where id in (
         select id from webhook_deliveries where created_at < ? and state <> 'pending' order by created_at, id limit ?
         for update skip locked
       ) returning 1
     ) select count(*)::int as removed from removed`,
    [before, limit],
  );
  return row?.removed ?? 0;
}
