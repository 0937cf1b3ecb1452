import type { EntityManager } from '@mikro-orm/postgresql';
import { setLocally } from '../setLocally.ts';

/** Sums by many texts are hashed: sorting by them takes longer than all the rest. */
const hashedSums = { enable_sort: 'off', work_mem: '64MB' } as const;

/** How the rows of a sum are found: joined by hashing, or looked up one by one in an index. */
const joins = { sets: { ...hashedSums, enable_nestloop: 'off' }, lookUps: hashedSums } as const;

/**
 * Does in a transaction what adds up hundreds of thousands of rows; what comes after is planned as before it. Row level security hides from
 * the planner how much there is: it would look rows up one by one where a join of sets is faster, and sort them.
 */
export async function plannedForSums<Result>(
  em: EntityManager,
  join: keyof typeof joins,
  work: () => Promise<Result>,
): Promise<Result> {
  const names = Object.keys(joins[join]).map((name) => `'${name}'`);
  const before = await em.execute<{ name: string; setting: string }[]>(
    `select name, current_setting(name) as setting from pg_settings where name in (${names.join(', ')})`,
  );
  await setLocally(em, joins[join]);
  const result = await work();
  await setLocally(em, Object.fromEntries(before.map(({ name, setting }) => [name, setting])));
  return result;
}
