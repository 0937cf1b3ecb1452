import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { MeterKind } from '../../../src/domain/meters.ts';
import { Decimal, parseDecimal, sum } from '../../../src/domain/money.ts';
import { nextPeriod, type Period, shiftPeriod } from '../../../src/domain/period.ts';
import { sharedCostMethods } from '../../../src/entities/sharedCostPolicy.ts';
import { addInvoiceLine } from '../../../src/services/adjustInvoice.ts';
import { issueInvoices } from '../../../src/services/issueInvoices.ts';
import { setExchangeRates } from '../../../src/services/margin/exchangeRates.ts';
import type { Figure, Subject } from '../../../src/services/margin/explain/step.ts';
import { marginByKind } from '../../../src/services/margin/marginByKind.ts';
import { marginSummary } from '../../../src/services/margin/marginSummary.ts';
import { createSharedCostPolicy } from '../../../src/services/margin/sharedCostPolicies.ts';
import { freezeWorklist } from '../../../src/services/rollup/freezeWorklist.ts';
import { rollUpTenants } from '../../../src/services/rollup/rollUpTenants.ts';
import { storeCostEstimate } from '../../../src/services/storeCostEstimate.ts';
import { systemSession } from '../../../src/session.ts';
import { admin, writeIssued } from '../invoiceWorld.ts';
import { type BillingWorld, billingWorld } from '../rollup/billingWorld.ts';
import { credit } from '../settledInvoices.ts';
import { type Charge, discover, ingest, openWorld, resource, sync, type World } from '../world.ts';
import { numberOf, type WholeStep, walk, wholeStep } from './walkExplanations.ts';

const firstMonth = '2026-04-01';
let world: World;
let billing: BillingWorld;
let months = 0;

beforeAll(async () => {
  world = await openWorld();
  billing = billingWorld((sql, parameters) => world.em().execute(sql, parameters));
  await billing.seedCatalog();
  await run(
    `insert into resource_prices (resource_kind, unit, price_cents, currency, effective_from) values ('llm_tokens', '1k_tokens', '1.3', 'AUD', '2014-12-01')`,
    [],
  );
  await setExchangeRates(
    world.em(),
    [
      { fromCurrency: 'USD', toCurrency: 'AUD', rate: '1.5237', effectiveFrom: '2026-01-01' },
      { fromCurrency: 'EUR', toCurrency: 'AUD', rate: '1.6491', effectiveFrom: '2026-01-01' },
      { fromCurrency: 'NZD', toCurrency: 'AUD', rate: '0.9173', effectiveFrom: '2026-01-01' },
    ],
    { actor: admin, now: new Date(), source: 'operator' },
  );
}, 120_000);
afterAll(() => world?.close());

const kinds: readonly (readonly [MeterKind, string])[] = [
  ['droplet_hours', '432000'],
  ['spaces_gb_month', '30000000000000000'],
  ['dns_zones', '7'],
  ['volume_gb_month', '8000000000000000'],
  ['bandwidth_gb', '60000000000'],
  ['llm_tokens', '90000'],
];
const use = fc.record({
  kind: fc.constantFrom(...kinds),
  from: fc.integer({ min: 1, max: 27 }),
  days: fc.integer({ min: 1, max: 4 }),
});
const deployment = fc.record({
  plan: fc.constantFrom('starter', 'studio'),
  hasAddon: fc.boolean(),
  movesToPro: fc.boolean(),
  uses: fc.array(use, { maxLength: 4 }),
  charges: fc.array(fc.integer({ min: 1, max: 99_999 }), { maxLength: 3 }),
  /** What is known only after the month was invoiced. */
  late: fc.option(fc.constantFrom('metered', 'llm')),
  /** What is known only after this month was priced. */
  after: fc.option(fc.constantFrom('metered', 'llm')),
});
const charge = fc.record({
  /** The third is never found. */
  resource: fc.nat(2),
  lineClass: fc.constantFrom('resource', 'resource', 'resource', 'tax', 'credit', 'shared'),
  from: fc.integer({ min: 0, max: 600 }),
  hours: fc.integer({ min: 0, max: 120 }),
  digits: fc.integer({ min: -10_000, max: 100_000 }),
  places: fc.integer({ min: 0, max: 4 }),
} as const);
const bill = fc.record({
  charges: fc.array(charge, { minLength: 1, maxLength: 5 }),
  currency: fc.constantFrom('USD', 'EUR'),
  state: fc.constantFrom('ingested', 'ingested', 'held', 'restated', 'not_ingested'),
});
const books = fc.record({
  deployments: fc.array(deployment, { minLength: 1, maxLength: 3 }),
  bills: fc.array(bill, { minLength: 1, maxLength: 2 }),
  estimates: fc.array(charge, { maxLength: 3 }),
  /** Who has a resource from which hour on; -1 is nobody. */
  moves: fc.array(
    fc.record({ hour: fc.integer({ min: -48, max: 700 }), owner: fc.integer({ min: -1, max: 2 }) }),
    {
      maxLength: 4,
    },
  ),
  policy: fc.constantFrom(...sharedCostMethods),
  issued: fc.boolean(),
  creditedCents: fc.integer({ min: 0, max: 900 }),
  manualCents: fc.integer({ min: -700, max: 700 }),
});
type Books = typeof books extends fc.Arbitrary<infer Value> ? Value : never;

