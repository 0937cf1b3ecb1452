import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { parseDecimal, sum } from '../../../src/domain/money.ts';
import type { MonthToDateLine } from '../../../src/providers/provider.ts';
import { closureOf } from '../../../src/services/margin/closure.ts';
import { costsByOwner } from '../../../src/services/margin/costsByOwner.ts';
import { setExchangeRates } from '../../../src/services/margin/exchangeRates.ts';
import { marginByKind } from '../../../src/services/margin/marginByKind.ts';
import { marginSummary } from '../../../src/services/margin/marginSummary.ts';
import { marginTrend } from '../../../src/services/margin/marginTrend.ts';
import { recordBalance } from '../../../src/services/recordBalance.ts';
import { storeCostEstimate } from '../../../src/services/storeCostEstimate.ts';
import { admin } from '../invoiceWorld.ts';
import { type BillingWorld, billingWorld } from '../rollup/billingWorld.ts';
import { discover, ingest, openWorld, resource, sync, type World } from '../world.ts';

const april = '2026-04-01';
const middle = new Date('2026-04-16T00:00:00Z');
const provider = 'cloud';
let world: World;
let billing: BillingWorld;

beforeEach(async () => {
  world = await openWorld();
  billing = billingWorld((sql, parameters) => world.em().execute(sql, parameters));
  await billing.seedCatalog();
}, 60_000);
afterEach(() => world?.close());

interface Line {
  readonly amount: string;
  readonly id?: string;
  readonly uuid?: string;
  readonly kind?: MonthToDateLine['kind'];
  readonly lineClass?: MonthToDateLine['lineClass'];
}

/** Lets the provider tell what April had cost at a moment; the sum of the lines unless another amount is given. */
function tell(at: string, lines: readonly Line[], amount?: string): Promise<boolean> {
  return storeCostEstimate(world.em(), {
    provider,
    estimate: {
      period: april,
      amount: parseDecimal(amount ?? sum(lines.map((line) => parseDecimal(line.amount))).toFixed()),
      currency: 'USD',
      estimatedAt: new Date(at),
    },
    async *lines() {
      yield lines.map((line, index) => ({
        position: index + 1,
        product: 'Droplets',
        groupDescription: '',
        description: `line ${index + 1}`,
        amount: parseDecimal(line.amount),
        chargeStart: null,
        chargeEnd: null,
        resourceId: line.id ?? null,
        resourceUuid: line.uuid ?? null,
        lineClass: line.lineClass ?? 'resource',
        kind: line.kind === undefined ? 'droplet' : line.kind,
      }));
    },
    now: new Date(at),
    onProgress: () => undefined,
  });
}

const listDroplets = (...ids: string[]) =>
  sync(world, {
    provider,
    at: '2026-04-01T00:00:00Z',
    resources: ids.map((id) => resource({ externalId: id, name: `droplet-${id}` })),
  });

const belong = (externalId: string, deploymentId: string, from: string, until: string | null) =>
  world.em().execute(
    `insert into cloud_resource_memberships (resource_id, deployment_id, starts_at, ends_at)
     select id, ?, ?, ? from cloud_resources where provider = ? and external_id = ?`,
    [deploymentId, from, until, provider, externalId],
  );

const setRate = () =>
  setExchangeRates(
    world.em(),
    [{ fromCurrency: 'USD', toCurrency: 'AUD', rate: '2', effectiveFrom: '2026-01-01' }],
    { actor: admin, now: middle, source: 'operator' },
  );

const costs = async () =>
  (await costsByOwner(world.em(), { first: april, last: april })).map((cost) => [
    cost.basis,
    cost.bucket,
    cost.reason,
    cost.tenantId,
    cost.amount,
  ]);

