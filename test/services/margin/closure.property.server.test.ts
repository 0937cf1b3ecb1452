import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Decimal, sum } from '../../../src/domain/money.ts';
import { nextPeriod, type Period, shiftPeriod } from '../../../src/domain/period.ts';
import { recordProjects } from '../../../src/services/applyProjects.ts';
import { assignProjectTenant } from '../../../src/services/assignProjectTenant.ts';
import { attachResource } from '../../../src/services/attachResource.ts';
import { detachResource } from '../../../src/services/detachResource.ts';
import { holdInvoice } from '../../../src/services/holdInvoice.ts';
import { issueInvoices } from '../../../src/services/issueInvoices.ts';
import { closureOf } from '../../../src/services/margin/closure.ts';
import { costsByOwner } from '../../../src/services/margin/costsByOwner.ts';
import { setExchangeRates } from '../../../src/services/margin/exchangeRates.ts';
import { marginByKind } from '../../../src/services/margin/marginByKind.ts';
import { type MarginSummary, marginSummary } from '../../../src/services/margin/marginSummary.ts';
import { marginTrend } from '../../../src/services/margin/marginTrend.ts';
import { storedTotals } from '../../../src/services/rollup/checkInvoices.ts';
import { freezeWorklist } from '../../../src/services/rollup/freezeWorklist.ts';
import { recordRolledUp, summariseWorklist } from '../../../src/services/rollup/periodLedger.ts';
import { rollUpTenants } from '../../../src/services/rollup/rollUpTenants.ts';
import { storeCostEstimate } from '../../../src/services/storeCostEstimate.ts';
import { voidInvoice } from '../../../src/services/voidInvoice.ts';
import { admin } from '../invoiceWorld.ts';
import { type BillingWorld, billingWorld } from '../rollup/billingWorld.ts';
import { credit } from '../settledInvoices.ts';
import { type Charge, discover, ingest, openWorld, resource, sync, type World } from '../world.ts';

/** Whose deployments resources come to; the second is billed in euros. */
const owners = ['a', 'b', 'c'] as const;
type Owner = (typeof owners)[number];
const rates = { USD: '1.4567', EUR: '1.7321', AUD: '1' } as const;
type Currency = keyof typeof rates;
/** Rates and subscriptions are of before. */
const firstPeriod: Period = '2026-04-01';
/** How many accounts were lived; each in a month of its own, the next one free for what follows it. */
let lives = 0;
let world: World;
let billing: BillingWorld;
let deployments: ReadonlyMap<string, string>;

const run = (sql: string, parameters: unknown[] = []) => world.em().execute(sql, parameters);

beforeAll(async () => {
  world = await openWorld();
  billing = billingWorld(run);
  await billing.seedCatalog();
  await billing.planLike('studio', { code: 'studio-eur', currency: 'EUR', basePriceCents: 3001 });
  await billing.profile('b', { currency: 'EUR' });
  const written = new Map<string, string>();
  for (const tenantId of owners) {
    const plan = tenantId === 'b' ? 'studio-eur' : 'studio';
    written.set(tenantId, await billing.deployment({ tenantId, plan, startsOn: '2026-03-01' }));
  }
  deployments = written;
  await setExchangeRates(
    world.em(),
    (['USD', 'EUR'] as const).map((currency) => ({
      fromCurrency: currency,
      toCurrency: 'AUD',
      rate: rates[currency],
      effectiveFrom: '2026-01-01',
    })),
    { actor: admin, now: new Date('2026-03-01T00:00:00Z'), source: 'operator' },
  );
}, 60_000);
afterAll(() => world?.close());