/** Every kind of step comes in it, whatever else is generated. */
const everything: Books = {
  deployments: [
    {
      plan: 'starter',
      hasAddon: true,
      movesToPro: true,
      uses: [
        { kind: ['droplet_hours', '4320000'], from: 2, days: 3 },
        { kind: ['dns_zones', '70'], from: 12, days: 4 },
        { kind: ['volume_gb_month', '8000000000000000'], from: 8, days: 4 },
      ],
      charges: [12_345, 6_789],
      late: 'metered',
      after: 'metered',
    },
    { plan: 'studio', hasAddon: false, movesToPro: false, uses: [], charges: [1], late: 'llm', after: 'llm' },
  ],
  bills: [
    {
      charges: [
        { resource: 0, lineClass: 'resource', from: 0, hours: 100, digits: 10_001, places: 3 },
        { resource: 1, lineClass: 'resource', from: 0, hours: 100, digits: -707, places: 2 },
        { resource: 2, lineClass: 'resource', from: 0, hours: 100, digits: 33, places: 1 },
        { resource: 0, lineClass: 'shared', from: 0, hours: 100, digits: 9_999, places: 2 },
        { resource: 0, lineClass: 'tax', from: 0, hours: 100, digits: 1_234, places: 2 },
      ],
      currency: 'EUR',
      state: 'restated',
    },
    {
      charges: [{ resource: 0, lineClass: 'resource', from: 0, hours: 9, digits: 5, places: 0 }],
      currency: 'USD',
      state: 'held',
    },
  ],
  estimates: [
    { resource: 0, lineClass: 'resource', from: 0, hours: 1, digits: 777, places: 2 },
    { resource: 2, lineClass: 'resource', from: 0, hours: 1, digits: 11, places: 0 },
  ],
  moves: [
    { hour: -24, owner: 0 },
    { hour: 33, owner: -1 },
    { hour: 57, owner: 1 },
  ],
  policy: 'direct_cost',
  issued: true,
  creditedCents: 55,
  manualCents: -120,
};

const run = (sql: string, parameters: unknown[]) => world.em().execute(sql, parameters);
const dayIn = (period: Period, day: number) => `${period.slice(0, 8)}${String(day).padStart(2, '0')}`;
const hourIn = (period: Period, hour: number) =>
  new Date(Date.parse(`${period}T00:00:00Z`) + hour * 3_600_000).toISOString();
const amountOf = ({ digits, places }: { digits: number; places: number }) =>
  new Decimal(digits).dividedBy(10 ** places).toFixed();

