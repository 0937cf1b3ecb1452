import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { forSession, systemSession } from '../../src/session.ts';
import { writeIssued } from '../services/invoiceWorld.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { type ApiUnderTest, itemsOf, startApi, tokenFor } from './apiUnderTest.ts';
import { seeder } from './seed.ts';

const period = '2026-04-01';
const now = '2026-08-01T00:00:00.000Z';
const viewer = tokenFor('platform_viewer');
const admin = tokenFor('platform_admin');
let database: TestDatabase;
let api: ApiUnderTest;

beforeAll(async () => {
  database = await createTestDatabase();
  api = await startApi({ databaseUrl: database.appUrl, clock: () => new Date(now) });
  const em = forSession(api.orm, systemSession);
  for (const [tenantId, planCents] of [
    ['alpha', 1000],
    ['beta', 2000],
    ['gamma', 3000],
  ] as const) {
    await writeIssued(em, { tenantId, period, planCents });
  }
  await em.execute(
    `insert into period_ledger (period_start, state, workflow_id, run_id, forced, tenants, invoiced, skipped, failed, started_at, rolled_up_at, issue_after)
     values (?, 'issued', 'roll-up', 'run', false, 3, 3, 0, 0, now(), now(), now())`,
    [period],
  );
  await seeder(api.orm).invoice(period, [
    ['80.5', 'unmatched'],
    ['19.5', 'tax'],
  ]);
});
afterAll(async () => {
  await api.close();
  await database.drop();
});

const setRate = (body: object) => api.call('/api/v1/exchange-rates', { method: 'POST', token: admin, body });
const importRates = (csv: string) =>
  fetch(`${api.address}/api/v1/exchange-rates/import`, {
    method: 'POST',
    headers: { authorization: `Bearer ${admin}`, 'content-type': 'text/csv' },
    body: csv,
  });

describe('before there is a rate', () => {
  it('the margin is refused with the pair and the day', async () => {
    const answer = await api.call(`/api/v1/dashboard/margin?period=${period}`, { token: viewer });
    expect(answer.status).toBe(422);
    expect(answer.json).toMatchObject({
      code: 'missing_exchange_rate',
      detail: 'there is no rate from USD to AUD in force on 2026-04-30',
      context: { from: 'USD', to: 'AUD', day: '2026-04-30' },
    });
  });
});

describe('exchange rates', () => {
  it('are set once; the same again changes nothing, another value needs replace and a reason, and is audited', async () => {
    const wanted = { from: 'USD', to: 'AUD', rate: '1.4', effective_from: '2026-01-01' };
    expect((await setRate(wanted)).json).toEqual({ written: 1 });
    expect((await setRate({ ...wanted, rate: '1.40' })).json).toEqual({ written: 0 });
    const refused = await setRate({ ...wanted, rate: '1.5' });
    expect(refused.status).toBe(409);
    expect(refused.json).toMatchObject({ code: 'exchange_rate_exists', context: { rate: '1.4' } });
    expect((await setRate({ ...wanted, rate: '1.5', replace: true })).status).toBe(422);
    const replaced = await setRate({ ...wanted, rate: '1.5', replace: true, reason: 'mistyped' });
    expect(replaced.json).toEqual({ written: 1 });
    const audit = await api.call('/api/v1/audit?action=exchange_rate.replace', { token: viewer });
    expect(itemsOf(audit)).toMatchObject([
      { reason: 'mistyped', before: { rate: '1.4' }, after: { rate: '1.5' } },
    ]);
  });

  it.each([
    [{ from: 'USD', to: 'USD', rate: '1', effective_from: '2026-01-01' }, '/body/to'],
    [{ from: 'USD', to: 'AUD', rate: '0.000', effective_from: '2026-01-01' }, '/body/rate'],
    [{ from: 'USD', to: 'AUD', rate: '-1', effective_from: '2026-01-01' }, '/body/rate'],
    [{ from: 'USD', to: 'AUD', rate: 1.5, effective_from: '2026-01-01' }, '/body/rate'],
    [{ from: 'XXQ', to: 'AUD', rate: '1.5', effective_from: '2026-01-01' }, '/body/from'],
    [{ from: 'USD', to: 'AUD', rate: '1.5', effective_from: '2026-02-30' }, '/body/effective_from'],
  ])('refuse %j at %s', async (body, pointer) => {
    const answer = await setRate(body);
    expect(answer.status).toBe(422);
    expect(answer.json['errors']).toEqual([expect.objectContaining({ pointer })]);
  });

  it('come as CSV, all rows or none; each fault is named by row and column', async () => {
    const bad = await importRates(
      'from,to,rate,effective_from\nEUR,AUD,1.6,2026-01-01\nEUR,AUD,x,2026-02-01\n',
    );
    expect(bad.status).toBe(422);
    expect(await bad.json()).toMatchObject({ errors: [{ pointer: '/body/2/rate' }] });
    expect((await importRates('from,to,rate,effective_from\nEUR,AUD\n')).status).toBe(400);
    expect((await importRates('')).status).toBe(400);
    const good = await importRates(
      '\uFEFFfrom,to,rate,effective_from\r\nEUR,AUD,1.6,2026-01-01\r\nEUR,AUD,1.7,2026-02-01\r\n',
    );
    expect(await good.json()).toEqual({ written: 2 });
    const first = await api.call('/api/v1/exchange-rates?from=EUR&limit=1', { token: viewer });
    const next = await api.call(
      `/api/v1/exchange-rates?from=EUR&limit=1&cursor=${first.json['next_cursor']}`,
      {
        token: viewer,
      },
    );
    expect([...itemsOf(first), ...itemsOf(next)]).toMatchObject([
      { rate: '1.7', effective_from: '2026-02-01', source: 'csv', created_by: 'test-platform_admin' },
      { rate: '1.6', effective_from: '2026-01-01' },
    ]);
    expect(next.json['next_cursor']).toBeNull();
  });
});

