import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { parseDecimal, sum } from '../../src/domain/money.ts';
import { setExchangeRates } from '../../src/services/margin/exchangeRates.ts';
import { freezeWorklist } from '../../src/services/rollup/freezeWorklist.ts';
import { rollUpTenants } from '../../src/services/rollup/rollUpTenants.ts';
import { storeCostEstimate } from '../../src/services/storeCostEstimate.ts';
import { forSession, systemSession } from '../../src/session.ts';
import { admin } from '../services/invoiceWorld.ts';
import { billingWorld, goldenTenant } from '../services/rollup/billingWorld.ts';
import { ingest, resource, sync, type World } from '../services/world.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { type ApiUnderTest, startApi, tokenFor } from './apiUnderTest.ts';

const golden = z
  .object({
    pilot_margin: z.object({
      revenue_cents: z.int(),
      cogs: z.string(),
      margin: z.string(),
      overall_margin: z.string(),
    }),
  })
  .parse(
    JSON.parse(readFileSync(new URL('../../dev/golden/cases.json', import.meta.url), 'utf8')),
  ).pilot_margin;

const april = '2026-04-01';
const may = '2026-05-01';
const now = '2026-05-16T00:00:00.000Z';
const tenant = 'dashboard-pilot';
const provider = 'digitalocean';
const invoiceUuid = randomUUID();
const viewer = tokenFor('platform_viewer');
/** Of five droplets, the last of which has backups. */
const charged = ['6.00', '6.00', '6.00', '6.00', '6.53'];

let database: TestDatabase;
let api: ApiUnderTest;
let deployment: string;

beforeAll(async () => {
  database = await createTestDatabase();
  api = await startApi({ databaseUrl: database.appUrl, clock: () => new Date(now) });
  const world: World = {
    pool: await api.orm.em.getConnection().getNativeClient(),
    em: () => forSession(api.orm, systemSession),
    close: () => Promise.resolve(),
  };
  await setExchangeRates(
    world.em(),
    [{ fromCurrency: 'USD', toCurrency: 'AUD', rate: '1', effectiveFrom: '2026-01-01' }],
    { actor: admin, now: new Date(now), source: 'operator' },
  );
  const billing = billingWorld((sql, parameters) => world.em().execute(sql, parameters));
  await billing.seedCatalog();
  deployment = await goldenTenant(billing, { tenantId: tenant, droplets: 5, addons: [], period: april });
  await billing.charge(deployment, '1.239', '2026-05-10T00:00:00Z');
  await billing.charge(deployment, '0.5', '2026-05-11T00:00:00Z');
  await billing.closeMonth(april);
  await rollUp(world);
  await spend(world);
}, 120_000);
afterAll(async () => {
  await api?.close();
  await database?.drop();
});

async function rollUp(world: World): Promise<void> {
  const at = new Date('2026-05-01T03:00:00Z');
  const input = { period: april, workflowId: 'roll-up', runId: 'run', force: false, graceHours: 72, now: at };
  const until = await freezeWorklist(world.em(), input);
  await rollUpTenants(world.em(), { period: april, part: { from: 0, until }, force: false, now: at });
  await world.em().execute(`update period_ledger set state = 'rolled_up', rolled_up_at = now()`);
}

/** The provider's invoice of April and its estimate of May. */
async function spend(world: World): Promise<void> {
  const names = charged.map((_, index) => `pilot-app-${index + 1}`);
  await sync(world, {
    provider,
    at: '2026-04-01T00:00:00Z',
    resources: names.map((name, index) => resource({ externalId: String(index + 1), name })),
  });
  await world
    .em()
    .execute(
      `insert into cloud_resource_memberships (resource_id, deployment_id, starts_at) select id, ?, '2026-04-01' from cloud_resources`,
      [deployment],
    );
  await ingest(world, {
    provider,
    invoiceUuid,
    period: april,
    charges: [
      ...charged.map((amount, index) => ({ name: names[index] ?? '', id: String(index + 1), amount })),
      { name: 'unknown', amount: '50.00' },
      { name: null, kind: null, lineClass: 'tax' as const, amount: '6.39' },
    ],
  });
  await storeCostEstimate(world.em(), {
    provider,
    estimate: {
      period: may,
      amount: sum(charged.map(parseDecimal)),
      currency: 'USD',
      estimatedAt: new Date('2026-05-15T00:00:00Z'),
    },
    async *lines() {
      yield charged.map((amount, index) => ({
        position: index + 1,
        product: 'Droplets',
        groupDescription: '',
        description: names[index] ?? '',
        amount: parseDecimal(amount),
        chargeStart: null,
        chargeEnd: null,
        resourceId: String(index + 1),
        resourceUuid: null,
        lineClass: 'resource' as const,
        kind: 'droplet' as const,
      }));
    },
    now: new Date('2026-05-15T00:00:00Z'),
    onProgress: () => undefined,
  });
}

