import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { MikroORM } from '@mikro-orm/postgresql';
import pg from 'pg';
import { startOrm } from '../../src/orm.ts';
import { forSession, systemSession } from '../../src/session.ts';
import { testPostgresUrl } from '../support/addresses.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

const POOL_SIZE = 2;

describe('connections that PostgreSQL ends in the middle of a transaction', () => {
  let database: TestDatabase;
  let orm: MikroORM;
  let admin: pg.Client;

  beforeAll(async () => {
    database = await createTestDatabase();
    orm = await startOrm({ url: database.appUrl, poolSize: POOL_SIZE });
    admin = new pg.Client({ connectionString: testPostgresUrl() });
    await admin.connect();
  }, 60_000);

  afterAll(async () => {
    await orm.close(true);
    await admin.end();
    await database.drop();
  });

  const endSession = (pid: number) => admin.query('select pg_terminate_backend($1)', [pid]);

  /** @param work what the transaction does once its connection is to be ended */
  async function breakTransaction(work: 'runs a statement' | 'does nothing'): Promise<void> {
    await forSession(orm, systemSession).transactional(async (transaction) => {
      const [session] = await transaction.execute<{ pid: number }[]>('select pg_backend_pid() as pid');
      if (session === undefined) throw new Error('PostgreSQL names no session');
      if (work === 'runs a statement') {
        await Promise.all([transaction.execute('select pg_sleep(60)'), endSession(session.pid)]);
      } else {
        const pool = await orm.em.getConnection().getNativeClient();
        await Promise.all([once(pool, 'release'), endSession(session.pid)]);
        await transaction.execute('select 1');
      }
    });
  }

  it.each(['runs a statement', 'does nothing'] as const)(
    'leave the pool as large as it was, where the transaction %s',
    async (work) => {
      for (let broken = 0; broken < POOL_SIZE + 1; broken += 1) {
        await expect(breakTransaction(work)).rejects.toThrow(/terminating connection|connection error/);
      }
      const answers = Array.from({ length: POOL_SIZE + 1 }, () =>
        forSession(orm, systemSession).transactional((transaction) =>
          transaction.execute('select 7 as seven'),
        ),
      );
      expect(await Promise.all(answers)).toEqual(Array(POOL_SIZE + 1).fill([{ seven: 7 }]));
      const pool = await orm.em.getConnection().getNativeClient();
      expect(pool.totalCount - pool.idleCount).toBe(0);
    },
    30_000,
  );
});
