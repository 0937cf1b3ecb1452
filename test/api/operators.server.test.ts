import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { NativeConnection, Worker } from '@temporalio/worker';
import { PeriodLedger } from '../../src/entities/periodLedger.ts';
import { forSession, systemSession } from '../../src/session.ts';
import { workflowIds } from '../../src/workflows/ids.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { type ApiUnderTest, itemsOf, startApi, tokenFor } from './apiUnderTest.ts';
import { connectTestTemporal, type TemporalUnderTest } from './temporalUnderTest.ts';

let database: TestDatabase;
let temporal: TemporalUnderTest;
let api: ApiUnderTest;
let connection: NativeConnection;
let worker: Worker;
let running: Promise<void>;
const token = tokenFor('platform_admin', { sub: 'alice' });
const get = (path: string) => api.call(path, { token });
const post = (path: string, body: unknown = {}) => api.call(path, { method: 'POST', token, body });

beforeAll(async () => {
  database = await createTestDatabase();
  temporal = await connectTestTemporal();
  api = await startApi({ databaseUrl: database.appUrl, temporal: () => temporal.client });
  connection = await NativeConnection.connect({ address: temporal.address });
  worker = await Worker.create({
    connection,
    namespace: temporal.namespace,
    taskQueue: 'operators',
    workflowsPath: fileURLToPath(new URL('./failingWorkflow.ts', import.meta.url)),
    activities: {
      breakDown: () => Promise.reject(new Error('the provider answers 500')),
    },
  });
  running = worker.run();
  for (const type of ['retriesForEver', 'namesAProblem', 'failsForGood', 'completes', 'waits']) {
    await temporal.client.workflow.start(type, { workflowId: `id:${type}`, taskQueue: 'operators' });
  }
}, 60_000);
afterAll(async () => {
  for (const type of ['retriesForEver', 'namesAProblem', 'waits']) {
    await temporal.client.workflow.getHandle(`id:${type}`).terminate();
  }
  worker.shutdown();
  await running;
  await connection.close();
  await api.close();
  await temporal.close();
  await database.drop();
});

/** Visibility and retries take their time: asks until the answer is the one. */
async function eventually(expected: unknown, ask: () => Promise<unknown>): Promise<void> {
  const deadline = Date.now() + 20_000;
  let answer = await ask();
  while (JSON.stringify(answer) !== JSON.stringify(expected) && Date.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 200));
    answer = await ask();
  }
  expect(answer).toEqual(expected);
}

const typesOf = async (state: string) =>
  itemsOf(await get(`/api/v1/processes?state=${state}`))
    .map((process) => process['type'])
    .sort();

describe('GET /processes', () => {
  it('tells stuck from running, and failed from completed', async () => {
    await eventually(['namesAProblem', 'retriesForEver'], () => typesOf('stuck'));
    await eventually(['waits'], () => typesOf('running'));
    await eventually(['failsForGood'], () => typesOf('failed'));
    await eventually(['completes'], () => typesOf('completed'));
  }, 60_000);

  it('shows the attempt, the last failure and the next retry of a step that keeps failing', async () => {
    const { json } = await get('/api/v1/processes/id:retriesForEver');
    const [activity] = json['activities'] as readonly Record<string, unknown>[];
    expect(json).toMatchObject({ state: 'stuck', problem: null, last_failure: 'the provider answers 500' });
    expect(activity).toMatchObject({ type: 'breakDown', last_failure: 'the provider answers 500' });
    expect(activity?.['attempt']).toBeGreaterThanOrEqual(3);
    expect(Date.parse(String(activity?.['next_retry_at']))).toBeGreaterThan(Date.now());
  });

  it('shows phase and problem as the workflow names them, and why one failed', async () => {
    expect((await get('/api/v1/processes/id:namesAProblem')).json).toMatchObject({
      phase: 'reconcile',
      problem: 'held',
    });
    expect((await get('/api/v1/processes/id:failsForGood')).json).toMatchObject({
      state: 'failed',
      status: 'FAILED',
      last_failure: 'the invoice is no CSV',
    });
  });

  it('comes in pages that are complete', async () => {
    const seen: unknown[] = [];
    let cursor = '';
    do {
      const page = await get(`/api/v1/processes?limit=2${cursor}`);
      seen.push(...itemsOf(page).map((process) => process['type']));
      const next = page.json['next_cursor'];
      cursor = next === null ? '' : `&cursor=${String(next)}`;
    } while (cursor !== '');
    expect(seen.sort()).toEqual(['completes', 'failsForGood', 'namesAProblem', 'retriesForEver', 'waits']);
  });

  it('is a 404 for one that Temporal does not know, and a 422 for a cursor that it did not give', async () => {
    expect((await get('/api/v1/processes/id:nothing')).status).toBe(404);
    const forge = (key: unknown) => Buffer.from(JSON.stringify(['processes', key])).toString('base64url');
    for (const key of ['Zm9yZ2Vk', { token: 'Zm9yZ2Vk', signature: '0'.repeat(64) }]) {
      expect((await get(`/api/v1/processes?cursor=${forge(key)}`)).status).toBe(422);
    }
  });
});

