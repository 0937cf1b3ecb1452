import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { PeriodLedger } from '../../src/entities/periodLedger.ts';
import { Subscription } from '../../src/entities/subscription.ts';
import { forSession, systemSession } from '../../src/session.ts';
import { taskQueues } from '../../src/workflows/taskQueues.ts';
import { type Metering, meteringIn } from '../services/meteringWorld.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { type Answer, type ApiUnderTest, itemsOf, startApi, tokenFor } from './apiUnderTest.ts';
import { connectTestTemporal, type TemporalUnderTest } from './temporalUnderTest.ts';

const now = new Date('2026-05-02T12:00:00Z');
const longAgo = new Date('2025-01-01T00:00:00Z');
const admin = tokenFor('platform_admin', { sub: 'alice' });
const mine = tokenFor('tenant');
const theirs = tokenFor('tenant', { tenant_id: 'tenant-b' });

let database: TestDatabase;
let temporal: TemporalUnderTest;
let api: ApiUnderTest;
let meters: Metering;
let ours: string;
let foreign: string;
const em = () => forSession(api.orm, systemSession);

beforeAll(async () => {
  database = await createTestDatabase();
  temporal = await connectTestTemporal();
  api = await startApi({
    databaseUrl: database.appUrl,
    temporal: () => temporal.client,
    clock: () => now,
  });
  meters = meteringIn({ em });
  ours = await meters.deployment('tenant-a');
  foreign = await meters.deployment('tenant-b');
  await meters.list('droplet', '2026-05-02T00:15:00Z', {
    '1': { createdAt: longAgo },
    '2': { createdAt: longAgo },
    '3': { createdAt: longAgo },
  });
  await meters.attach('droplet', '1', ours, '2026-04-01T00:00:00Z');
  await meters.attach('droplet', '2', ours, '2026-04-01T00:00:00Z', '2026-04-11T00:00:00Z');
  await meters.attach('droplet', '3', foreign, '2026-04-01T00:00:00Z');
  await meters.traffic('3', '2026-04-29T00:00:00Z', [2n ** 30n, 1n]);
  await meters.meter('2026-04-01', '2026-05-03', now.toISOString());
});
afterAll(async () => {
  await api.close();
  await temporal.close();
  await database.drop();
});

const get = (path: string, token = admin) => api.call(`/api/v1/usage${path}`, { token });
const post = (body: object, path = '', token = admin) =>
  api.call(`/api/v1/usage${path}`, { method: 'POST', token, body });
const outcome = (answer: Answer) => [answer.status, answer.json['code']];
const pointers = (answer: Answer) =>
  ((answer.json['errors'] ?? []) as { pointer: string }[]).map(({ pointer }) => pointer);
/** One kind of one deployment in April. */
async function kindOf(deployment: string, kind: string, period = '2026-04-01') {
  const [item] = itemsOf(await get(`?period=${period}&deployment_id=${deployment}`));
  const kinds = item?.['kinds'] as readonly { resource_kind: string }[] | undefined;
  return kinds?.find(({ resource_kind: name }) => name === kind);
}