const charge = fc.record({
  /** The third is never found; the fourth names both of the others. */
  resource: fc.nat(3),
  lineClass: fc.constantFrom('resource', 'resource', 'resource', 'tax', 'credit', 'shared'),
  from: fc.integer({ min: 0, max: 700 }),
  hours: fc.integer({ min: 0, max: 200 }),
  digits: fc.integer({ min: -100_000, max: 1_000_000 }),
  places: fc.integer({ min: 0, max: 4 }),
} as const);
type LivedCharge = typeof charge extends fc.Arbitrary<infer Value> ? Value : never;
const charges = fc.array(charge, { maxLength: 4 });
const invoice = fc.record({
  currency: fc.constantFrom('USD', 'EUR'),
  /** What it says at first, and what it is restated to. */
  versions: fc.array(charges, { minLength: 1, maxLength: 2 }),
  /** What becomes of it then; a restatement that is not read says another amount. */
  ending: fc.constantFrom('ingested', 'ingested', 'held', 'restated unread'),
  restatedCents: fc.integer({ min: -10_000, max: 10_000 }),
} as const);
/** Who has a resource from which hour on. */
const moves = fc.uniqueArray(
  fc.record({ hour: fc.integer({ min: -48, max: 672 }), owner: fc.option(fc.constantFrom(...owners)) }),
  { maxLength: 4, selector: ({ hour }) => hour },
);
const account = fc.record({
  invoices: fc.array(invoice, { maxLength: 3 }),
  /** Counts where there is no invoice. */
  estimate: fc.option(
    fc.record({ currency: fc.constantFrom('USD', 'EUR'), charges, unexplainedCents: fc.nat(999) }),
  ),
  moves: fc.tuple(moves, moves),
  isGone: fc.tuple(fc.boolean(), fc.boolean()),
  /** The tenant of the project that both resources are in. */
  project: fc.option(fc.constantFrom(...owners)),
  /** What becomes of the invoice of each tenant. */
  billed: fc.tuple(...owners.map(() => fc.constantFrom('draft', 'issued', 'credited', 'void'))),
});
type Account = typeof account extends fc.Arbitrary<infer Value> ? Value : never;

/** Steps of one name and index have their order; all others may come in any. */
type Step = {
  readonly do: 'invoice' | 'estimate' | 'find' | 'lose' | 'move' | 'project' | 'bill';
  readonly index: number;
};
const stepsOf = (lived: Account): Step[] => [
  ...lived.invoices.flatMap(({ versions, ending }, index) =>
    Array.from({ length: versions.length + (ending === 'ingested' ? 0 : 1) }, () => ({
      do: 'invoice' as const,
      index,
    })),
  ),
  ...(lived.estimate === null ? [] : [{ do: 'estimate' as const, index: 0 }]),
  ...lived.moves.flatMap((_, index) => [
    { do: 'find' as const, index },
    { do: 'move' as const, index },
    ...(lived.isGone[index] ? [{ do: 'lose' as const, index }] : []),
  ]),
  ...(lived.project === null ? [] : [{ do: 'project' as const, index: 0 }]),
  ...Array.from({ length: 2 }, () => ({ do: 'bill' as const, index: 0 })),
];

const amountOf = ({ digits, places }: Pick<LivedCharge, 'digits' | 'places'>) =>
  new Decimal(digits).dividedBy(10 ** places);
const totalOf = (said: readonly LivedCharge[]) => sum(said.map(amountOf));

/** What the provider states at the end, by currency. */
function stated({ invoices, estimate }: Account): Map<string, Decimal> {
  const amounts: [Currency, Decimal][] = invoices.map(({ currency, versions, ending, restatedCents }) => [
    currency,
    totalOf(versions.at(-1) ?? []).plus(
      ending === 'restated unread' ? new Decimal(restatedCents).dividedBy(100) : 0,
    ),
  ]);
  if (invoices.length === 0 && estimate !== null) {
    amounts.push([
      estimate.currency,
      totalOf(estimate.charges).plus(new Decimal(estimate.unexplainedCents).dividedBy(100)),
    ]);
  }
  return new Map(
    [...Map.groupBy(amounts, ([currency]) => currency)].map(([currency, own]) => [
      currency,
      sum(own.map(([, one]) => one)),
    ]),
  );
}

