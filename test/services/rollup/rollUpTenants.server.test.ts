import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import pg from 'pg';
import type { Period } from '../../../src/domain/period.ts';
import { reissueInvoice } from '../../../src/services/reissueInvoice.ts';
import { checkInvoices } from '../../../src/services/rollup/checkInvoices.ts';
import { freezeWorklist } from '../../../src/services/rollup/freezeWorklist.ts';
import { issueDraftPage, repriceChangedDrafts } from '../../../src/services/rollup/issueDrafts.ts';
import { countWorklist, missingPeriods } from '../../../src/services/rollup/periodLedger.ts';
import { previewRollUp, tenantsToBill } from '../../../src/services/rollup/previewRollUp.ts';
import { rollUpTenants } from '../../../src/services/rollup/rollUpTenants.ts';
import { listExceptions } from '../../../src/services/rollup/worklistExceptions.ts';
import { voidInvoice } from '../../../src/services/voidInvoice.ts';
import { systemSession } from '../../../src/session.ts';
import { openWorld, type World } from '../world.ts';
import {
  type BillingWorld,
  billingWorld,
  goldenTenant,
  invoicesOf,
  type SeenInvoice,
  wholeDay,
} from './billingWorld.ts';

const april = '2026-04-01';
const may = '2026-05-01';
const june = '2026-06-01';
let world: World;
let billing: BillingWorld;
let runs = 0;

beforeEach(async () => {
  world = await openWorld();
  billing = billingWorld((sql, parameters) => world.em().execute(sql, parameters));
  await billing.seedCatalog();
  for (const month of [april, may, june]) await billing.closeMonth(month);
}, 60_000);
afterEach(() => world?.close());

/** Freezes and does the whole worklist, as a run of the rollup does. */
async function rollUp(period: Period, force = false) {
  runs += 1;
  const now = new Date(`2026-11-01T03:00:00Z`);
  const run = { workflowId: `roll-up:${period}`, runId: `run ${runs}`, force, graceHours: 72, now };
  const tenants = await freezeWorklist(world.em(), { period, ...run });
  return rollUpTenants(world.em(), { period, part: { from: 0, until: tenants }, force, now });
}

/** Prices changed drafts again and issues all of them, as the issue of a period does. */
async function issue(period: Period): Promise<number> {
  const page = { period, after: null, limit: 100, now: new Date('2026-11-04T03:00:00Z') };
  await repriceChangedDrafts(world.em(), page);
  return (await issueDraftPage(world.em(), { ...page, workflowId: `issue:${period}` })).result;
}

async function invoice(period: Period, tenant: string): Promise<SeenInvoice> {
  const found = (await invoicesOf(world.em(), period)).filter((one) => one.tenant === tenant).at(-1);
  if (found === undefined) throw new Error(`${tenant} has no invoice for ${period}`);
  return found;
}

const linesOf = ({ lines }: SeenInvoice) =>
  lines.map(({ type, cents, month }) => `${type} ${month.slice(0, 7)} ${cents}`);

async function expectProven(period: Period): Promise<void> {
  const checked = await checkInvoices(world.em(), { period, part: { from: 0, until: 1_000 } });
  expect(checked).toMatchObject({ differing: 0, differences: [] });
  expect(checked.invoices).toBeGreaterThan(0);
}

