import { jest } from '@jest/globals';
import type { PoolClient } from 'pg';
import type { World } from './world.ts';

/** How many statements go to PostgreSQL while something is done, those that begin and end transactions among them. */
export async function countStatements(world: World, work: () => Promise<unknown>): Promise<number> {
  const clients = new Map<PoolClient, { readonly mock: { readonly calls: readonly unknown[] } }>();
  const watch = (client: PoolClient) => {
    if (!clients.has(client)) clients.set(client, jest.spyOn(client, 'query'));
  };
  world.pool.on('acquire', watch);
  try {
    await work();
    return [...clients.values()].reduce((total, spy) => total + spy.mock.calls.length, 0);
  } finally {
    world.pool.off('acquire', watch);
    jest.restoreAllMocks();
  }
}
