import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { workflowIds } from '../../src/workflows/ids.ts';
import { taskQueues } from '../../src/workflows/taskQueues.ts';
import { type BillingWorld, billingWorld, goldenTenant } from '../services/rollup/billingWorld.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { until } from '../support/killableWait.ts';
import { startTestWorker, type TestWorker } from '../support/worker.ts';
import { type Answer, type ApiUnderTest, startApi, tokenFor } from './apiUnderTest.ts';

const period = '2026-04-01';
let database: TestDatabase;
let worker: TestWorker;
let api: ApiUnderTest;
let billing: BillingWorld;

beforeAll(async () => {
  database = await createTestDatabase();
  worker = await startTestWorker({
    appUrl: database.appUrl,
    providers: [],
    namespace: 'api-rollups',
    queues: [taskQueues.billing],
  });
  api = await startApi({
    databaseUrl: database.appUrl,
    temporal: () => worker.client,
    clock: () => new Date('2026-06-10T00:00:00Z'),
  });
  billing = billingWorld((sql, parameters) => worker.em().execute(sql, parameters));
  await billing.seedCatalog();
  await billing.closeMonth(period);
  await goldenTenant(billing, { tenantId: 'golden', droplets: 3, addons: ['storage_50gb'], period });
  await billing.deployment({ tenantId: 'poison', plan: 'studio', startsOn: period });
  await billing.profile('poison', { currency: 'USD' });
}, 120_000);
afterAll(async () => {
  await api?.close();
  await worker?.stop();
  await database?.drop();
});

const get = (path: string) => api.call(path, { token: tokenFor('platform_viewer') });
const post = (path: string, body: unknown): Promise<Answer> =>
  api.call(path, { method: 'POST', token: tokenFor('platform_admin'), body });
const status = async (answer: Promise<Answer>) => {
  const { status: code, json } = await answer;
  return [code, json['code']];
};

