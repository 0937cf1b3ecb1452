import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { testTemporalAddress } from '../support/addresses.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { secret, tokenFor } from './apiUnderTest.ts';

const root = path.resolve(import.meta.dirname, '..', '..');
let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

interface RunningServer {
  readonly child: ChildProcess;
  readonly address: string;
  readonly metricsAddress: string;
  readonly lines: string[];
  readonly exit: Promise<unknown>;
}

const serverEnvironment = (databaseUrl: string) => ({
  ...process.env,
  DATABASE_URL: databaseUrl,
  TEMPORAL_ADDRESS: testTemporalAddress(),
  JWT_SECRET: secret,
  API_PORT: '0',
  METRICS_PORT: '0',
  LOG_LEVEL: 'info',
});

async function startServer(): Promise<RunningServer> {
  const child = spawn(process.execPath, ['src/server.ts'], {
    cwd: root,
    env: serverEnvironment(database.appUrl),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exit = once(child, 'exit');
  const lines: string[] = [];
  const reader = createInterface({ input: child.stdout });
  reader.on('line', (line) => lines.push(line));
  const [first] = await Promise.race([
    once(reader, 'line'),
    exit.then(() => Promise.reject(new Error('the server ended before it was ready'))),
  ]);
  const ready = JSON.parse(String(first)) as { msg: string; port: number; metrics_port: number };
  expect(ready.msg).toBe('ready');
  return {
    child,
    lines,
    exit,
    address: `http://127.0.0.1:${ready.port}`,
    metricsAddress: `http://127.0.0.1:${ready.metrics_port}`,
  };
}

describe('the server', () => {
  it('answers 100 requests that are in flight at SIGTERM, takes no new one, and ends with 0', async () => {
    const server = await startServer();
    const lock = new pg.Client({ connectionString: database.ownerUrl });
    await lock.connect();
    await lock.query('begin');
    await lock.query('lock table cloud_invoices in access exclusive mode');
    const authorization = `Bearer ${tokenFor('platform_admin')}`;
    const inFlight = Array.from({ length: 100 }, async () => {
      const response = await fetch(`${server.address}/api/v1/billing/invoices`, {
        headers: { authorization },
      });
      return [response.status, await response.text()];
    });
    await inFlightAt(server, 100);
    server.child.kill('SIGTERM');
    while (!server.lines.some((line) => line.includes('"stopping"'))) await delay(20);
    await expect(fetch(`${server.address}/api/health`)).rejects.toThrow();
    await lock.query('rollback');
    await lock.end();
    const answers = await Promise.all(inFlight);
    expect(answers).toEqual(Array.from({ length: 100 }, () => [200, '{"items":[],"next_cursor":null}']));
    expect(await server.exit).toEqual([0, null]);
    expect(server.lines.at(-1)).toContain('"stopped"');
    expect(server.lines.join('\n')).not.toContain(authorization.slice(7, 40));
  }, 60_000);

  it('shows request durations by route and status on a port of its own, and is ready', async () => {
    const server = await startServer();
    expect((await fetch(`${server.address}/api/ready`)).status).toBe(200);
    await fetch(`${server.address}/api/v1/inventory/whatever`);
    const metrics = await (await fetch(`${server.metricsAddress}/metrics`)).text();
    expect(metrics).toMatch(
      /arcadia_http_request_duration_seconds_count\{method="GET",route="\/api\/v1\/inventory\/:id",status="401"\} 1/,
    );
    expect(metrics).toContain('process_resident_memory_bytes');
    expect((await fetch(`${server.address}/metrics`)).status).toBe(404);
    server.child.kill('SIGTERM');
    expect(await server.exit).toEqual([0, null]);
  }, 60_000);

  it('refuses to start as the owner of the tables', async () => {
    const child = spawn(process.execPath, ['src/server.ts'], {
      cwd: root,
      env: serverEnvironment(database.ownerUrl),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let errors = '';
    child.stdout.on('data', (chunk: Buffer) => {
      errors += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      errors += chunk.toString();
    });
    const [code] = await once(child, 'exit');
    expect(code).toBe(1);
    expect(errors).toContain('DATABASE_URL must name the application role');
  }, 60_000);
});

/** Waits until the server has so many requests that it has not answered. */
async function inFlightAt(server: RunningServer, wanted: number): Promise<void> {
  let inFlight = 0;
  while (inFlight < wanted) {
    await delay(50);
    const text = await (await fetch(`${server.metricsAddress}/metrics`)).text();
    inFlight = Number(/^arcadia_http_requests_in_flight (\d+)$/m.exec(text)?.[1]);
  }
}
