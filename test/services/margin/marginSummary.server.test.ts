import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { shiftPeriod } from '../../../src/domain/period.ts';
import { MissingExchangeRate, setExchangeRates } from '../../../src/services/margin/exchangeRates.ts';
import { marginByKind } from '../../../src/services/margin/marginByKind.ts';
import { type MarginSummary, marginSummary } from '../../../src/services/margin/marginSummary.ts';
import { marginTrend } from '../../../src/services/margin/marginTrend.ts';
import { createSharedCostPolicy } from '../../../src/services/margin/sharedCostPolicies.ts';
import { voidInvoice } from '../../../src/services/voidInvoice.ts';
import { systemSession } from '../../../src/session.ts';
import { countStatements } from '../countStatements.ts';
import { admin, inputsOf, writeDeployment, writeDraft, writeDraftOf, writeIssued } from '../invoiceWorld.ts';
import { credit } from '../settledInvoices.ts';
import { discover, ingest, openWorld, resource, sync, type World } from '../world.ts';

const goldenFile = new URL('../../../dev/golden/cases.json', import.meta.url);
const golden = z
  .object({
    pilot_margin: z.object({
      revenue_cents: z.int(),
      cogs: z.string(),
      margin: z.string(),
      margin_pct: z.string(),
      overall_cogs: z.string(),
      overall_margin: z.string(),
    }),
  })
  .parse(JSON.parse(readFileSync(goldenFile, 'utf8'))).pilot_margin;

const period = '2026-04-01';
let world: World;
beforeEach(async () => {
  world = await openWorld();
});
afterEach(() => world.close());

const dollars = (cents: number) => (cents / 100).toFixed(2);

async function rate(from: string, value: string, effectiveFrom = '2026-01-01', to = 'AUD'): Promise<void> {
  await setExchangeRates(world.em(), [{ fromCurrency: from, toCurrency: to, rate: value, effectiveFrom }], {
    actor: admin,
    now: new Date(),
    source: 'operator',
  });
}

async function rolledUp(of = period): Promise<void> {
  await world.em().execute(
    `insert into period_ledger (period_start, state, workflow_id, run_id, forced, tenants, invoiced, skipped, failed, started_at, rolled_up_at, issue_after)
     values (?, 'rolled_up', ?, 'run', false, 0, 0, 0, 0, now(), now(), now())`,
    [of, `roll-up:${of}`],
  );
}

/** A tenant's deployment with a resource since March, and what it is charged and charges. */
async function pilot(charged: {
  readonly tenantId: string;
  readonly planCents: number;
  readonly cogs: string;
}) {
  const { tenantId, planCents, cogs } = charged;
  const deploymentId = await writeDeployment(world.em(), tenantId);
  const provider = `provider of ${tenantId}`;
  await sync(world, {
    provider,
    at: '2026-03-01T00:00:00Z',
    resources: [resource({ externalId: '1', name: 'app' })],
  });
  await world.em().execute(
    `insert into cloud_resource_memberships (resource_id, deployment_id, starts_at)
     select id, ?, '2026-03-01' from cloud_resources where provider = ?`,
    [deploymentId, provider],
  );
  const invoiceUuid = randomUUID();
  await ingest(world, { provider, invoiceUuid, period, charges: [{ name: 'app', id: '1', amount: cogs }] });
  const invoiceId = await writeIssued(world.em(), { tenantId, period, planCents, deploymentId });
  return { deploymentId, invoiceId, provider, invoiceUuid };
}

/** What nobody bears: a charge for what nobody knows, and a tax. */
const overhead = (unmatched: string, tax: string) =>
  ingest(world, {
    provider: 'overhead',
    invoiceUuid: randomUUID(),
    period,
    charges: [
      { name: 'unknown', amount: unmatched },
      { name: null, kind: null, lineClass: 'tax', amount: tax },
    ],
  });

/** All of the COGS, from the tenants and the buckets. */
const cogsOfParts = (summary: MarginSummary) =>
  [...summary.tenants, ...summary.buckets].reduce((total, part) => total + part.cogs.cents, 0);