async function rollUp(period: Period): Promise<void> {
  const now = new Date(`${nextPeriod(period)}T03:00:00Z`);
  const input = { workflowId: `roll-up:${period}`, runId: period, force: false, graceHours: 72, now };
  const tenants = await freezeWorklist(world.em(), { period, ...input });
  const counts = await rollUpTenants(world.em(), {
    period,
    part: { from: 0, until: tenants },
    force: false,
    now,
  });
  expect(counts).toMatchObject({ failed: 0 });
  await run(`update period_ledger set state = 'rolled_up', rolled_up_at = now() where period_start = ?`, [
    period,
  ]);
}

const invoicesOfPeriod = (period: Period) =>
  world
    .em()
    .execute<{ id: string; tenant_id: string; subtotal: number }[]>(
      `select id, tenant_id, subtotal_cents::float8 as subtotal from tenant_invoices where period_start = ? order by tenant_id`,
      [period],
    );

/** Lives two months of a generated account; the second one has both sides. @returns the second month */
async function live(lived: Books): Promise<Period> {
  months += 2;
  const before = shiftPeriod(firstMonth, months);
  const period = nextPeriod(before);
  const name = `account ${months}`;
  await run(
    `insert into resource_prices (resource_kind, unit, price_cents, currency, effective_from) values ('volume_gb_month', 'gb_month', '11.5', 'AUD', ?)`,
    [dayIn(period, 10)],
  );
  const ids: string[] = [];
  for (const [index, one] of lived.deployments.entries()) {
    const tenantId = `${name} tenant ${index % 2}`;
    const id = await billing.deployment({
      tenantId,
      slug: `d${index}`,
      plan: one.plan,
      startsOn: dayIn(before, 5),
      cancelledAt: `${dayIn(period, 28)}T12:00:00Z`,
      addons: one.hasAddon ? [{ code: 'storage_50gb' }] : [],
    });
    ids.push(id);
    if (one.movesToPro) await billing.changePlan(id, 'pro', dayIn(period, 15));
    for (const {
      kind: [kind, quantity],
      from,
      days,
    } of one.uses) {
      for (const month of [before, period]) {
        await billing.use({
          deploymentId: id,
          kind,
          from: dayIn(month, from),
          until: dayIn(month, Math.min(28, from + days)),
          quantity,
        });
      }
    }
    for (const [at, cents] of one.charges.entries()) {
      const value = new Decimal(cents).dividedBy(10_000).toFixed();
      await billing.charge(id, value, `${dayIn(period, 3 + at)}T00:00:00Z`);
    }
  }
  for (const month of [before, period]) await billing.closeMonth(month);
  await rollUp(before);
  const invoiced = (await invoicesOfPeriod(before)).map(({ id }) => id);
  await issueInvoices(world.em(), {
    invoiceIds: invoiced,
    now: new Date(`${period}T04:00:00Z`),
    actor: systemSession,
  });
  const change = async (id: string, month: Period, what: 'metered' | 'llm') => {
    if (what === 'llm') await billing.charge(id, '3.3333', `${dayIn(month, 20)}T00:00:00Z`);
    else await billing.correct(id, 'droplet_hours', dayIn(month, 9), '9000000');
  };
  for (const [index, { late }] of lived.deployments.entries()) {
    const id = ids[index];
    if (late == null || id === undefined) continue;
    await change(id, before, late);
    await billing.noteLate(id, before, late);
  }
  await rollUp(period);
  await adjust(lived, period);
  for (const [index, { after }] of lived.deployments.entries()) {
    if (after != null) await change(ids[index] ?? '', period, after);
  }
  const foreign = await billing.deployment({ tenantId: `${name} abroad`, plan: null });
  await writeIssued(world.em(), {
    tenantId: `${name} abroad`,
    period,
    planCents: 12_345,
    currency: 'NZD',
    taxRate: null,
    deploymentId: foreign,
  });
  await chargeAll(lived, period, name, [...ids, foreign]);
  await createSharedCostPolicy(
    world.em(),
    {
      method: lived.policy,
      resourceKind: lived.policy === 'usage' ? 'droplet_hours' : null,
      effectiveFrom: period,
    },
    { actor: admin, now: new Date(), reason: 'test' },
  );
  return period;
}