describe('GET /usage', () => {
  it('says what a deployment used in a month, in the metered unit and in what plans count, and how far it is known', async () => {
    expect(await kindOf(ours, 'droplet_hours')).toEqual({
      resource_kind: 'droplet_hours',
      metered: String(40 * 86_400),
      metered_unit: 'second',
      qty: '960',
      unit: 'hour',
      days: { closed: 30, open: 0, unknown: 0 },
    });
    expect(await kindOf(foreign, 'bandwidth_gb')).toMatchObject({
      metered: '1073741825',
      qty: '1',
      days: { closed: 28, open: 0, unknown: 2 },
    });
    expect(await kindOf(ours, 'bandwidth_gb')).toMatchObject({ days: { closed: 30, open: 0, unknown: 0 } });
    expect(await kindOf(ours, 'droplet_hours', '2026-05-01')).toMatchObject({
      qty: '36',
      days: { closed: 1, open: 1, unknown: 0 },
    });
    expect(await kindOf(ours, 'droplet_hours', '2026-03-01')).toMatchObject({
      qty: '0',
      days: { closed: 0, open: 31, unknown: 0 },
    });
    expect(await kindOf(ours, 'droplet_hours', '2026-06-01')).toMatchObject({
      days: { closed: 0, open: 0, unknown: 0 },
    });
  });

  it('shows a tenant its own deployments alone, and admins all of them in pages', async () => {
    const idsOf = async (path: string, token: string) =>
      itemsOf(await get(path, token)).map((item) => item['deployment_id']);
    expect(await idsOf('?period=2026-04-01', mine)).toEqual([ours]);
    expect(await idsOf('?period=2026-04-01', theirs)).toEqual([foreign]);
    expect(await idsOf(`?period=2026-04-01&deployment_id=${foreign}`, mine)).toEqual([]);
    expect(await idsOf('?period=2026-04-01&tenant=tenant-b', mine)).toEqual([]);
    const first = await get('?period=2026-04-01&limit=1');
    const second = await get(`?period=2026-04-01&limit=1&cursor=${String(first.json['next_cursor'])}`);
    expect([...itemsOf(first), ...itemsOf(second)].map((item) => item['deployment_id'])).toEqual(
      [ours, foreign].toSorted(),
    );
    expect(second.json['next_cursor']).toBeNull();
  });

  it('without the API’s own conditions, row level security shows a tenant its own rows', async () => {
    const rows = await forSession(api.orm, { role: 'tenant', tenantId: 'tenant-a', subject: 't' }).execute(
      `select distinct deployment_id from metered_usage`,
    );
    expect(rows).toEqual([{ deployment_id: ours }]);
  });
});

describe('GET /usage/days', () => {
  const path = (deployment: string, kind = 'droplet_hours', period = '2026-04-01') =>
    `/days?deployment_id=${deployment}&resource_kind=${kind}&period=${period}`;

  it('says what each day is made of', async () => {
    const items = itemsOf(await get(path(ours)));
    expect(items).toHaveLength(30);
    expect(items[9]).toEqual({
      day: '2026-04-10',
      state: 'closed',
      reason: null,
      metered: '172800',
      metered_unit: 'second',
      resources: 2,
      corrections: [],
    });
    expect(items[10]).toMatchObject({ day: '2026-04-11', metered: '86400', resources: 1 });
    expect(itemsOf(await get(path(ours, 'dns_zones', '2026-05-01'))).map((item) => item['state'])).toEqual([
      'closed',
      'open',
    ]);
  });

  it('tells operators why a day is unknown', async () => {
    const unknown = itemsOf(await get(path(foreign, 'bandwidth_gb'))).filter(
      (item) => item['state'] === 'unknown',
    );
    expect(unknown.map((item) => [item['day'], item['reason']])).toEqual([
      ['2026-04-29', 'readings_missing: 1 of the resources in deployments'],
      ['2026-04-30', 'readings_missing: 1 of the resources in deployments'],
    ]);
    const shown = itemsOf(await get(path(foreign, 'bandwidth_gb'), theirs)).map((item) => item['reason']);
    expect(new Set(shown)).toEqual(new Set([null]));
  });

  it('is a 404 for another tenant’s deployment as for none', async () => {
    expect(outcome(await get(path(foreign), mine))).toEqual([404, 'not_found']);
    expect(outcome(await get(path('00000000-0000-4000-8000-000000000000')))).toEqual([404, 'not_found']);
  });
});