describe('the margin of a period', () => {
  it('of the pilot is the golden one', async () => {
    await rate('USD', '1');
    await rolledUp();
    await pilot({ tenantId: 'dashboard-pilot', planCents: golden.revenue_cents, cogs: golden.cogs });
    await overhead('50.00', '6.39');

    const summary = await marginSummary(world.em(), period, 'AUD');

    const [tenant] = summary.tenants;
    expect(tenant).toMatchObject({ tenantId: 'dashboard-pilot', percentage: golden.margin_pct });
    expect(dollars(tenant?.cogs.cents ?? 0)).toBe(golden.cogs);
    expect(dollars(tenant?.marginCents ?? 0)).toBe(golden.margin);
    expect(tenant?.deployments.map(({ marginCents }) => marginCents)).toEqual([tenant?.marginCents]);
    expect(dollars(summary.overall.cogs.cents)).toBe(golden.overall_cogs);
    expect(dollars(summary.overall.marginCents)).toBe(golden.overall_margin);
    expect(cogsOfParts(summary)).toBe(summary.overall.cogs.cents);
    expect(summary.buckets).toEqual([
      { bucket: 'tax', cogs: { cents: 639, label: 'reconciled' } },
      { bucket: 'unattributed', cogs: { cents: 5000, label: 'reconciled' } },
    ]);
  });

  it('is converted at the rate in force on the last day of the period, which is shown', async () => {
    await rate('USD', '1.5', '2026-04-30');
    await rate('USD', '9', '2026-05-01');
    await rate('USD', '2', '2026-04-29');
    await rolledUp();
    await pilot({ tenantId: 'a', planCents: 1000, cogs: '3.33' });

    const summary = await marginSummary(world.em(), period, 'AUD');

    expect(summary.overall.cogs.cents).toBe(500);
    expect(
      summary.rates.map(({ from, to, rate: used, effectiveFrom }) => [
        from,
        to,
        used.toFixed(),
        effectiveFrom,
      ]),
    ).toEqual([
      ['AUD', 'AUD', '1', null],
      ['USD', 'AUD', '1.5', '2026-04-30'],
    ]);
    expect(summary.sources).toEqual({
      cogs: [{ currency: 'USD', amount: '3.33' }],
      revenue: [{ currency: 'AUD', amount: '10' }],
    });
  });

  it('gives deployments their share of a converted invoice by all of their lines, not line by line', async () => {
    await rate('USD', '0.1');
    await rolledUp();
    await overhead('1.00', '1.00');
    const [one, other] = [
      await writeDeployment(world.em(), 'a', 'one'),
      await writeDeployment(world.em(), 'a', 'other'),
    ];
    const inputs = inputsOf({ tenantId: 'a', period, currency: 'USD', planCents: 4, deploymentId: one });
    const [plan] = inputsOf({
      tenantId: 'a',
      period,
      currency: 'USD',
      planCents: 5,
      deploymentId: other,
    }).deployments;
    if (plan === undefined) throw new Error('no plan');
    const llm = (deploymentId: string, charge: string) => ({
      deploymentId,
      usageMonth: period,
      charge,
      billedCents: 0,
    });
    await writeDraftOf(world.em(), {
      ...inputs,
      deployments: [...inputs.deployments, plan],
      llm: [llm(one, '0.04'), llm(other, '0.05')],
      adjustments: [
        { id: randomUUID(), deploymentId: one, description: 'By hand', amountCents: 4, reason: 'test' },
      ],
    });

    const { tenants } = await marginSummary(world.em(), period, 'AUD');

    // 1.2 and 1.0 cents of a total of 2.2, in lines of 0.4 and 0.5.
    const shares = new Map(
      tenants[0]?.deployments.map(({ deploymentId, revenue }) => [deploymentId, revenue]),
    );
    expect(shares).toEqual(
      new Map([
        [one, { cents: 1, label: 'estimated' }],
        [other, { cents: 1, label: 'estimated' }],
      ]),
    );
  });

  it('names the pair and the day of a rate that is missing', async () => {
    await rate('AUD', '0.5', '2026-01-01', 'USD');
    await rolledUp();
    await pilot({ tenantId: 'a', planCents: 1000, cogs: '3.33' });

    await expect(marginSummary(world.em(), period, 'AUD')).rejects.toMatchObject({
      code: 'missing_exchange_rate',
      context: { from: 'USD', to: 'AUD', day: '2026-04-30' },
    });
    await expect(marginSummary(world.em(), period, 'AUD')).rejects.toThrow(MissingExchangeRate);
  });

  it('is an error where a side is not there, never zero', async () => {
    await rate('USD', '1');
    await expect(marginSummary(world.em(), period, 'AUD')).rejects.toMatchObject({
      code: 'cogs_unavailable',
    });
    await overhead('1.00', '1.00');
    await expect(marginSummary(world.em(), period, 'AUD')).rejects.toMatchObject({
      code: 'revenue_unavailable',
    });
    await rolledUp();
    expect((await marginSummary(world.em(), period, 'AUD')).overall).toMatchObject({
      marginCents: -200,
      percentage: null,
    });
  });

  it('says what may still change and what was changed after', async () => {
    await rate('USD', '1');
    await rolledUp();
    const credited = await pilot({ tenantId: 'credited', planCents: 1000, cogs: '1.00' });
    await credit(world.em(), credited.invoiceId, 300);
    const voided = await pilot({ tenantId: 'voided', planCents: 9000, cogs: '2.00' });
    await voidInvoice(world.em(), {
      invoiceId: voided.invoiceId,
      reason: 'test',
      now: new Date('2026-07-05T00:00:00Z'),
      actor: systemSession,
    });
    await writeDraft(world.em(), { tenantId: 'drafted', period, planCents: 500 });
    const restated = await pilot({ tenantId: 'restated', planCents: 700, cogs: '4.00' });
    await discover(world, {
      provider: restated.provider,
      invoiceUuid: restated.invoiceUuid,
      period,
      charges: [],
      amount: '4.50',
    });

    const summary = await marginSummary(world.em(), period, 'AUD');

    const shown = summary.tenants.map(({ tenantId, revenue, cogs }) => [tenantId, revenue, cogs]);
    expect(shown).toEqual([
      ['credited', { cents: 700, label: 'adjusted' }, { cents: 100, label: 'reconciled' }],
      ['drafted', { cents: 500, label: 'estimated' }, { cents: 0, label: 'reconciled' }],
      ['restated', { cents: 700, label: 'reconciled' }, { cents: 400, label: 'reconciled' }],
      ['voided', { cents: 0, label: 'reconciled' }, { cents: 200, label: 'reconciled' }],
    ]);
    expect(summary.buckets).toEqual([{ bucket: 'unattributed', cogs: { cents: 50, label: 'estimated' } }]);
    expect(summary.overall.revenue).toEqual({ cents: 1900, label: 'estimated' });
    expect(summary.overall.cogs).toEqual({ cents: 750, label: 'estimated' });
  });

  it.each([
    ['direct_cost', null, [667, 333]],
    ['even', null, [500, 500]],
    ['usage', 'droplet_hours', [250, 750]],
    ['none', null, [0, 0]],
  ] as const)(
    'spreads shared cost by %s, with the minus entry, so that the total holds',
    async (method, resourceKind, expected) => {
      await rate('USD', '1');
      await rolledUp();
      const a = await pilot({ tenantId: 'a', planCents: 1000, cogs: '2.00' });
      const b = await pilot({ tenantId: 'b', planCents: 1000, cogs: '1.00' });
      for (const [{ deploymentId }, tenantId, quantity] of [
        [a, 'a', 3600],
        [b, 'b', 10800],
      ] as const) {
        await world.em().execute(
          `insert into manual_usage (tenant_id, deployment_id, resource_kind, day, quantity, reason, actor, created_at)
         values (?, ?, 'droplet_hours', '2026-04-30', ?, 'test', 'test', now())`,
          [tenantId, deploymentId, quantity],
        );
      }
      await ingest(world, {
        provider: 'overhead',
        invoiceUuid: randomUUID(),
        period,
        charges: [{ name: null, kind: null, lineClass: 'shared', amount: '10.00' }],
      });
      const before = await marginSummary(world.em(), period, 'AUD');
      await createSharedCostPolicy(
        world.em(),
        { method, resourceKind, effectiveFrom: '2026-03-01' },
        { actor: admin, now: new Date(), reason: 'test' },
      );

      const after = await marginSummary(world.em(), period, 'AUD');

      const cogs = (summary: MarginSummary) => summary.tenants.map((tenant) => tenant.cogs.cents);
      expect(cogs(after).map((cents, index) => cents - (cogs(before)[index] ?? 0))).toEqual(expected);
      expect(after.overall).toEqual(before.overall);
      expect(cogsOfParts(after)).toBe(after.overall.cogs.cents);
      expect(after.sharedCostMethod).toBe(method);
      expect(after.buckets.find(({ bucket }) => bucket === 'shared_spread')?.cogs.cents ?? 0).toBe(
        method === 'none' ? 0 : -1000,
      );
    },
  );

  it('by kind and in the trend comes to the same totals', async () => {
    await rate('USD', '1.2345');
    await rolledUp();
    await rolledUp('2026-05-01');
    await pilot({ tenantId: 'a', planCents: 1000, cogs: '3.33' });
    await pilot({ tenantId: 'b', planCents: 2000, cogs: '1.111' });
    await overhead('0.017', '0.333');

    const summary = await marginSummary(world.em(), period, 'AUD');
    const kinds = await marginByKind(world.em(), period, 'AUD');
    const trend = await marginTrend(world.em(), { first: '2026-03-01', last: '2026-05-01' }, 'AUD');

    const total = (axis: readonly { readonly cents: number }[]) =>
      axis.reduce((sum, { cents }) => sum + cents, 0);
    expect(total(kinds.revenue)).toBe(summary.overall.revenue.cents);
    expect(total(kinds.cogs)).toBe(summary.overall.cogs.cents);
    expect(kinds.cogs.map(({ kind }) => kind)).toEqual(['droplet', 'tax']);
    expect(trend.map((point) => ('overall' in point ? point.overall : point.unavailable.code))).toEqual([
      'cogs_unavailable',
      summary.overall,
      'cogs_unavailable',
    ]);
  });

  it('takes as many statements for three years of months as for one', async () => {
    await rate('USD', '1.2345');
    const months = Array.from({ length: 36 }, (_, index) => shiftPeriod(period, index));
    for (const month of months) {
      await rolledUp(month);
      await ingest(world, {
        provider: 'overhead',
        invoiceUuid: randomUUID(),
        period: month,
        charges: [{ name: 'unknown', amount: '1.00' }],
      });
      await writeDraft(world.em(), { tenantId: 'a', period: month, planCents: 500 });
    }
    const trend = (last: string) => () => marginTrend(world.em(), { first: period, last }, 'AUD');
    const last = months.at(-1) ?? '';

    const points = await trend(last)();
    expect(points.map((point) => 'overall' in point && point.overall.marginCents)).toEqual(
      months.map(() => 500 - 123),
    );
    expect(await countStatements(world, trend(last))).toBe(await countStatements(world, trend(period)));
  });
});
