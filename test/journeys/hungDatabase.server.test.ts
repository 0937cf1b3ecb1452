import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { secret, tokenFor } from '../api/apiUnderTest.ts';
import { testTemporalAddress } from '../support/addresses.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

const root = path.resolve(import.meta.dirname, '..', '..');
const POOL_SIZE = 3;
/** 12 seconds of silence, or 10 of waiting for a connection, and a busy machine. */
const ANSWERED_WITHIN_MS = 20_000;
const READINESS_WITHIN_MS = 8_000;

interface HangingProxy {
  readonly port: number;
  /** From now on nothing is passed on, and nothing is closed: new connections are taken, and hear nothing. */
  hang(): void;
  /** Passes on again, first what was kept back. */
  goOn(): void;
  close(): Promise<void>;
}

/** A TCP proxy in front of a server that can stand still as a server whose machine was lost does: without a word. */
async function startHangingProxy(target: {
  readonly host: string;
  readonly port: number;
}): Promise<HangingProxy> {
  const pairs = new Set<readonly [Socket, Socket]>();
  let hangs = false;
  const passOn = ([inside, outside]: readonly [Socket, Socket]) => {
    inside.pipe(outside);
    outside.pipe(inside);
  };
  const server = createServer((inside) => {
    const pair = [inside, connect(target)] as const;
    pairs.add(pair);
    for (const socket of pair) {
      socket.on('error', () => undefined);
      socket.on('close', () => {
        pairs.delete(pair);
        for (const either of pair) either.destroy();
      });
    }
    if (!hangs) passOn(pair);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    hang() {
      hangs = true;
      for (const socket of [...pairs].flat()) socket.unpipe().pause();
    },
    goOn() {
      hangs = false;
      for (const pair of pairs) passOn(pair);
    },
    async close() {
      server.close();
      for (const socket of [...pairs].flat()) socket.destroy();
      await once(server, 'close');
    },
  };
}

describe('an API whose PostgreSQL stands still without closing a connection', () => {
  let database: TestDatabase;
  let proxy: HangingProxy;
  let child: ChildProcess;
  let address: string;

  beforeAll(async () => {
    database = await createTestDatabase();
    const databaseUrl = new URL(database.appUrl);
    proxy = await startHangingProxy({ host: databaseUrl.hostname, port: Number(databaseUrl.port) });
    databaseUrl.port = String(proxy.port);
    child = spawn(process.execPath, ['src/server.ts'], {
      cwd: root,
      env: {
        ...process.env,
        DATABASE_URL: databaseUrl.href,
        DATABASE_POOL_SIZE: String(POOL_SIZE),
        TEMPORAL_ADDRESS: testTemporalAddress(),
        JWT_SECRET: secret,
        API_PORT: '0',
        METRICS_PORT: '0',
        LOG_LEVEL: 'info',
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    if (child.stdout === null) throw new Error('the server has no output');
    const [line] = await once(createInterface({ input: child.stdout }), 'line');
    address = `http://127.0.0.1:${(JSON.parse(String(line)) as { port: number }).port}`;
  }, 60_000);

  afterAll(async () => {
    child.kill('SIGKILL');
    await once(child, 'exit');
    await proxy.close();
    await database.drop();
  });

  async function get(url: string) {
    const startedAt = performance.now();
    const response = await fetch(`${address}${url}`, {
      headers: { authorization: `Bearer ${tokenFor('platform_admin')}` },
    });
    const text = await response.text();
    return {
      status: response.status,
      type: response.headers.get('content-type'),
      body: JSON.parse(text) as Readonly<Record<string, unknown>>,
      milliseconds: performance.now() - startedAt,
    };
  }
  const invoices = () => get('/api/v1/billing/invoices');

  it('answers 503 in bounded time, is not ready, and works again as soon as PostgreSQL does', async () => {
    expect((await get('/api/ready')).status).toBe(200);
    // A locked table keeps as many requests as there are connections in the middle of their transactions.
    const lock = new pg.Client({ connectionString: database.ownerUrl });
    await lock.connect();
    await lock.query('begin');
    await lock.query('lock table cloud_invoices in access exclusive mode');
    const inFlight = Array.from({ length: POOL_SIZE + 3 }, invoices);
    await untilWaiting(lock, POOL_SIZE);
    proxy.hang();
    await lock.query('rollback');
    await lock.end();

    const ready = await get('/api/ready');
    const answers = [...(await Promise.all(inFlight)), await invoices()];
    for (const answer of answers) {
      expect(answer).toMatchObject({
        status: 503,
        type: expect.stringMatching(/^application\/problem\+json/),
        body: { code: 'database_unavailable', status: 503 },
      });
      expect(answer.milliseconds).toBeLessThan(ANSWERED_WITHIN_MS);
    }
    expect(ready.status).toBe(503);
    expect(ready.milliseconds).toBeLessThan(READINESS_WITHIN_MS);
    expect(ready.body['checks']).toContainEqual({
      name: 'postgresql',
      ok: false,
      detail: 'no answer in 3 seconds',
    });

    proxy.goOn();
    expect((await get('/api/ready')).status).toBe(200);
    // Every place of the pool is there again.
    const after = await Promise.all(Array.from({ length: POOL_SIZE + 3 }, invoices));
    expect(after.map(({ status }) => status)).toEqual(Array(POOL_SIZE + 3).fill(200));
  }, 120_000);
});

/** Waits until so many statements wait for a lock. */
async function untilWaiting(client: pg.Client, wanted: number): Promise<void> {
  for (let waiting = 0; waiting < wanted; ) {
    await delay(50);
    const { rows } = await client.query<{ waiting: number }>(
      `select count(*)::int as waiting from pg_locks
       where not granted and database = (select oid from pg_database where datname = current_database())`,
    );
    waiting = rows[0]?.waiting ?? 0;
  }
}