describe('POST /usage', () => {
  let deployment: string;
  const entry = (more: object = {}) => ({
    deployment_id: deployment,
    resource_kind: 'llm_tokens',
    day: '2026-04-20',
    quantity: '100',
    reason: 'counted by hand',
    ...more,
  });
  beforeEach(async () => {
    deployment = await meters.deployment('tenant-a', '2026-04-10T15:00:00Z');
  });

  it('adds usage that counts at once, with who said it and why', async () => {
    const answer = await post(entry());
    expect(answer.status).toBe(201);
    expect(answer.json).toEqual({
      id: expect.any(String),
      deployment_id: deployment,
      tenant_id: 'tenant-a',
      resource_kind: 'llm_tokens',
      day: '2026-04-20',
      quantity: '100',
      metered_unit: 'token',
      reason: 'counted by hand',
      actor: 'alice',
      created_at: now.toISOString(),
    });
    expect(await kindOf(deployment, 'llm_tokens')).toMatchObject({ metered: '100', qty: '100' });
    const audit = itemsOf(await api.call('/api/v1/audit', { token: admin })).find(
      (item) => item['subject_id'] === answer.json['id'],
    );
    expect(audit).toMatchObject({
      action: 'manual_usage.create',
      actor: 'alice',
      reason: 'counted by hand',
      after: { deployment_id: deployment, resource_kind: 'llm_tokens', day: '2026-04-20', quantity: '100' },
    });
    const days = `/days?deployment_id=${deployment}&resource_kind=llm_tokens&period=2026-04-01`;
    const ofDay = itemsOf(await get(days, mine)).find((item) => item['day'] === '2026-04-20');
    expect(ofDay).toMatchObject({
      metered: '100',
      resources: 0,
      corrections: [{ quantity: '100', reason: 'counted by hand', actor: null }],
    });
  });

  it('takes away, down to nothing and no further, of what was metered and corrected on that day', async () => {
    await meters.attach('droplet', '2', deployment, '2026-04-20T00:00:00Z');
    await meters.meter('2026-04-20', '2026-04-21', now.toISOString());
    const take = (quantity: string) => post(entry({ resource_kind: 'droplet_hours', quantity }));
    const refused = await take('-86401');
    expect([...outcome(refused), ...pointers(refused)]).toEqual([422, 'usage_below_zero', '/body/quantity']);
    expect((await take('-86000')).status).toBe(201);
    expect(outcome(await take('-401'))).toEqual([422, 'usage_below_zero']);
    expect((await take('-400')).status).toBe(201);
    expect(await kindOf(deployment, 'droplet_hours')).toMatchObject({ metered: '0' });
  });

  it('never lets two corrections at once take away more than there is', async () => {
    await post(entry());
    const answers = await Promise.all(Array.from({ length: 6 }, () => post(entry({ quantity: '-40' }))));
    expect(answers.map(({ status }) => status).toSorted()).toEqual([201, 201, 422, 422, 422, 422]);
    expect(await kindOf(deployment, 'llm_tokens')).toMatchObject({ metered: '20' });
  });

  it.each([
    ['a day in the future', '2026-05-03', 'usage_day_in_future'],
    ['a day before the deployment', '2026-04-09', 'usage_outside_deployment'],
  ])('refuses %s', async (_name, day, code) => {
    const answer = await post(entry({ day }));
    expect([...outcome(answer), ...pointers(answer)]).toEqual([422, code, '/body/day']);
  });

  it('goes by the subscription where there is one: from its first day to the day of its cancel', async () => {
    await em().insert(Subscription, {
      deployment,
      tenantId: 'tenant-a',
      status: 'cancelled',
      startsOn: '2026-04-01',
      cancelledAt: new Date('2026-04-15T23:00:00Z'),
      currentPeriodStart: '2026-04-01',
      currentPeriodEnd: '2026-05-01',
      createdAt: now,
    });
    const statuses = [];
    for (const day of ['2026-03-31', '2026-04-01', '2026-04-15', '2026-04-16']) {
      statuses.push((await post(entry({ day }))).status);
    }
    expect(statuses).toEqual([422, 201, 201, 422]);
  });

  it('of a month that a rollup has begun with is noted as late', async () => {
    const late = () =>
      em().execute(
        `select usage_month::text as month, source_metered from late_usage where deployment_id = ?`,
        [deployment],
      );
    await post(entry());
    expect(await late()).toEqual([]);
    await em().insert(PeriodLedger, {
      periodStart: '2026-04-01',
      state: 'issued',
      workflowId: 'w',
      runId: 'r',
      startedAt: now,
      issueAfter: now,
    });
    await post(entry({ day: '2026-05-01' }));
    expect(await late()).toEqual([]);
    await post(entry());
    expect(await late()).toEqual([{ month: '2026-04-01', source_metered: true }]);
  });

  it('is a 404 for a deployment that is not there', async () => {
    const missing = '00000000-0000-4000-8000-000000000000';
    expect(outcome(await post(entry({ deployment_id: missing })))).toEqual([404, 'not_found']);
  });

  it('points at every fault', async () => {
    const answer = await post({
      deployment_id: 'x',
      resource_kind: 'droplets',
      day: '2026-02-30',
      quantity: 1.5,
      reason: '',
    });
    expect(answer.status).toBe(422);
    expect(pointers(answer).toSorted()).toEqual(
      ['day', 'deployment_id', 'quantity', 'reason', 'resource_kind'].map((field) => `/body/${field}`),
    );
    for (const quantity of ['0', '-0', '007', '1.0', '1e3', '+5', '9'.repeat(31)]) {
      expect(pointers(await post(entry({ quantity })))).toEqual(['/body/quantity']);
    }
  });

  it('counts once under one Idempotency-Key', async () => {
    const request = {
      method: 'POST',
      token: admin,
      body: entry(),
      headers: { 'idempotency-key': 'usage-1' },
    };
    const answers = [await api.call('/api/v1/usage', request), await api.call('/api/v1/usage', request)];
    expect(answers[1]?.json).toEqual(answers[0]?.json);
    expect(await kindOf(deployment, 'llm_tokens')).toMatchObject({ metered: '100' });
  });
});