describe('a rollup', () => {
  it('bills the goldens, and skips them when it runs again', async () => {
    await goldenTenant(billing, { tenantId: 'golden', droplets: 3, addons: ['storage_50gb'], period: april });
    await goldenTenant(billing, { tenantId: 'pilot', droplets: 5, addons: [], period: april });
    expect(await rollUp(april)).toEqual({ invoiced: 2, existing: 0, failed: 0 });
    const invoices = await invoicesOf(world.em(), april);
    expect(invoices).toMatchObject([
      {
        tenant: 'golden',
        status: 'draft',
        subtotal: 6422,
        tax: 642,
        total: 7064,
        lines: [
          { type: 'plan_base', cents: 5000 },
          { type: 'addon', cents: 750, text: 'Addon: storage_50gb' },
          { type: 'overage', kind: 'droplet_hours', cents: 672 },
          { type: 'tax', cents: 642 },
        ],
      },
      { tenant: 'pilot', subtotal: 7112, tax: 711, total: 7823 },
    ]);
    expect(await rollUp(april)).toEqual({ invoiced: 0, existing: 0, failed: 0 });
    expect(await countWorklist(world.em(), april)).toMatchObject({ tenants: 2, existing: 2, pending: 0 });
    expect(await invoicesOf(world.em(), april)).toEqual(invoices);
    expect(await checkInvoices(world.em(), { period: april, part: { from: 0, until: 10 } })).toEqual({
      invoices: 2,
      lines: 7,
      subtotalCents: '13534',
      taxCents: '1353',
      totalCents: '14887',
      differing: 0,
      differences: [],
    });
  });

  it('takes exactly those who are to be invoiced', async () => {
    const studio = { plan: 'studio' } as const;
    await billing.deployment({
      ...studio,
      tenantId: 'cancelled-before',
      startsOn: '2026-01-01',
      cancelledAt: '2026-03-31T23:59:59Z',
    });
    await billing.deployment({
      ...studio,
      tenantId: 'cancelled-on-the-first',
      startsOn: '2026-01-01',
      cancelledAt: '2026-04-01T00:00:00Z',
    });
    await billing.deployment({ ...studio, tenantId: 'starts-on-the-last', startsOn: '2026-04-30' });
    await billing.deployment({ ...studio, tenantId: 'starts-after', startsOn: may });
    await billing.deployment({ ...studio, tenantId: 'on-trial', trialEndsAt: '2026-06-15T00:00:00Z' });
    await billing.deployment({ tenantId: 'without-anything', plan: null });
    const gatewayOnly = await billing.deployment({ tenantId: 'gateway-only', plan: null });
    await billing.charge(gatewayOnly, '0.005', '2026-04-30T23:59:59.999Z');
    const later = await billing.deployment({ tenantId: 'gateway-later', plan: null });
    await billing.charge(later, '1', '2026-05-01T00:00:00Z');
    await rollUp(april);
    const invoices = await invoicesOf(world.em(), april);
    expect(invoices.map((one) => [one.tenant, ...linesOf(one)])).toEqual([
      // 1/30 of $50 is $1.67.
      ['cancelled-on-the-first', 'plan_base 2026-04 167', 'tax 2026-04 17'],
      ['gateway-only', 'llm_usage 2026-04 1', 'tax 2026-04 0'],
      ['on-trial', 'tax 2026-04 0'],
      ['starts-on-the-last', 'plan_base 2026-04 167', 'tax 2026-04 17'],
    ]);
    await expectProven(april);
    expect(await missingPeriods(world.em(), new Date('2026-06-02T00:00:00Z'))).toEqual([
      '2026-01-01',
      '2026-02-01',
      '2026-03-01',
      may,
    ]);
  });

  it('prices two plan versions of a month each by its days, with the usage of its days', async () => {
    const deploymentId = await billing.deployment({ tenantId: 'changes', plan: 'starter', startsOn: april });
    await billing.changePlan(deploymentId, 'pro', '2026-04-16');
    // Five droplets in the first half only: 1,800 hours, of which Starter includes 372.
    await billing.use({
      deploymentId,
      kind: 'droplet_hours',
      from: april,
      until: '2026-04-16',
      quantity: '432000',
    });
    await rollUp(april);
    expect(linesOf(await invoice(april, 'changes'))).toEqual([
      'plan_base 2026-04 1000',
      'overage 2026-04 1428',
      'plan_base 2026-04 6000',
      'tax 2026-04 843',
    ]);
    await expectProven(april);
  });

  it('bills a resource that moves between two deployments once, each for its own days', async () => {
    const first = await billing.deployment({
      tenantId: 'mover',
      slug: 'first',
      plan: 'starter',
      startsOn: april,
    });
    const second = await billing.deployment({
      tenantId: 'mover',
      slug: 'second',
      plan: 'starter',
      startsOn: april,
    });
    // Two droplets more than the 744 hours that either plan includes; one moves at noon of the 10th.
    for (const deploymentId of [first, second]) {
      await billing.use({ deploymentId, kind: 'droplet_hours', from: april, until: may, quantity: '89280' });
    }
    const droplet = '11111111-1111-4111-8111-111111111111';
    const moved = { kind: 'droplet_hours', resourceId: droplet } as const;
    await billing.use({
      ...moved,
      deploymentId: first,
      from: april,
      until: '2026-04-10',
      quantity: wholeDay,
    });
    await billing.use({
      ...moved,
      deploymentId: first,
      from: '2026-04-10',
      until: '2026-04-11',
      quantity: '43200',
    });
    await billing.use({
      ...moved,
      deploymentId: second,
      from: '2026-04-10',
      until: '2026-04-11',
      quantity: '43200',
    });
    await billing.use({ ...moved, deploymentId: second, from: '2026-04-11', until: may, quantity: wholeDay });
    await rollUp(april);
    const overage = (await invoice(april, 'mover')).lines.filter(({ type }) => type === 'overage');
    expect(overage.map(({ cents }) => cents)).toEqual([228, 492]);
  });

  it('sets aside, with the reason, whoever can not be priced, and invoices the others', async () => {
    const incomplete = await billing.deployment({
      tenantId: 'a-incomplete',
      plan: 'studio',
      startsOn: april,
    });
    await billing.deployment({ tenantId: 'b-other-currency', plan: 'studio', startsOn: april });
    await billing.profile('b-other-currency', { currency: 'USD' });
    await billing.deployment({
      tenantId: 'c-whole',
      plan: 'studio',
      startsOn: april,
      cancelledAt: '2026-04-20T00:00:00Z',
    });
    await billing.deployment({
      tenantId: 'd-mixed-addon',
      plan: 'studio',
      startsOn: april,
      addons: [{ code: 'llm_1m' }],
      addonCurrency: 'EUR',
    });
    await billing.setDay('2026-04-30', 'droplet_hours', 'open');
    expect(await rollUp(april)).toEqual({ invoiced: 1, existing: 0, failed: 3 });
    const exceptions = await listExceptions(world.em(), april, { limit: 10 });
    expect(exceptions.map(({ tenantId, problem, message }) => [tenantId, problem, message])).toEqual([
      [
        'a-incomplete',
        'usage_incomplete',
        'usage of deployment main is incomplete: droplet_hours is open on 1 days from 2026-04-30',
      ],
      [
        'b-other-currency',
        'mixed_currency',
        'deployment main is priced in AUD, but its tenant is billed in USD',
      ],
      [
        'd-mixed-addon',
        'mixed_currency',
        'deployment main is priced in EUR, but its tenant is billed in AUD',
      ],
    ]);
    expect(incomplete).not.toBe('');
    // The next run takes them again.
    await billing.setDay('2026-04-30', 'droplet_hours', 'closed');
    expect(await rollUp(april)).toEqual({ invoiced: 1, existing: 0, failed: 2 });
  });

  it('taxes none of an export, and a month by the rate of its last day', async () => {
    await world
      .em()
      .execute(
        `insert into tax_rates (country, name, rate, effective_from) values ('NZ', 'GST', 0.125, '2000-01-01'), ('NZ', 'GST', 0.15, '2026-04-30')`,
      );
    for (const [tenantId, country] of [
      ['kiwi', 'NZ'],
      ['export', 'SG'],
    ] as const) {
      await billing.deployment({ tenantId, plan: 'studio', startsOn: april });
      await billing.profile(tenantId, { country });
    }
    await rollUp(april);
    expect(linesOf(await invoice(april, 'kiwi'))).toEqual(['plan_base 2026-04 5000', 'tax 2026-04 750']);
    expect(linesOf(await invoice(april, 'export'))).toEqual(['plan_base 2026-04 5000']);
  });

  it('asks the database the same number of questions for 3 tenants and for 60', async () => {
    const spy = jest.spyOn(pg.Client.prototype, 'query');
    const asked = async (count: number, month: Period) => {
      for (let index = 0; index < count; index += 1) {
        const deploymentId = await billing.deployment({
          tenantId: `${month} ${index}`,
          plan: 'studio',
          startsOn: month,
          cancelledAt: `${month.slice(0, 7)}-28T00:00:00Z`,
        });
        await billing.use({
          deploymentId,
          kind: 'droplet_hours',
          from: month,
          until: `${month.slice(0, 7)}-20`,
          quantity: '400000',
        });
        await billing.charge(deploymentId, '0.1234', `${month}T10:00:00Z`);
      }
      const run = { workflowId: 'count', runId: month, force: false, graceHours: 72, now: new Date() };
      const tenants = await freezeWorklist(world.em(), { period: month, ...run });
      spy.mockClear();
      expect(
        await rollUpTenants(world.em(), {
          period: month,
          part: { from: 0, until: tenants },
          force: false,
          now: new Date(),
        }),
      ).toMatchObject({ invoiced: count });
      return spy.mock.calls.length;
    };
    const few = await asked(3, april);
    expect(await asked(60, may)).toBe(few);
    expect(few).toBeLessThan(26);
    spy.mockRestore();
  });
});

