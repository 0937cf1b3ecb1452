import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { createPostgresLimiter, limiterKeyOf } from '../../src/providers/limiter.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { rejectionOf } from './digitalocean/answeringServer.ts';

let database: TestDatabase;
/** Two workers, each with connections of its own. */
let pools: pg.Pool[];

beforeAll(async () => {
  database = await createTestDatabase();
  pools = [0, 1].map(() => new pg.Pool({ connectionString: database.appUrl, max: 4 }));
}, 60_000);

afterAll(async () => {
  await Promise.all(pools.map((pool) => pool.end()));
  await database.drop();
});

function limiters(key: string, rates: { perMinute: number; perHour: number }) {
  return pools.map((pool) =>
    createPostgresLimiter({ ...rates, key, pool, tableName: 'rate_limits', longestWaitMs: 0 }),
  );
}

describe('the limiter of requests in PostgreSQL', () => {
  it('counts what all workers do together, also at the same moment', async () => {
    const workers = limiters('together', { perMinute: 7, perHour: 100 });
    const asked = Array.from({ length: 10 }, () => workers.map((worker) => worker.acquire())).flat();
    const outcomes = await Promise.allSettled(asked);
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(7);
    for (const outcome of outcomes) {
      if (outcome.status === 'fulfilled') continue;
      expect(outcome.reason).toMatchObject({ code: 'provider_rate_limited', retryable: true });
    }
  });

  it('makes the pause that one worker was asked for the pause of all', async () => {
    const [first, second] = limiters('paused', { perMinute: 100, perHour: 100 });
    await second?.acquire();
    await first?.pauseFor(30);
    await second?.pauseFor(1);
    expect(await rejectionOf(Promise.resolve(second?.acquire()))).toMatchObject({
      code: 'provider_rate_limited',
      retryAfterSeconds: 30,
    });
  });

  it('goes on after a pause, with the count of the window as it was', async () => {
    const [pool] = pools;
    if (pool === undefined) throw new Error('no pool');
    const key = 'resumed';
    const limiter = createPostgresLimiter({
      perMinute: 2,
      perHour: 9,
      key,
      pool,
      tableName: 'rate_limits',
      longestWaitMs: 2000,
    });
    await limiter.acquire();
    await limiter.pauseFor(1);
    const started = performance.now();
    await limiter.acquire();
    expect(performance.now() - started).toBeGreaterThanOrEqual(950);
    expect(await rejectionOf(limiter.acquire())).toMatchObject({ code: 'provider_rate_limited' });
  });

  it('counts each account apart', async () => {
    const [first] = limiters('one account', { perMinute: 1, perHour: 10 });
    const [other] = limiters('another account', { perMinute: 1, perHour: 10 });
    await first?.acquire();
    await other?.acquire();
    expect(await rejectionOf(Promise.resolve(first?.acquire()))).toMatchObject({
      code: 'provider_rate_limited',
    });
  });

  it('stores no token, only its digest', async () => {
    const token = 'dop_v1_canary';
    const [limiter] = limiters(limiterKeyOf(token), { perMinute: 5, perHour: 5 });
    await limiter?.acquire();
    const stored = await pools[0]?.query<{ key: string }>('select key from rate_limits');
    const keys = stored?.rows.map(({ key }) => key).join('\n');
    expect(keys).toContain(limiterKeyOf(token));
    expect(keys).not.toContain(token);
  });

  it('reports a store that does not answer as a passing failure of its own', async () => {
    const gone = new pg.Pool({ connectionString: 'postgresql://nobody@127.0.0.1:1/none' });
    const limiter = createPostgresLimiter({
      perMinute: 1,
      perHour: 1,
      key: 'gone',
      pool: gone,
      tableName: 'rate_limits',
    });
    expect(await rejectionOf(limiter.acquire())).toMatchObject({
      code: 'limiter_unavailable',
      retryable: true,
    });
    await gone.end();
  });
});