/** Lives an account in one order, in a month and at a provider of its own; after every step its books close. @returns what they say at the end */
async function live(lived: Account, steps: readonly Step[]) {
  const period = shiftPeriod(firstPeriod, 2 * lives);
  lives += 1;
  const afterwards = new Date(Date.parse(`${nextPeriod(period)}T00:00:00Z`) + 5 * 86_400_000);
  const at = (hour: number) => new Date(Date.parse(`${period}T00:00:00Z`) + hour * 3_600_000);
  const provider = `provider ${randomUUID()}`;
  const request = { actor: admin, now: afterwards, reason: 'test', requestId: `of ${provider}` };
  const bills = lived.invoices.map(({ currency }) => ({
    provider,
    invoiceUuid: randomUUID(),
    period,
    currency,
  }));
  const taken = lived.invoices.map(() => 0);
  const [found, lost] = [new Set<number>(), new Set<number>()];
  /** What waits for the resource to be found. */
  const [moving, losing] = [new Set<number>(), new Set<number>()];
  let isInProject = lived.project === null;
  let listings = 0;
  let billings = 0;

  const toCharge = (one: LivedCharge): Charge => {
    const amount = amountOf(one).toFixed();
    if (one.lineClass !== 'resource') return { name: null, kind: null, lineClass: one.lineClass, amount };
    const ids = one.resource === 3 ? { id: '0', uuid: '1' } : { id: String(one.resource) };
    const [from, to] = [at(one.from).toISOString(), at(one.from + one.hours).toISOString()];
    return { name: `resource-${one.resource}`, ...ids, amount, from, to };
  };

  async function list(): Promise<void> {
    listings += 1;
    await sync(world, {
      provider,
      at: new Date(afterwards.getTime() + listings * 60_000).toISOString(),
      resources: [...found]
        .filter((index) => !lost.has(index))
        .map((index) => resource({ externalId: String(index), name: `resource-${index}` })),
    });
  }

  /** A project's listing names nothing that is gone, so a resource is not gone before it. */
  async function loseWhatIsDue(): Promise<void> {
    for (const index of losing) {
      if (!found.has(index) || !isInProject) continue;
      losing.delete(index);
      lost.add(index);
      await list();
    }
  }

  const stepTaken: Readonly<Record<Step['do'], (index: number) => Promise<void>>> = {
    async invoice(index) {
      const [said, bill] = [lived.invoices[index], bills[index]];
      if (said === undefined || bill === undefined) throw new Error('no invoice');
      const position = taken[index] ?? 0;
      taken[index] = position + 1;
      const version = said.versions[position];
      if (version !== undefined) {
        await ingest(world, { ...bill, charges: version.map(toCharge) });
      } else if (said.ending === 'held') {
        const error = { code: 'lines_disagree', message: 'test', context: {} };
        const [header] = await world
          .em()
          .execute<{ version: number }[]>('select version from cloud_invoices where invoice_uuid = ?', [
            bill.invoiceUuid,
          ]);
        await holdInvoice(world.em(), {
          ...bill,
          error,
          difference: null,
          heldVersion: header?.version ?? 0,
        });
      } else {
        const amount = totalOf(said.versions.at(-1) ?? []).plus(
          new Decimal(said.restatedCents).dividedBy(100),
        );
        await discover(world, { ...bill, charges: [], amount: amount.toFixed() });
      }
    },
    async estimate() {
      const { estimate } = lived;
      if (estimate === null) return;
      await storeCostEstimate(world.em(), {
        provider,
        estimate: {
          period,
          amount: totalOf(estimate.charges).plus(new Decimal(estimate.unexplainedCents).dividedBy(100)),
          currency: estimate.currency,
          estimatedAt: at(400),
        },
        async *lines() {
          yield estimate.charges.map((one, index) => ({
            position: index + 1,
            product: 'Droplets',
            groupDescription: '',
            description: `line ${index + 1}`,
            amount: amountOf(one),
            chargeStart: null,
            chargeEnd: null,
            resourceId: one.lineClass === 'resource' ? String(one.resource % 3) : null,
            resourceUuid: one.resource === 3 ? '1' : null,
            lineClass: one.lineClass,
            kind: one.lineClass === 'resource' ? ('droplet' as const) : null,
          }));
        },
        now: afterwards,
        onProgress: () => undefined,
      });
    },
    async find(index) {
      found.add(index);
      await list();
      await loseWhatIsDue();
      if (moving.delete(index)) await stepTaken.move(index);
    },
    async lose(index) {
      losing.add(index);
      await loseWhatIsDue();
    },
    async move(index) {
      if (!found.has(index)) {
        moving.add(index);
        return;
      }
      const [row] = await world
        .em()
        .execute<{ id: string }[]>('select id from cloud_resources where provider = ? and external_id = ?', [
          provider,
          String(index),
        ]);
      const resourceId = row?.id ?? '';
      let owner: Owner | null = null;
      for (const move of (lived.moves[index] ?? []).toSorted((left, right) => left.hour - right.hour)) {
        const deploymentId = deployments.get(move.owner ?? owner ?? '');
        if (deploymentId !== undefined && move.owner !== null) {
          await attachResource(world.em(), deploymentId, { resourceId, from: at(move.hour) }, request);
        } else if (deploymentId !== undefined) {
          await detachResource(world.em(), deploymentId, { resourceId, to: at(move.hour) }, request);
        }
        owner = move.owner;
      }
    },
    async project() {
      const members = ['0', '1'].map((externalId) => ({ kind: 'droplet' as const, externalId }));
      const projects = [{ externalId: 'project', name: 'Project', isDefault: false, members }];
      await recordProjects(world.em(), { provider, listedAt: afterwards, projects });
      const [project] = await world
        .em()
        .execute<{ id: string }[]>('select id from cloud_projects where provider = ?', [provider]);
      await assignProjectTenant(world.em(), {
        ...request,
        at: afterwards,
        projectId: project?.id ?? '',
        tenantId: lived.project,
      });
      isInProject = true;
      await loseWhatIsDue();
    },
    async bill() {
      billings += 1;
      if (billings === 1) await rollUp(period);
      else await settle(period, lived);
    },
  };

  const closes = async () => {
    const { cogs, revenue, faults } = await closureOf(world.em(), period);
    expect(faults).toEqual([]);
    for (const side of revenue) {
      expect([side.lineCents, side.taxLineCents]).toEqual([side.subtotalCents, side.taxCents]);
    }
    return new Map(cogs.map((one) => [one.currency, one.invoiced]));
  };
  for (const step of steps) {
    await stepTaken[step.do](step.index);
    await closes();
  }
  const cogs = await closes();
  const told = stated(lived);
  expect(cogs).toEqual(new Map([...told].map(([currency, amount]) => [currency, amount.toFixed()])));
  await runTotalsAgree(period);
  const costs = await costsByOwner(world.em(), { first: period, last: period });
  return {
    costs: costs.map((cost) => JSON.stringify({ ...cost, provider: '', period: '' })).toSorted(),
    margin: told.size === 0 ? null : await marginHolds(period, told, lived),
  };
}