describe('late usage', () => {
  it('re-prices a draft while it is open, and becomes one adjustment line a month on the next invoice after', async () => {
    const deploymentId = await goldenTenant(billing, {
      tenantId: 'late',
      droplets: 3,
      addons: [],
      period: april,
    });
    await rollUp(april);
    expect(linesOf(await invoice(april, 'late'))).toEqual([
      'plan_base 2026-04 5000',
      'overage 2026-04 672',
      'tax 2026-04 567',
    ]);
    await billing.correct(deploymentId, 'droplet_hours', '2026-04-10', '360000');
    await billing.noteLate(deploymentId, april, 'metered');
    expect(await issue(april)).toBe(1);
    expect(await invoice(april, 'late')).toMatchObject({ status: 'issued', revision: 2, subtotal: 5772 });

    await billing.correct(deploymentId, 'droplet_hours', '2026-04-11', '720000');
    await billing.noteLate(deploymentId, april, 'metered');
    await rollUp(may);
    expect(await invoice(may, 'late')).toMatchObject({
      lines: [
        { type: 'plan_base', cents: 5000, month: may },
        { type: 'adjustment', cents: 200, month: april, text: 'Late or corrected usage of 2026-04' },
        { type: 'tax', cents: 520 },
      ],
    });
    // A second correction, downwards, while May is a draft: still one line. A third after it was issued.
    await billing.correct(deploymentId, 'droplet_hours', '2026-04-12', '-180000');
    await billing.noteLate(deploymentId, april, 'metered');
    expect(await issue(may)).toBe(1);
    expect(linesOf(await invoice(may, 'late'))).toEqual([
      'plan_base 2026-05 5000',
      'adjustment 2026-04 150',
      'tax 2026-05 515',
    ]);
    await billing.correct(deploymentId, 'droplet_hours', '2026-04-10', '-360000');
    await billing.noteLate(deploymentId, april, 'metered');
    await rollUp(june);
    expect(linesOf(await invoice(june, 'late'))).toEqual([
      'plan_base 2026-06 5000',
      'adjustment 2026-04 -100',
      'tax 2026-06 490',
    ]);
    for (const month of [april, may, june]) await expectProven(month);
  });
});

