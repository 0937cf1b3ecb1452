import type { EntityManager } from '@mikro-orm/postgresql';

/** Sets options of PostgreSQL for the rest of the transaction. */
export async function setLocally(
  em: EntityManager,
  settings: Readonly<Record<string, string>>,
): Promise<void> {
  const calls = Object.entries(settings).map(([name, value]) => `set_config('${name}', '${value}', true)`);
  await em.execute(`select ${calls.join(', ')}`);
}
