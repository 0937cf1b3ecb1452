import type { Pool, PoolClient } from 'pg';

/**
 * Gives a connection that breaks while it is in use back to its pool, which then opens another one for it. Where the ROLLBACK of a
 * transaction fails, as it must on a broken connection, MikroORM 7.2 and Kysely 0.29 keep the connection for ever: after as many
 * broken transactions as the pool has places, every query would wait without end.
 */
export function giveBackBrokenConnections(pool: Pool): void {
  const inUse = new Set<PoolClient>();
  pool.on('acquire', (client) => inUse.add(client));
  pool.on('release', (_error, client) => inUse.delete(client));
  pool.on('connect', (client) => {
    client.on('error', (error) => {
      if (!inUse.has(client)) return;
      client.release(error);
      // Whoever has it in hand may still give it back, which the pool would refuse the second time.
      client.release = () => undefined;
    });
  });
}