async function rollUp(period: Period): Promise<void> {
  await billing.closeMonth(period);
  const now = new Date(`${nextPeriod(period)}T03:00:00Z`);
  const start = { workflowId: `roll-up:${period}`, runId: period, force: false, graceHours: 72, now };
  const until = await freezeWorklist(world.em(), { period, ...start });
  const counts = await rollUpTenants(world.em(), { period, part: { from: 0, until }, force: false, now });
  expect(counts).toEqual({ invoiced: owners.length, existing: 0, failed: 0 });
  await summariseWorklist(world.em(), period);
  await recordRolledUp(world.em(), period, now);
}

const invoicesOf = (period: Period) =>
  world.em().execute<
    {
      id: string;
      tenant_id: Owner;
      status: string;
      currency: Currency;
      subtotal: string;
      credited: string;
    }[]
  >(
    `select id, tenant_id, status, currency, subtotal_cents::text as subtotal,
         (select coalesce(sum(subtotal_cents), 0)::text from credit_notes where invoice_id = invoice.id) as credited
       from tenant_invoices invoice where period_start = ? order by tenant_id`,
    [period],
  );

/** How much is credited of an invoice, in cents. */
const creditedCents = 777;

async function settle(period: Period, { billed }: Account): Promise<void> {
  const now = new Date(`${nextPeriod(period)}T12:00:00Z`);
  for (const { id, tenant_id } of await invoicesOf(period)) {
    const what = billed[owners.indexOf(tenant_id)];
    if (what === 'draft') continue;
    await issueInvoices(world.em(), { invoiceIds: [id], now, actor: admin });
    if (what === 'credited') await credit(world.em(), id, creditedCents, now.toISOString());
    if (what === 'void') await voidInvoice(world.em(), { invoiceId: id, reason: 'test', now, actor: admin });
  }
}