/** A manual line on the first draft, which is then issued and credited, where that was drawn. */
async function adjust(lived: Books, period: Period): Promise<void> {
  const [first] = await invoicesOfPeriod(period);
  if (first === undefined) return;
  const now = new Date(`${nextPeriod(period)}T04:00:00Z`);
  if (lived.manualCents !== 0) {
    await addInvoiceLine(world.em(), {
      invoiceId: first.id,
      deploymentId: null,
      description: 'by hand',
      amountCents: lived.manualCents,
      reason: 'test',
      now,
      actor: admin,
    });
  }
  if (!lived.issued) return;
  await issueInvoices(world.em(), { invoiceIds: [first.id], now, actor: systemSession });
  if (lived.creditedCents > 0) await credit(world.em(), first.id, lived.creditedCents);
}

/** What providers charge: one with invoices, and one of which there is an estimate alone. */
async function chargeAll(
  lived: Books,
  period: Period,
  name: string,
  owners: readonly string[],
): Promise<void> {
  const providers = [`${name} invoices`, `${name} estimates`];
  for (const provider of providers) {
    await sync(world, {
      provider,
      at: `${period}T00:00:00Z`,
      resources: [0, 1].map((id) => resource({ externalId: String(id), name: `resource-${id}` })),
    });
    // The second resource is a tenant's through its project.
    const project = randomUUID();
    await run(
      `insert into cloud_projects (id, provider, external_id, name, is_default, tenant_id, first_seen_at, last_seen_at)
       values (?, ?, ?, 'project', false, ?, now(), now())`,
      [project, provider, project, `${name} tenant 0`],
    );
    await run('update cloud_resources set project_id = ? where provider = ? and external_id = ?', [
      project,
      provider,
      '1',
    ]);
    const moves = [...new Map(lived.moves.map((move) => [move.hour, move])).values()].toSorted(
      (left, right) => left.hour - right.hour,
    );
    for (const [index, { hour, owner }] of moves.entries()) {
      const next = moves[index + 1];
      if (owner < 0) continue;
      await run(
        `insert into cloud_resource_memberships (resource_id, deployment_id, starts_at, ends_at)
         select id, ?, ?, ? from cloud_resources where provider = ?`,
        [
          owners[owner % owners.length],
          hourIn(period, hour),
          next === undefined ? null : hourIn(period, next.hour),
          provider,
        ],
      );
    }
  }
  const [invoices = '', estimates = ''] = providers;
  for (const one of lived.bills) await writeBill(one, invoices, period);
  if (lived.estimates.length > 0) await writeEstimate(lived.estimates, estimates, period);
}

async function writeBill(one: Books['bills'][number], provider: string, period: Period): Promise<void> {
  const invoiceUuid = randomUUID();
  const charges = one.charges.map(
    (of): Charge =>
      of.lineClass === 'resource'
        ? {
            name: `resource-${of.resource}`,
            id: String(of.resource),
            amount: amountOf(of),
            from: hourIn(period, of.from),
            to: hourIn(period, of.from + of.hours),
          }
        : { name: null, kind: null, lineClass: of.lineClass, amount: amountOf(of) },
  );
  const stated = { provider, invoiceUuid, period, charges };
  if (one.state === 'not_ingested') await discover(world, stated);
  else await ingest(world, stated);
  if (one.state === 'restated') await discover(world, { ...stated, amount: '77.77' });
  if (one.state === 'held') {
    await run(`update cloud_invoices set ingest_status = 'held' where invoice_uuid = ?`, [invoiceUuid]);
  }
  // The world bills in US dollars.
  await run('update cloud_invoices set currency = ? where invoice_uuid = ?', [one.currency, invoiceUuid]);
  await run(
    'update cloud_cost_lines set currency = ? where invoice_id in (select id from cloud_invoices where invoice_uuid = ?)',
    [one.currency, invoiceUuid],
  );
}