describe('gateway charges', () => {
  it('are one line a month, rounded once, and late ones go on the next invoice, on a line that names their month', async () => {
    const deploymentId = await billing.deployment({ tenantId: 'llm', plan: 'studio', startsOn: april });
    for (let event = 0; event < 5; event += 1) {
      await billing.charge(deploymentId, '0.0013', `2026-04-1${event}T00:00:00Z`);
    }
    await rollUp(april);
    expect(linesOf(await invoice(april, 'llm'))).toEqual([
      'plan_base 2026-04 5000',
      'llm_usage 2026-04 1',
      'tax 2026-04 500',
    ]);
    await issue(april);
    // The month is now 0.0065 + 0.0090 = 0.0155: two cents, of which one was billed.
    await billing.charge(deploymentId, '0.0090', '2026-04-30T12:00:00Z');
    await billing.noteLate(deploymentId, april, 'llm');
    await billing.charge(deploymentId, '3', '2026-05-02T00:00:00Z');
    await rollUp(may);
    expect(linesOf(await invoice(may, 'llm'))).toEqual([
      'plan_base 2026-05 5000',
      'llm_usage 2026-04 1',
      'llm_usage 2026-05 300',
      'tax 2026-05 530',
    ]);
    await issue(may);
    await rollUp(june);
    expect(linesOf(await invoice(june, 'llm'))).toEqual(['plan_base 2026-06 5000', 'tax 2026-06 500']);
    for (const month of [april, may, june]) await expectProven(month);
  });

  it('bring a tenant without a subscription into the next rollup', async () => {
    const deploymentId = await billing.deployment({ tenantId: 'llm-only', plan: null });
    await rollUp(april);
    await billing.charge(deploymentId, '2', '2026-04-30T12:00:00Z');
    await billing.noteLate(deploymentId, april, 'llm');
    await rollUp(may);
    expect(linesOf(await invoice(may, 'llm-only'))).toEqual(['llm_usage 2026-04 200', 'tax 2026-05 20']);
  });
});