/** The rollup counted as many invoices as there are, and they are their lines. */
async function runTotalsAgree(period: Period): Promise<void> {
  const totals = await storedTotals(world.em(), period);
  expect(totals.lineCents).toBe(totals.totalCents);
  const [ledger] = await world
    .em()
    .execute<{ tenants: number; invoiced: number }[]>(
      'select tenants, invoiced from period_ledger where period_start = ?',
      [period],
    );
  expect(ledger).toEqual({ tenants: owners.length, invoiced: totals.invoices });
}

/** @returns what the summary says, but for what is the month's own */
async function marginHolds(period: Period, cogs: ReadonlyMap<string, Decimal>, lived: Account) {
  const summary = await marginSummary(world.em(), period, 'AUD');
  const { overall, tenants, buckets } = summary;
  const cents = (parts: readonly { readonly cents: number }[]) =>
    parts.reduce((total, part) => total + part.cents, 0);
  const converted = (amounts: ReadonlyMap<string, Decimal>) =>
    [...amounts].reduce(
      (total, [currency, amount]) =>
        total +
        amount
          .times(rates[currency as Currency])
          .times(100)
          .toDecimalPlaces(0)
          .toNumber(),
      0,
    );
  expect(overall.cogs.cents).toBe(converted(cogs));
  expect(cents([...tenants, ...buckets].map((part) => part.cogs))).toBe(overall.cogs.cents);
  const invoices = (await invoicesOf(period)).filter(({ status }) => status !== 'void');
  const earned = new Map(
    [...Map.groupBy(invoices, ({ currency }) => currency)].map(([currency, own]) => [
      currency,
      sum(own.map(({ subtotal, credited }) => new Decimal(subtotal).minus(credited).dividedBy(100))),
    ]),
  );
  expect(overall.revenue.cents).toBe(converted(earned));
  expect(cents(tenants.map((tenant) => tenant.revenue))).toBe(overall.revenue.cents);
  for (const tenant of tenants) {
    expect(cents(tenant.deployments.map((one) => one.cogs))).toBe(tenant.cogs.cents);
    expect(cents(tenant.deployments.map((one) => one.revenue))).toBe(tenant.revenue.cents);
  }
  const kinds = await marginByKind(world.em(), period, 'AUD');
  expect([cents(kinds.revenue), cents(kinds.cogs)]).toEqual([overall.revenue.cents, overall.cogs.cents]);
  const trend = await marginTrend(world.em(), { first: period, last: period }, 'AUD');
  expect(trend).toEqual([{ period, overall, rates: summary.rates }]);
  expect(invoices).toHaveLength(lived.billed.filter((what) => what !== 'void').length);
  return figuresOf(summary);
}

const figuresOf = ({ overall, tenants, buckets, sources }: MarginSummary) => ({
  overall,
  tenants,
  buckets,
  sources,
});

describe('the books of an account', () => {
  it('close after every step, and end the same whatever the order of ingest, restatement, discovery, moves and rollup', async () => {
    const orders = account.chain((lived) => {
      const steps = stepsOf(lived);
      const order = fc.shuffledSubarray(steps, { minLength: steps.length });
      return fc.record({ lived: fc.constant(lived), one: order, other: order });
    });
    await fc.assert(
      fc.asyncProperty(orders, async ({ lived, one, other }) => {
        expect(await live(lived, one)).toEqual(await live(lived, other));
      }),
      { numRuns: 20 },
    );
  }, 240_000);
});