async function writeEstimate(charges: Books['estimates'], provider: string, period: Period): Promise<void> {
  const amounts = charges.map((of) => parseDecimal(amountOf(of)));
  const at = new Date(`${dayIn(period, 20)}T00:00:00Z`);
  await storeCostEstimate(world.em(), {
    provider,
    estimate: { period, amount: sum(amounts).plus('0.37'), currency: 'USD', estimatedAt: at },
    async *lines() {
      yield charges.map((of, index) => ({
        position: index + 1,
        product: 'Droplets',
        groupDescription: '',
        description: `line ${index + 1}`,
        amount: amounts[index] ?? new Decimal(0),
        chargeStart: null,
        chargeEnd: null,
        resourceId: of.lineClass === 'resource' ? String(of.resource) : null,
        resourceUuid: null,
        lineClass: of.lineClass,
        kind: of.lineClass === 'resource' ? ('droplet' as const) : null,
      }));
    },
    now: at,
    onProgress: () => undefined,
  });
}

const cents = (amount: number) => new Decimal(amount).dividedBy(100).toFixed(2);

describe('the explanation of a figure', () => {
  it('adds up at every step from everything down to the leaves, and says what the dashboard says', async () => {
    const seen = new Set<string>();
    await fc.assert(
      fc.asyncProperty(books, async (lived) => {
        const period = await live(lived);
        const options = { now: new Date(`${nextPeriod(period)}T12:00:00Z`), limit: 3 };
        const steps: WholeStep[] = [];
        const explain = async (figure: Figure) => {
          steps.push(...(await walk(world.em(), figure, options)));
        };
        await explain({ name: 'margin', period, subject: {} });
        await explain({ name: 'revenue', period, subject: {}, by: 'kind' });
        await explain({ name: 'cogs', period, subject: {}, by: 'kind' });
        for (const { id } of await invoicesOfPeriod(period)) await explain({ name: 'invoice', id });
        const provided = await world
          .em()
          .execute<{ id: string }[]>('select id from cloud_invoices where period_start = ?', [period]);
        for (const { id } of provided) await explain({ name: 'provider_invoice', id });

        const summary = await marginSummary(world.em(), period, 'AUD');
        const shownBy = async (name: 'margin' | 'revenue' | 'cogs', subject: Subject) => {
          const step = await wholeStep(world.em(), { name, period, subject }, options);
          return [numberOf(step.value).toFixed(2), step.label];
        };
        const everyone: [Subject, (typeof summary)['overall']][] = [
          [{}, summary.overall],
          ...summary.tenants.flatMap((tenant): [Subject, (typeof summary)['overall']][] => [
            [{ tenantId: tenant.tenantId }, tenant],
            ...tenant.deployments.map((of): [Subject, (typeof summary)['overall']] => [
              { tenantId: tenant.tenantId, deploymentId: of.deploymentId },
              of,
            ]),
          ]),
        ];
        for (const [subject, margin] of everyone) {
          expect([subject, ...(await shownBy('margin', subject))].slice(0, 2)).toEqual([
            subject,
            cents(margin.marginCents),
          ]);
          expect(await shownBy('revenue', subject)).toEqual([
            cents(margin.revenue.cents),
            margin.revenue.label,
          ]);
          expect(await shownBy('cogs', subject)).toEqual([cents(margin.cogs.cents), margin.cogs.label]);
        }
        for (const { bucket, cogs } of summary.buckets) {
          expect(await shownBy('cogs', { bucket })).toEqual([cents(cogs.cents), cogs.label]);
        }
        const axes = await marginByKind(world.em(), period, 'AUD');
        for (const name of ['revenue', 'cogs'] as const) {
          for (const total of axes[name]) {
            expect((await shownBy(name, { kind: total.kind }))[0]).toBe(cents(total.cents));
          }
        }
        for (const { figure } of steps) seen.add(figure.name);
      }),
      { numRuns: 5, examples: [[everything]], endOnFailure: true },
    );
    expect([...seen].toSorted()).toEqual([
      'charged_cogs',
      'charged_revenue',
      'cogs',
      'cost_line',
      'invoice',
      'invoice_line',
      'late_line',
      'late_month',
      'llm_usage',
      'margin',
      'provider_invoice',
      'revenue',
      'usage',
      'usage_day',
    ]);
  }, 600_000);
});