describe('/schedules', () => {
  beforeAll(async () => {
    await temporal.client.schedule.create({
      scheduleId: 'balance',
      spec: { calendars: [{ minute: 7, hour: '*' }] },
      action: {
        type: 'startWorkflow',
        workflowType: 'completes',
        workflowId: 'scheduled',
        taskQueue: 'operators',
      },
    });
  });

  it('lists them with their next runs', async () => {
    await eventually(1, async () => itemsOf(await get('/api/v1/schedules')).length);
    const [schedule] = itemsOf(await get('/api/v1/schedules'));
    expect(schedule).toMatchObject({ id: 'balance', workflow_type: 'completes', paused: false });
    expect(schedule?.['next_runs_at']).toContainEqual(expect.stringMatching(/:07:00\.000Z$/));
  });

  it('pauses and unpauses with a reason, which the audit log keeps', async () => {
    expect(
      (await post('/api/v1/schedules/balance/pause', { reason: 'provider is down' })).json,
    ).toMatchObject({
      paused: true,
      note: 'provider is down',
    });
    expect((await post('/api/v1/schedules/balance/unpause', { reason: 'it is back' })).json).toMatchObject({
      paused: false,
      note: 'it is back',
    });
    const rows = itemsOf(await get('/api/v1/audit?subject_type=schedule&subject_id=balance'));
    expect(rows.map((row) => [row['action'], row['actor'], row['reason'], row['before']])).toEqual([
      ['schedule.unpause', 'alice', 'it is back', { paused: true }],
      ['schedule.pause', 'alice', 'provider is down', { paused: false }],
    ]);
  });

  it('triggers one run and backfills one run for each missed time', async () => {
    await post('/api/v1/schedules/balance/trigger');
    const backfill = { start: '2026-04-01T00:00:00Z', end: '2026-04-01T03:00:00Z' };
    expect((await post('/api/v1/schedules/balance/backfill', backfill)).status).toBe(200);
    await eventually(4, async () => itemsOf(await get('/api/v1/schedules'))[0]?.['runs']);
    const [row] = itemsOf(await get('/api/v1/audit?action=schedule.backfill'));
    expect(row).toMatchObject({
      after: { start: '2026-04-01T00:00:00.000Z', end: '2026-04-01T03:00:00.000Z' },
    });
  }, 30_000);

  it('is a 404 for one that is not there, without an audit row', async () => {
    expect((await post('/api/v1/schedules/nothing/trigger')).status).toBe(404);
    expect(itemsOf(await get('/api/v1/audit?subject_id=nothing'))).toEqual([]);
  });
});

describe('a process that nobody serves', () => {
  it('is a 503 for who asks it for something, and says that it may still be done', async () => {
    const period = '2026-04-01';
    const workflowId = workflowIds.rollUpPeriod(period);
    const [startedAt, issueAfter] = [new Date(), new Date()];
    await forSession(api.orm, systemSession).insert(PeriodLedger, {
      periodStart: period,
      state: 'rolled_up',
      workflowId,
      runId: 'any',
      startedAt,
      issueAfter,
    });
    const run = await temporal.client.workflow.start('rollUpPeriod', { workflowId, taskQueue: 'nobody' });
    for (const path of ['retry', 'tenants/acme/skip']) {
      const answer = await post(`/api/v1/rollups/${period}/${path}`, { reason: 'test' });
      expect([answer.status, answer.json['code']]).toEqual([503, 'process_not_answering']);
      expect(answer.headers.get('retry-after')).toBe('5');
    }
    await run.terminate();
  }, 60_000);
});