const measure = z.union([
  z.strictObject({ amount: z.string(), currency: z.string() }),
  z.strictObject({ quantity: z.string(), unit: z.string() }),
]);
const explanation = z.object({
  figure: z.string(),
  value: measure,
  label: z.string(),
  as_of: z.string(),
  how: z.string(),
  row: z.record(z.string(), z.unknown()).nullable(),
  links: z.record(z.string(), z.string()),
  parts: z.object({
    items: z.array(
      z.object({
        what: z.string(),
        counts: measure,
        label: z.string(),
        next: z.object({ figure: z.string(), value: measure, explain: z.string() }).nullable(),
        links: z.record(z.string(), z.string()),
      }),
    ),
    next_cursor: z.string().nullable(),
  }),
});
type Explanation = z.output<typeof explanation>;

async function explain(path: string): Promise<Explanation> {
  const answer = await api.call(path, { token: viewer });
  expect([path, answer.status, answer.json['detail']]).toEqual([path, 200, undefined]);
  return explanation.parse(answer.json);
}
const explainFigure = (query: Record<string, string>) =>
  explain(`/api/v1/dashboard/explain?${new URLSearchParams(query)}`);

/** Follows, from a figure on, the part that each text is in. @returns every step */
async function follow(query: Record<string, string>, ...texts: readonly string[]): Promise<Explanation[]> {
  const steps = [await explainFigure(query)];
  for (const text of texts) {
    const { items } = steps.at(-1)?.parts ?? { items: [] };
    const part = items.find(({ what }) => what.includes(text));
    if (part?.next == null) throw new Error(`"${text}" leads nowhere from ${JSON.stringify(items)}`);
    const step = await explain(part.next.explain);
    expect({ figure: step.figure, value: step.value, label: step.label }).toEqual({
      figure: part.next.figure,
      value: part.next.value,
      label: part.label,
    });
    steps.push(step);
  }
  return steps;
}
const seen = (steps: readonly Explanation[]) =>
  steps.map(({ figure, value, label }) => [figure, ...Object.values(value), label]);

