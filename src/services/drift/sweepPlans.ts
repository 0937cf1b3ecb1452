import type { EntityManager } from '@mikro-orm/postgresql';
import { setLocally } from '../setLocally.ts';

/**
 * What row level security lets through is taken for next to nothing, so the planner would read and sort a whole table for each batch.
 * In the rest of the transaction tables are read by the keys of the batch.
 */
export async function planByKeys(em: EntityManager): Promise<void> {
  await setLocally(em, {
    max_parallel_workers_per_gather: '0',
    enable_seqscan: 'off',
    enable_bitmapscan: 'off',
    enable_sort: 'off',
    enable_hashjoin: 'off',
    enable_mergejoin: 'off',
  });
}

/** For what joins two sets of thousands, each of which is taken for a row or a hundred: by hashing. */
export async function planForSets(em: EntityManager): Promise<void> {
  await setLocally(em, { enable_hashjoin: 'on', enable_nestloop: 'off' });
}