/** One story: each test goes on from where the one before it ended. */
describe('/rollups', () => {
  it('previews a month, also one that still runs, and writes nothing', async () => {
    const answer = await post('/api/v1/rollups', { period, preview: true });
    expect(answer.status).toBe(200);
    expect(answer.json).toMatchObject({
      period,
      tenants: 2,
      invoices: [
        {
          tenant_id: 'golden',
          currency: 'AUD',
          subtotal_cents: 6422,
          tax_cents: 642,
          total_cents: 7064,
          problem: null,
          lines: [
            { type: 'plan_base', amount_cents: 5000 },
            { type: 'addon', description: 'Addon: storage_50gb', amount_cents: 750 },
            { type: 'overage', resource_kind: 'droplet_hours', amount_cents: 672 },
            { type: 'tax', amount_cents: 642 },
          ],
        },
        { tenant_id: 'poison', total_cents: null, problem: { code: 'mixed_currency' }, lines: [] },
      ],
    });
    const running = await post('/api/v1/rollups', {
      period: '2026-06-01',
      preview: true,
      tenant_ids: ['golden'],
    });
    expect([running.status, running.json]).toMatchObject([
      200,
      { invoices: [{ tenant_id: 'golden', total_cents: 6325 }] },
    ]);
    expect((await get('/api/v1/rollups')).json).toEqual({ items: [], missing: [period, '2026-05-01'] });
    expect(await status(get(`/api/v1/rollups/${period}`))).toEqual([404, 'not_found']);
  });

  it('refuses a month that has not ended, and what makes no sense', async () => {
    expect(await status(post('/api/v1/rollups', { period: '2026-06-01' }))).toEqual([
      422,
      'period_not_ended',
    ]);
    for (const body of [
      { period: '2026-04-02' },
      { period, force: true },
      { period, force: true, preview: true, reason: 'both' },
      { period, tenant_ids: ['golden'] },
      { period, preview: true, tenant_ids: [] },
    ]) {
      expect([body, ...(await status(post('/api/v1/rollups', body)))]).toEqual([body, 422, 'invalid_input']);
    }
  });

  it('starts one run, however many ask at once, and shows the exception with its reason', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => post('/api/v1/rollups', { period })));
    expect(answers.map(({ status: code }) => code)).toEqual(answers.map(() => 202));
    expect(new Set(answers.map(({ json }) => json['run_id'])).size).toBe(1);
    const shown = await until('the exception is open', async () => {
      const answer = await get(`/api/v1/rollups/${period}`);
      return answer.json['state'] === 'issued' ? answer : undefined;
    });
    expect(shown.json).toMatchObject({
      period,
      tenants: 2,
      invoiced: 1,
      failed: 1,
      skipped: 0,
      progress: { tenants: 2, done: 1, failed: 1, skipped: 0, left: 0 },
      exceptions: {
        items: [
          {
            tenant_id: 'poison',
            state: 'failed',
            problem: 'mixed_currency',
            message: 'deployment main is priced in AUD, but its tenant is billed in USD',
          },
        ],
        next_cursor: null,
      },
      links: { temporal_ui: expect.stringContaining(encodeURIComponent(workflowIds.rollUpPeriod(period))) },
    });
    expect((await get('/api/v1/rollups')).json).toMatchObject({
      items: [{ period, state: 'issued' }],
      missing: ['2026-05-01'],
    });
  });

  it('does not force a rollup that runs', async () => {
    expect(await status(post('/api/v1/rollups', { period, force: true, reason: 'again' }))).toEqual([
      409,
      'rollup_running',
    ]);
  });

  it('retries a tenant, and closes the run once it is mended', async () => {
    const retry = (tenant: string) =>
      post(`/api/v1/rollups/${period}/tenants/${tenant}/retry`, { reason: 'mended' });
    expect(await status(retry('nobody'))).toEqual([404, 'not_found']);
    expect((await retry('poison')).json).toMatchObject({ state: 'failed', problem: 'mixed_currency' });
    await billing.profile('poison', { currency: 'AUD' });
    expect(await retry('poison')).toMatchObject({
      status: 200,
      json: { tenant_id: 'poison', state: 'done', problem: null, message: null },
    });
    await worker.client.workflow.result(workflowIds.rollUpPeriod(period));
    expect(await status(retry('poison'))).toEqual([409, 'rollup_ended']);
    expect(
      await status(post(`/api/v1/rollups/2026-05-01/tenants/poison/skip`, { reason: 'not there' })),
    ).toEqual([404, 'not_found']);
    await until('both are issued', async () => {
      const [row] = await worker
        .em()
        .execute<{ count: number }[]>(
          `select count(*)::int as count from tenant_invoices where number is not null`,
        );
      return row?.count === 2 ? true : undefined;
    });
  });

  it('skips a tenant with a reason, which the audit log keeps', async () => {
    await billing.closeMonth('2026-05-01');
    await billing.profile('poison', { currency: 'USD' });
    await post('/api/v1/rollups', { period: '2026-05-01' });
    const skip = () => post('/api/v1/rollups/2026-05-01/tenants/poison/skip', { reason: 'a goodwill month' });
    await until('it can be skipped', async () => {
      const { status: code } = await skip();
      return code === 200 ? true : undefined;
    });
    await worker.client.workflow.result(workflowIds.rollUpPeriod('2026-05-01'));
    expect((await get('/api/v1/rollups/2026-05-01')).json).toMatchObject({
      invoiced: 1,
      failed: 0,
      skipped: 1,
      exceptions: { items: [{ tenant_id: 'poison', state: 'skipped', reason: 'a goodwill month' }] },
    });
    const audit = await get('/api/v1/audit?limit=200');
    expect(audit.text).toContain('a goodwill month');
  });

  it('checks and issues a month when it is asked to', async () => {
    expect((await post(`/api/v1/rollups/${period}/check`, {})).status).toBe(202);
    expect(await worker.client.workflow.result(workflowIds.checkPeriod(period))).toMatchObject({
      invoices: 2,
    });
    expect((await post(`/api/v1/rollups/${period}/issue`, { reason: 'now', early: true })).status).toBe(202);
    expect(await worker.client.workflow.result(workflowIds.issuePeriod(period))).toMatchObject({
      issued: 0,
      held: 0,
    });
    expect(await status(post('/api/v1/rollups/2026-03-01/check', {}))).toEqual([404, 'not_found']);
  });
});