describe('POST /usage/meter', () => {
  const days = { from: '2026-04-01', until: '2026-05-03' };

  it('starts the metering of these days, and refuses others while it runs', async () => {
    const answer = await post(days, '/meter');
    expect(answer.status).toBe(202);
    expect(answer.json).toMatchObject({ workflow_id: 'meter-usage' });
    const handle = temporal.client.workflow.getHandle('meter-usage');
    const { type, taskQueue } = await handle.describe();
    expect([type, taskQueue]).toEqual(['meterUsage', taskQueues.metering]);
    const { events } = await handle.fetchHistory();
    const input = events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads?.[0]?.data;
    expect(JSON.parse(Buffer.from(input ?? []).toString())).toEqual({ days: [days], requestedBy: 'alice' });

    expect(outcome(await post({ ...days, from: '2026-04-02' }, '/meter'))).toEqual([409, 'metering_running']);
    const audits = itemsOf(await api.call('/api/v1/audit', { token: admin })).filter(
      (item) => item['action'] === 'metered_day.meter',
    );
    expect(audits).toHaveLength(1);
    expect(audits[0]).toMatchObject({ after: days, workflow_id: 'meter-usage' });
    await handle.terminate('the test goes on');
  });

  it.each([
    ['days that have not begun', { ...days, until: '2026-05-04' }, 'usage_day_in_future', '/body/until'],
    ['days in the wrong order', { from: '2026-04-02', until: '2026-04-02' }, 'invalid_input', '/body/until'],
    ['more than ten years', { from: '2010-01-01', until: '2026-01-01' }, 'invalid_input', '/body/until'],
    ['a day that does not exist', { ...days, from: '2026-02-29' }, 'invalid_input', '/body/from'],
  ])('refuses %s', async (_name, body, code, pointer) => {
    const answer = await post(body, '/meter');
    expect([...outcome(answer), ...pointers(answer)]).toEqual([422, code, pointer]);
  });
});

describe('POST /usage/days/accept', () => {
  it('closes unknown days as they are, with a reason, and nothing else', async () => {
    const body = {
      resource_kind: 'bandwidth_gb',
      from: '2026-04-01',
      until: '2026-05-03',
      reason: 'readings are lost',
    };
    const answer = await post(body, '/days/accept');
    expect([answer.status, answer.json]).toEqual([200, { days: 3 }]);
    expect((await post(body, '/days/accept')).json).toEqual({ days: 0 });
    expect(await kindOf(foreign, 'bandwidth_gb')).toMatchObject({ days: { closed: 30, unknown: 0 } });
    await meters.meter('2026-04-01', '2026-05-03', now.toISOString());
    expect(await kindOf(foreign, 'bandwidth_gb')).toMatchObject({ days: { closed: 30, unknown: 0 } });
    expect(await kindOf(foreign, 'bandwidth_gb', '2026-05-01')).toMatchObject({
      days: { closed: 1, open: 1, unknown: 0 },
    });
  });
});