describe('a month that a provider has not invoiced', () => {
  it('costs what its newest estimate says, by who had the resource when the estimate was made', async () => {
    const [first, second] = [
      await billing.deployment({ tenantId: 'first', plan: 'studio', startsOn: april }),
      await billing.deployment({ tenantId: 'second', plan: 'studio', startsOn: april }),
    ];
    await listDroplets('1', '2', '3', '4');
    await belong('1', first, '2026-04-01', '2026-04-10');
    await belong('1', second, '2026-04-10', null);
    await belong('2', first, '2026-04-01', null);
    await tell('2026-04-05T00:00:00Z', [{ amount: '99', id: '1' }]);
    await tell(
      '2026-04-15T00:00:00Z',
      [
        { amount: '10', id: '1' },
        { amount: '4.125', id: '2' },
        { amount: '3', uuid: '3' },
        { amount: '2', id: '3', uuid: '4' },
        { amount: '1', id: 'unknown' },
        { amount: '0.5', id: '2', kind: 'volume' },
        { amount: '0.25', kind: null, lineClass: 'shared' },
        { amount: '7', kind: null, lineClass: 'tax' },
        { amount: '-5', kind: null, lineClass: 'credit' },
      ],
      '25',
    );

    expect(await costs()).toEqual([
      ['estimate', 'attributed', null, 'first', '4.125'],
      ['estimate', 'attributed', null, 'second', '10'],
      ['estimate', 'credit', null, null, '-5'],
      ['estimate', 'shared', null, null, '0.25'],
      ['estimate', 'tax', null, null, '7'],
      ['estimate', 'unattributed', 'ambiguous', null, '2'],
      ['estimate', 'unattributed', 'no_tenant', null, '3'],
      ['estimate', 'unattributed', 'unmatched', null, '1'],
      ['estimate', 'unattributed', 'unmatched', null, '0.5'],
      ['estimate', 'unattributed', 'unexplained', null, '2.125'],
    ]);
    expect(await closureOf(world.em(), april)).toMatchObject({
      cogs: [
        {
          provider,
          basis: 'estimate',
          invoiced: '25',
          buckets: { attributed: '14.125', shared: '0.25', tax: '7', credit: '-5', unattributed: '8.625' },
          difference: '0',
        },
      ],
      faults: [],
    });
  });

  it('costs what its invoice says as soon as one is known, and nothing of the estimate', async () => {
    const bill = {
      provider,
      invoiceUuid: randomUUID(),
      period: april,
      charges: [{ name: 'droplet-1', id: '1', amount: '12.00' }],
    };
    await listDroplets('1');
    await tell('2026-04-15T00:00:00Z', [{ amount: '10', id: '1' }]);

    await discover(world, bill);
    expect(await costs()).toEqual([['invoice', 'unattributed', 'not_ingested', null, '12']]);
    await ingest(world, bill);
    expect(await costs()).toEqual([['invoice', 'unattributed', 'no_tenant', null, '12']]);
    expect(await closureOf(world.em(), april)).toMatchObject({
      cogs: [{ basis: 'invoice', invoiced: '12', difference: '0' }],
      faults: [],
    });
  });

  it('counts beside the invoices of other providers, and makes the whole an estimate', async () => {
    await setRate();
    await tell('2026-04-15T00:00:00Z', [{ amount: '10', id: '1' }]);
    await ingest(world, {
      provider: 'other',
      invoiceUuid: randomUUID(),
      period: april,
      charges: [{ name: 'unknown', amount: '1.00' }],
    });

    const summary = await marginSummary(world.em(), april, 'AUD', middle);

    expect(summary).toMatchObject({
      overall: { cogs: { cents: 2200, label: 'estimated' } },
      estimates: [{ provider, currency: 'USD', amount: '10', estimatedAt: new Date('2026-04-15T00:00:00Z') }],
    });
  });

  it('is an estimate also where it says that nothing was used yet, in the summary as in the trend', async () => {
    await setRate();
    await tell('2026-04-15T00:00:00Z', []);
    const summary = await marginSummary(world.em(), april, 'AUD', middle);
    expect(summary.overall.cogs).toEqual({ cents: 0, label: 'estimated' });
    expect(await marginTrend(world.em(), { first: april, last: april }, 'AUD', middle)).toEqual([
      { period: april, overall: summary.overall, rates: summary.rates },
    ]);
  });

  it('stands beside what the newest balance of the month says, which counts for nothing', async () => {
    await setRate();
    await tell('2026-04-15T00:00:00Z', [{ amount: '10', id: '1' }]);
    const shown = async () => {
      const { overall, estimates } = await marginSummary(world.em(), april, 'AUD', middle);
      return { cents: overall.cogs.cents, balances: estimates.map(({ balance }) => balance) };
    };
    expect(await shown()).toEqual({ cents: 2000, balances: [null] });
    for (const [generatedAt, usage, currency] of [
      ['2026-03-31T23:59:59Z', '1', 'USD'],
      ['2026-04-15T06:00:00Z', '10.5', 'USD'],
      ['2026-04-14T06:00:00Z', '9', 'USD'],
      ['2026-04-15T07:00:00Z', '11', 'EUR'],
      ['2026-05-01T00:00:00Z', '0', 'USD'],
    ] as const) {
      await recordBalance(
        world.em(),
        provider,
        {
          monthToDateBalance: parseDecimal(usage),
          accountBalance: parseDecimal('0'),
          monthToDateUsage: parseDecimal(usage),
          generatedAt: new Date(generatedAt),
          currency,
        },
        middle,
      );
    }
    expect(await shown()).toEqual({
      cents: 2000,
      balances: [{ monthToDateUsage: '10.5', generatedAt: new Date('2026-04-15T06:00:00Z') }],
    });
  });
});