describe('the golden margin of the pilot', () => {
  const pilot = { figure: 'margin', period: april, tenant };

  it('leads by its revenue to the day on which a droplet ran', async () => {
    const steps = await follow(
      pilot,
      'Revenue',
      'deployment',
      'AUD',
      'Overage',
      'Usage of droplet_hours',
      '2026-04-17',
    );
    expect(seen(steps)).toEqual([
      ['margin', golden.margin, 'AUD', 'estimated'],
      ['revenue', '71.12', 'AUD', 'estimated'],
      ['revenue', '71.12', 'AUD', 'estimated'],
      ['charged_revenue', '71.12', 'AUD', 'estimated'],
      ['invoice_line', '21.12', 'AUD', 'estimated'],
      ['usage', '12960000', 'second', 'reconciled'],
      ['usage_day', '432000', 'second', 'reconciled'],
    ]);
    expect(golden.revenue_cents).toBe(7112);
    expect(steps.map(({ how }) => how)).toEqual([
      'Revenue of 71.12 AUD less COGS of 30.53 AUD: 57.1% of the revenue.',
      'What each deployment comes to, in whole cents of AUD; there are 1.',
      "Charged in AUD; what each currency comes to is converted at the rate of the period's last day.",
      "Lines of the period's invoices before tax, whatever month they are for, less credit notes; void invoices count for nothing: 71.12 AUD.",
      '3600 hour used − 1488 included − 0 above the cap = 2112 hour charged: 2112 hour at 0.01 AUD each, rounded half up once: 21.12 AUD.',
      'The sum of 30 days, as they are metered and corrected now: 12960000 second.',
      'Metered from 5 of its resources, with 0 corrections; the day is closed.',
    ]);
    const line = steps[4];
    expect(line?.parts.items.map(({ counts }) => counts)).toEqual([
      { quantity: '3600', unit: 'hour' },
      { quantity: '-1488', unit: 'hour' },
    ]);
    expect(line?.links['invoice']).toMatch(/^\/api\/v1\/invoices\//);
    expect(steps.at(-1)?.links['usage_days']).toBe(
      `/api/v1/usage/days?deployment_id=${deployment}&resource_kind=droplet_hours&period=${april}`,
    );
  });

  it('leads by its COGS to the row of the invoice, with its text and why it was matched', async () => {
    const steps = await follow(pilot, 'COGS', 'deployment', 'USD', invoiceUuid, 'pilot-app-5');
    expect(seen(steps)).toEqual([
      ['margin', golden.margin, 'AUD', 'estimated'],
      ['cogs', golden.cogs, 'AUD', 'reconciled'],
      ['cogs', golden.cogs, 'AUD', 'reconciled'],
      ['charged_cogs', golden.cogs, 'USD', 'reconciled'],
      ['charged_cogs', golden.cogs, 'USD', 'reconciled'],
      ['cost_line', '6.53', 'USD', 'reconciled'],
    ]);
    const currencies = steps[2]?.parts.items.map(({ what }) => what);
    expect(currencies).toEqual([
      '30.53 USD at 1 AUD for one USD, in force since 2026-01-01; rounded half up once with all of USD, this share by largest remainder: 30.53 AUD',
    ]);
    expect(steps.at(-1)).toMatchObject({
      as_of: '2026-05-02T01:00:00.000Z',
      row: {
        provider,
        invoice_uuid: invoiceUuid,
        version: 1,
        line_number: 5,
        product: 'Droplets',
        description: 'pilot-app-5 (line)',
        match_outcome: 'matched_by_id',
        match_reason: expect.stringMatching(/./),
      },
      links: {
        provider_invoice: `/api/v1/billing/invoices/${invoiceUuid}?provider=digitalocean`,
        cost_lines: `/api/v1/billing/cost-lines?period=${april}&invoice=${invoiceUuid}&version=1`,
        resource: expect.stringMatching(/^\/api\/v1\/inventory\//),
      },
    });
  });

  it('stands in the overall one beside what nobody bears, by owner and by kind', async () => {
    const [overall, cogs, unattributed] = await follow(
      { figure: 'margin', period: april },
      'COGS',
      'bucket unattributed',
    );
    expect(overall?.value).toEqual({ amount: golden.overall_margin, currency: 'AUD' });
    expect(cogs?.parts.items.map(({ what, counts }) => [what, Object.values(counts)[0]])).toEqual([
      ['bucket tax', '6.39'],
      ['bucket unattributed', '50.00'],
      [`tenant "${tenant}"`, '30.53'],
    ]);
    expect(unattributed?.value).toEqual({ amount: '50.00', currency: 'AUD' });
    const [, byKind] = await follow({ figure: 'cogs', period: april, by: 'kind' }, 'kind droplet');
    expect(byKind?.value).toEqual({ amount: '80.53', currency: 'AUD' });
  });

  it('has links that all lead to something', async () => {
    const steps = [
      ...(await follow(pilot, 'Revenue', 'deployment', 'AUD', 'Plan')),
      ...(await follow(pilot, 'COGS', 'deployment', 'USD', invoiceUuid, 'pilot-app-5')),
      ...(await follow({ figure: 'llm_usage', period: may, deployment })),
      ...(await follow({ figure: 'cogs', period: april })),
    ];
    const links = new Set(
      steps.flatMap((step) => [step, ...step.parts.items].flatMap((one) => Object.values(one.links))),
    );
    for (const link of links) {
      expect([link, (await api.call(link, { token: viewer })).status]).toEqual([link, 200]);
    }
    expect(links.size).toBeGreaterThan(7);
  });
});

describe('the running month', () => {
  it('is explained by what subscriptions accrue and the provider estimates, all of it estimated', async () => {
    const margin = { figure: 'margin', period: may, tenant };
    const revenue = await follow(margin, 'Revenue', 'deployment', 'AUD', 'LLM usage', 'Gateway charges');
    expect(seen(revenue).slice(3)).toEqual([
      ['accrued_revenue', '51.74', 'AUD', 'estimated'],
      ['accrued_line', '1.74', 'AUD', 'estimated'],
      ['llm_usage', '1.739', 'AUD', 'estimated'],
    ]);
    expect(revenue.at(-1)?.parts.items.map(({ counts }) => counts)).toEqual([
      { amount: '0.50', currency: 'AUD' },
      { amount: '1.239', currency: 'AUD' },
    ]);
    const cogs = await follow(margin, 'COGS', 'deployment', 'USD', 'Estimate of');
    expect(seen(cogs).slice(3)).toEqual([
      ['charged_cogs', '30.53', 'USD', 'estimated'],
      ['charged_cogs', '30.53', 'USD', 'estimated'],
    ]);
    expect(cogs.at(-1)).toMatchObject({ as_of: '2026-05-15T00:00:00.000Z' });
    expect(cogs.at(-1)?.parts.items[4]).toMatchObject({
      what: 'Line 5: Droplets, pilot-app-5, resource 5',
      label: 'estimated',
      next: null,
    });
  });

  it('leads from a kind to the deployments that accrue it', async () => {
    const steps = await follow(
      { figure: 'revenue', period: may, kind: 'plan_base' },
      'AUD',
      'deployment',
      'Plan',
    );
    expect(seen(steps).slice(1)).toEqual([
      ['accrued_revenue', '50.00', 'AUD', 'estimated'],
      ['accrued_revenue', '50.00', 'AUD', 'estimated'],
      ['accrued_line', '50.00', 'AUD', 'estimated'],
    ]);
  });
});

describe('parts', () => {
  it('come in pages, each beginning where the last one ended', async () => {
    const query = {
      figure: 'usage',
      deployment: '',
      kind: 'droplet_hours',
      from: april,
      until: may,
      limit: '20',
    };
    const first = await explainFigure({ ...query, deployment });
    const cursor = first.parts.next_cursor ?? '';
    const next = await explainFigure({ ...query, deployment, cursor });
    expect([first.parts.items.length, next.parts.items.length, next.parts.next_cursor]).toEqual([
      20,
      10,
      null,
    ]);
    expect(next.parts.items[0]?.what).toContain('2026-04-21');
    const other = new URLSearchParams({ figure: 'margin', period: april, cursor });
    const refused = await api.call(`/api/v1/dashboard/explain?${other}`, { token: viewer });
    expect(refused.json['errors']).toEqual([
      { pointer: '/query/cursor', detail: 'expected a cursor that this figure gave out' },
    ]);
  });
});

describe('a figure that is not named right', () => {
  const id = randomUUID();
  it.each([
    ['', '/query/figure', 'is required'],
    ['figure=profit', '/query/figure', expect.stringContaining('expected one of margin, revenue')],
    [
      'figure=margin',
      '/query/figure',
      expect.stringContaining('figure=margin is named by period | period, tenant'),
    ],
    [
      `figure=margin&period=${april}&bucket=tax`,
      '/query/bucket',
      expect.stringContaining('does not fit: figure=margin'),
    ],
    [
      `figure=margin&period=${april}&deployment=${id}`,
      '/query/deployment',
      expect.stringContaining('period, tenant, deployment'),
    ],
    [
      `figure=usage_day&period=${april}&deployment=${id}&kind=dns_zones&day=${april}`,
      '/query/period',
      'does not fit: figure=usage_day is named by deployment, kind, day',
    ],
    [
      `figure=usage_day&deployment=${id}&kind=droplet&day=${april}`,
      '/query/kind',
      expect.stringContaining('droplet_hours'),
    ],
    [`figure=usage_day&deployment=none&kind=dns_zones&day=${april}`, '/query/deployment', 'expected a UUID'],
    [
      `figure=usage&deployment=${id}&kind=dns_zones&from=${april}&until=2026-05-02`,
      '/query/until',
      expect.any(String),
    ],
    [
      `figure=cogs&period=${april}&tenant=a&bucket=tax`,
      '/query/bucket',
      expect.stringContaining('shared_spread'),
    ],
    [`figure=invoice_line&id=${id}`, '/query/id', 'expected an id of 1 to 18 digits'],
    ['figure=invoice&id=5', '/query/id', 'expected a UUID'],
  ])('is refused with what fits: %s', async (query, pointer, detail) => {
    const answer = await api.call(`/api/v1/dashboard/explain?${query}`, { token: viewer });
    expect(answer.status).toBe(422);
    expect(answer.json['errors']).toEqual([{ pointer, detail }]);
  });

  it.each([
    `figure=margin&period=${april}&tenant=nobody`,
    `figure=cogs&period=${april}&bucket=shared_spread`,
    `figure=charged_cogs&period=${april}&currency=EUR&bucket=tax`,
    `figure=charged_cogs&period=${april}&currency=USD&bucket=tax&invoice=${id}`,
    `figure=charged_cogs&period=${april}&currency=USD&bucket=tax&estimate=${id}`,
    `figure=charged_revenue&period=${april}&currency=EUR&kind=plan_base`,
    `figure=accrued_revenue&period=${april}&currency=AUD&kind=plan_base`,
    `figure=accrued_line&period=${may}&tenant=${tenant}&deployment=${id}&line=1`,
    `figure=late_month&period=${april}&deployment=${id}`,
    `figure=late_line&period=${april}&deployment=${id}&line=1`,
    `figure=usage&deployment=${id}&kind=dns_zones&from=${april}&until=${may}`,
    `figure=usage_day&deployment=${id}&kind=dns_zones&day=${april}`,
    `figure=llm_usage&period=${april}&deployment=${id}`,
    `figure=invoice&id=${id}`,
    `figure=provider_invoice&id=${id}`,
    'figure=invoice_line&id=999999999999',
    'figure=cost_line&id=999999999999',
  ])('is not found where nothing of it is in the books: %s', async (query) => {
    const answer = await api.call(`/api/v1/dashboard/explain?${query}`, { token: viewer });
    expect([answer.status, answer.json['code']]).toEqual([404, 'not_found']);
  });

  it('answers a period with a side missing with 409', async () => {
    const answer = await api.call('/api/v1/dashboard/explain?figure=margin&period=2026-03-01', {
      token: viewer,
    });
    expect([answer.status, answer.json['code']]).toEqual([409, 'cogs_unavailable']);
  });
});