describe('a void invoice', () => {
  it('keeps what it billed, earlier months included, until its reissue, which bills all usage of its month', async () => {
    const deploymentId = await billing.deployment({ tenantId: 'void', plan: 'starter', startsOn: april });
    await billing.use({ deploymentId, kind: 'droplet_hours', from: april, until: may, quantity: wholeDay });
    await rollUp(april);
    await issue(april);
    // April has 100 hours more than was billed, on May's invoice; 76 of them are above the allowance.
    await billing.correct(deploymentId, 'droplet_hours', '2026-04-10', '360000');
    await billing.noteLate(deploymentId, april, 'metered');
    await rollUp(may);
    await issue(may);
    expect(linesOf(await invoice(may, 'void'))).toEqual([
      'plan_base 2026-05 2000',
      'adjustment 2026-04 76',
      'tax 2026-05 208',
    ]);
    await voidLast(may);
    await billing.correct(deploymentId, 'droplet_hours', '2026-05-10', '3600000');
    await billing.noteLate(deploymentId, may, 'metered');
    // April's late usage stays bound to the void invoice, and that of May waits for its reissue.
    await rollUp(june);
    expect(linesOf(await invoice(june, 'void'))).toEqual(['plan_base 2026-06 2000', 'tax 2026-06 200']);
    expect(await rollUp(may)).toMatchObject({ invoiced: 0 });

    await reissueLast(may);
    expect(await invoice(may, 'void')).toMatchObject({ status: 'draft', number: null });
    expect(linesOf(await invoice(may, 'void'))).toEqual([
      'plan_base 2026-05 2000',
      'overage 2026-05 256',
      'adjustment 2026-04 76',
      'tax 2026-05 233',
    ]);
    for (const month of [april, may, june]) await expectProven(month);
  });

  async function lastId(period: Period): Promise<string> {
    const [row] = await world
      .em()
      .execute<{ id: string }[]>(
        `select id from tenant_invoices where period_start = ?::date order by created_at desc limit 1`,
        [period],
      );
    return row?.id ?? '';
  }
  async function voidLast(period: Period): Promise<void> {
    const request = { reason: 'a test', now: new Date(), actor: systemSession };
    await voidInvoice(world.em(), { invoiceId: await lastId(period), ...request });
  }
  async function reissueLast(period: Period): Promise<void> {
    const request = { reason: 'a test', now: new Date(), actor: systemSession };
    await reissueInvoice(world.em(), { invoiceId: await lastId(period), ...request });
  }
});

describe('a preview', () => {
  it('says what the invoices would be, of a month that still runs too, and writes nothing', async () => {
    await goldenTenant(billing, { tenantId: 'golden', droplets: 3, addons: ['storage_50gb'], period: april });
    await billing.setDay('2026-04-30', 'droplet_hours', 'open');
    expect(await tenantsToBill(world.em(), april, 10)).toEqual({ tenants: 1, tenantIds: ['golden'] });
    const previewed = await previewRollUp(world.em(), { period: april, tenantIds: ['golden', 'nobody'] });
    expect(previewed).toMatchObject([
      {
        tenantId: 'golden',
        problem: null,
        invoice: { subtotalCents: 6422, taxCents: 642, totalCents: 7064 },
      },
      { tenantId: 'nobody', problem: null, invoice: { totalCents: 0 } },
    ]);
    expect(await invoicesOf(world.em(), april)).toEqual([]);
    expect(await countWorklist(world.em(), april)).toMatchObject({ tenants: 0 });
    await billing.setDay('2026-04-30', 'droplet_hours', 'closed');
    await rollUp(april);
    const { lines } = await invoice(april, 'golden');
    expect(previewed[0]?.invoice?.lines.map((line) => line.amountCents)).toEqual(
      lines.map(({ cents }) => cents),
    );
  });
});