describe('the dashboard', () => {
  it('shows the margin with its totals on every page of tenants', async () => {
    const first = await api.call(`/api/v1/dashboard/margin?period=${period}&limit=2`, { token: viewer });
    expect(first.status).toBe(200);
    expect(first.json).toMatchObject({
      period,
      currency: 'AUD',
      as_of: now,
      revenue_basis: 'invoices',
      cost_estimates: [],
      overall: {
        revenue: { cents: 6000, label: 'reconciled' },
        cogs: { cents: 15000, label: 'reconciled' },
        margin_cents: -9000,
        margin_percent: '-150.0',
      },
      buckets: [
        { bucket: 'tax', cogs: { cents: 2925 } },
        { bucket: 'unattributed', cogs: { cents: 12075 } },
      ],
      rates: [
        { from: 'AUD', to: 'AUD', rate: '1', effective_from: null },
        { from: 'USD', to: 'AUD', rate: '1.5', effective_from: '2026-01-01' },
      ],
      sources: {
        cogs: [{ currency: 'USD', amount: '100.00' }],
        revenue: [{ currency: 'AUD', amount: '60.00' }],
      },
    });
    const page = first.json['tenants'] as { items: { tenant_id: string }[]; next_cursor: string };
    const next = await api.call(
      `/api/v1/dashboard/margin?period=${period}&limit=2&cursor=${page.next_cursor}`,
      {
        token: viewer,
      },
    );
    expect(next.json).toMatchObject({ overall: first.json['overall'], tenants: { next_cursor: null } });
    const rest = next.json['tenants'] as typeof page;
    expect([...page.items, ...rest.items].map(({ tenant_id }) => tenant_id)).toEqual([
      'alpha',
      'beta',
      'gamma',
    ]);
  });

  it('shows both axes by kind, each adding up to its side', async () => {
    const { json } = await api.call(`/api/v1/dashboard/by-kind?period=${period}`, { token: viewer });
    expect(json).toMatchObject({
      revenue: [{ kind: 'plan_base', cents: 6000 }],
      cogs: [{ kind: 'droplet', cents: 15000 }],
    });
  });

  it('shows a trend, and says what is missing of a period', async () => {
    const { json } = await api.call('/api/v1/dashboard/trend?from=2026-04-01&to=2026-05-01', {
      token: viewer,
    });
    expect(json).toMatchObject({
      points: [
        { period, overall: { margin_cents: -9000 }, unavailable: null },
        { period: '2026-05-01', overall: null, unavailable: { code: 'cogs_unavailable' } },
      ],
    });
  });

  it('shows whether the books close, and names what does not', async () => {
    const closing = await api.call(`/api/v1/dashboard/closure?period=${period}`, { token: viewer });
    expect(closing.json).toEqual({
      period,
      as_of: now,
      closes: true,
      cogs: [
        {
          provider: 'digitalocean',
          currency: 'USD',
          basis: 'invoice',
          invoiced: '100',
          attributed: '0',
          shared: '0',
          tax: '19.5',
          credit: '0',
          unattributed: '80.5',
          difference: '0',
        },
      ],
      revenue: [
        {
          currency: 'AUD',
          invoices: 3,
          subtotal_cents: '6000',
          line_cents: '6000',
          tax_cents: '600',
          tax_line_cents: '600',
        },
      ],
      faults: [],
    });
    const em = forSession(api.orm, systemSession);
    await em.execute(
      `insert into rollup_worklist (period_start, tenant_id, position, state, attempts, updated_at) values (?, 'lost', 0, 'done', 1, now())`,
      [period],
    );
    const open = await api.call(`/api/v1/dashboard/closure?period=${period}`, { token: viewer });
    expect(open.json).toMatchObject({
      closes: false,
      faults: [
        {
          code: 'tenant_without_invoice',
          subject: 'lost',
          message: 'the rollup counts tenant "lost" as invoiced, but there is no invoice',
        },
      ],
    });
  });

  it('answers a period with a side missing with 409', async () => {
    const answer = await api.call('/api/v1/dashboard/margin?period=2026-05-01', { token: viewer });
    expect(answer.status).toBe(409);
    expect(answer.json).toMatchObject({ code: 'cogs_unavailable', context: { period: '2026-05-01' } });
  });

  it.each([
    'margin',
    'margin?period=2026-04-02',
    'trend?from=2026-05-01&to=2026-04-01',
    'trend?from=2020-01-01&to=2026-04-01',
  ])('refuses %s', async (path) => {
    expect((await api.call(`/api/v1/dashboard/${path}`, { token: viewer })).status).toBe(422);
  });
});