describe('the margin of the running month', () => {
  it('is what subscriptions accrue less what the provider estimates, the same by tenant and by kind', async () => {
    await setRate();
    const deploymentId = await billing.deployment({ tenantId: 'pilot', plan: 'studio', startsOn: april });
    await billing.charge(deploymentId, '1.239', '2026-04-10T00:00:00Z');
    await listDroplets('1');
    await belong('1', deploymentId, '2026-04-01', null);
    await tell('2026-04-15T00:00:00Z', [
      { amount: '10', id: '1' },
      { amount: '1', kind: null, lineClass: 'tax' },
    ]);

    const summary = await marginSummary(world.em(), april, 'AUD', middle);
    const kinds = await marginByKind(world.em(), april, 'AUD', middle);

    const [pilot] = summary.tenants;
    expect(summary).toMatchObject({
      revenueBasis: 'accrual',
      overall: { revenue: { label: 'estimated' }, cogs: { cents: 2200, label: 'estimated' } },
      buckets: [{ bucket: 'tax', cogs: { cents: 200, label: 'estimated' } }],
    });
    expect(pilot).toMatchObject({
      tenantId: 'pilot',
      cogs: { cents: 2000, label: 'estimated' },
      deployments: [{ deploymentId }],
    });
    expect(pilot?.revenue.cents).toBeGreaterThan(124);
    expect(pilot?.revenue).toEqual(summary.overall.revenue);
    expect(kinds.revenue.reduce((total, { cents }) => total + cents, 0)).toBe(summary.overall.revenue.cents);
    expect(kinds.revenue).toContainEqual({ kind: 'llm_usage', cents: 124 });
    expect(await marginTrend(world.em(), { first: april, last: april }, 'AUD', middle)).toEqual([
      { period: april, overall: summary.overall, rates: summary.rates },
    ]);
  });

  it('is one of invoices once it is rolled up, and unavailable for a past month that was not', async () => {
    await setRate();
    await billing.deployment({ tenantId: 'pilot', plan: 'studio', startsOn: april });
    await tell('2026-04-15T00:00:00Z', [{ amount: '10', id: '1' }]);
    const afterwards = new Date('2026-05-01T00:00:00Z');

    const unavailable = { code: 'revenue_unavailable' };
    await expect(marginSummary(world.em(), april, 'AUD', afterwards)).rejects.toMatchObject(unavailable);
    await expect(marginSummary(world.em(), april, 'AUD')).rejects.toMatchObject(unavailable);
    expect(await marginTrend(world.em(), { first: april, last: april }, 'AUD')).toMatchObject([
      { unavailable },
    ]);
    await world.em().execute(
      `insert into period_ledger (period_start, state, workflow_id, run_id, forced, tenants, invoiced, skipped, failed, started_at,
         rolled_up_at, issue_after) values (?, 'rolled_up', 'roll-up', 'run', false, 0, 0, 0, 0, now(), now(), now())`,
      [april],
    );
    expect(await marginSummary(world.em(), april, 'AUD', middle)).toMatchObject({
      revenueBasis: 'invoices',
      overall: { revenue: { cents: 0 } },
    });
  });

  it('is refused where nothing is known of the cost, or a tenant can not be priced, who is named', async () => {
    await setRate();
    await billing.deployment({ tenantId: 'odd', plan: 'studio', startsOn: april });
    await expect(marginSummary(world.em(), april, 'AUD', middle)).rejects.toMatchObject({
      code: 'cogs_unavailable',
    });
    await tell('2026-04-15T00:00:00Z', [{ amount: '10', id: '1' }]);
    await billing.profile('odd', { currency: 'USD' });
    await expect(marginSummary(world.em(), april, 'AUD', middle)).rejects.toMatchObject({
      code: 'revenue_unavailable',
      message: expect.stringContaining('tenant "odd"'),
    });
    expect(await marginTrend(world.em(), { first: '2026-03-01', last: april }, 'AUD', middle)).toMatchObject([
      { unavailable: { code: 'cogs_unavailable' } },
      { unavailable: { code: 'revenue_unavailable', message: expect.stringContaining('tenant "odd"') } },
    ]);
  });

  it('prices every tenant where there are more than one batch takes', async () => {
    await setRate();
    const tenants = Array.from({ length: 260 }, (_, index) => `tenant-${index}`);
    for (const tenantId of tenants) await billing.deployment({ tenantId, plan: 'starter', startsOn: april });
    await tell('2026-04-15T00:00:00Z', [{ amount: '10', id: '1' }]);

    const summary = await marginSummary(world.em(), april, 'AUD', middle);

    expect(summary.tenants.map(({ tenantId }) => tenantId)).toEqual(tenants.toSorted());
    expect(new Set(summary.tenants.map(({ revenue }) => revenue.cents)).size).toBe(1);
  });
});
