import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { setExchangeRates } from '../../../src/services/margin/exchangeRates.ts';
import { explainFigure } from '../../../src/services/margin/explain/explainFigure.ts';
import type { Figure, Part } from '../../../src/services/margin/explain/step.ts';
import { createSharedCostPolicy } from '../../../src/services/margin/sharedCostPolicies.ts';
import { voidInvoice } from '../../../src/services/voidInvoice.ts';
import { systemSession } from '../../../src/session.ts';
import { countStatements } from '../countStatements.ts';
import { admin, writeDeployment, writeIssued } from '../invoiceWorld.ts';
import { ingest, openWorld, resource, sync, type World } from '../world.ts';
import { wholeStep } from './walkExplanations.ts';

const period = '2026-04-01';
const options = { now: new Date('2026-08-01T00:00:00Z') };
let world: World;

beforeEach(async () => {
  world = await openWorld();
  await setExchangeRates(
    world.em(),
    [{ fromCurrency: 'USD', toCurrency: 'AUD', rate: '1.52', effectiveFrom: period }],
    { actor: admin, now: new Date(), source: 'operator' },
  );
  await world.em().execute(
    `insert into period_ledger (period_start, state, workflow_id, run_id, forced, tenants, invoiced, skipped, failed, started_at, rolled_up_at, issue_after)
     values (?, 'rolled_up', 'roll-up', 'run', false, 0, 0, 0, 0, now(), now(), now())`,
    [period],
  );
});
afterEach(() => world?.close());

const explain = (figure: Figure) => wholeStep(world.em(), figure, options);

/** A tenant with an invoice, and a deployment with so many resources, each of which costs something. */
async function tenantWith(tenantId: string, costs: readonly string[]) {
  const deploymentId = await writeDeployment(world.em(), tenantId);
  const provider = `provider of ${tenantId}`;
  const names = costs.map((_, index) => `resource-${index}`);
  await sync(world, {
    provider,
    at: '2026-03-01T00:00:00Z',
    resources: names.map((name, index) => resource({ externalId: String(index), name })),
  });
  await world.em().execute(
    `insert into cloud_resource_memberships (resource_id, deployment_id, starts_at)
     select id, ?, '2026-03-01' from cloud_resources where provider = ?`,
    [deploymentId, provider],
  );
  const bill = {
    provider,
    invoiceUuid: randomUUID(),
    period,
    charges: costs.map((amount, index) => ({ name: names[index] ?? '', id: String(index), amount })),
  };
  await ingest(world, bill);
  const invoiceId = await writeIssued(world.em(), { tenantId, period, planCents: 1000, deploymentId });
  return { deploymentId, bill, invoiceId };
}

const shared = (amount: string) =>
  ingest(world, {
    provider: 'overhead',
    invoiceUuid: randomUUID(),
    period,
    charges: [{ name: null, kind: null, lineClass: 'shared', amount }],
  });

const texts = (parts: readonly Part[]) => parts.map(({ what }) => what);

describe('a step', () => {
  it('says at which rate a share was converted, and what it was before', async () => {
    const { deploymentId } = await tenantWith('a', ['14.05']);

    const step = await explain({ name: 'cogs', period, subject: { tenantId: 'a', deploymentId } });

    expect(texts(step.parts)).toEqual([
      '14.05 USD at 1.52 AUD for one USD, in force since 2026-04-01; rounded half up once with all of USD, this share by largest remainder: 21.36 AUD',
    ]);
    expect(step.parts[0]?.resources).toEqual([{ type: 'exchangeRates', from: 'USD', to: 'AUD' }]);
  });

  it.each([
    ['direct_cost', null, 'it costs 3.04 AUD of the 4.56 AUD that tenants cost directly', '10.13'],
    ['even', null, 'it is 1 of 2 tenants', '7.60'],
    ['usage', 'droplet_hours', 'it used 3600 of 14400 second of droplet_hours', '3.80'],
  ] as const)(
    'says by which weight shared cost is spread: %s',
    async (method, resourceKind, weight, amount) => {
      const a = await tenantWith('a', ['2.00']);
      const b = await tenantWith('b', ['1.00']);
      for (const [{ deploymentId }, tenantId, used] of [
        [a, 'a', 3600],
        [b, 'b', 10_800],
      ] as const) {
        await world.em().execute(
          `insert into manual_usage (tenant_id, deployment_id, resource_kind, day, quantity, reason, actor, created_at)
         values (?, ?, 'droplet_hours', '2026-04-30', ?, 'test', 'test', now())`,
          [tenantId, deploymentId, used],
        );
      }
      await shared('10.00');
      await createSharedCostPolicy(
        world.em(),
        { method, resourceKind, effectiveFrom: '2026-03-01' },
        { actor: admin, now: new Date(), reason: 'test' },
      );
      const subject = { tenantId: 'a', bucket: 'shared_spread' };

      const share = await explain({ name: 'cogs', period, subject });
      const against = await explain({ name: 'cogs', period, subject: { bucket: 'shared_spread' } });

      expect(share.value).toEqual({ amount, currency: 'AUD' });
      expect(share.how).toBe(
        `By policy ${method}, in force since 2026-03-01: ${weight}. 15.20 AUD of shared cost go to tenants by that weight, by largest remainder: ${amount} AUD to this one.`,
      );
      expect(against.value).toEqual({ amount: '-15.20', currency: 'AUD' });
      expect(against.parts[0]).toMatchObject({
        what: `Borne by tenant "a": ${weight}`,
        counts: { amount: `-${amount}`, currency: 'AUD' },
        next: { figure: { name: 'cogs', period, subject }, value: { amount, currency: 'AUD' } },
      });
    },
  );

  it('of a row of an earlier version says that it counts for nothing, and stays readable', async () => {
    const { bill } = await tenantWith('a', ['14.05']);
    const [earlier] = await world.em().execute<{ id: string }[]>('select id::text from cloud_cost_lines');
    await ingest(world, { ...bill, charges: [{ name: 'resource-0', id: '0', amount: '15.00' }] });

    const step = await explain({ name: 'cost_line', id: BigInt(earlier?.id ?? '') });

    expect(step).toMatchObject({
      value: { amount: '14.05', currency: 'USD' },
      row: { version: 1, lineNumber: 1, matchOutcome: 'matched_by_id' },
      partsTotal: null,
      parts: [],
    });
    expect(step.how).toContain('It counts for nothing');
  });

  it('of a held invoice has all of it as one part that nobody bears', async () => {
    const { bill } = await tenantWith('a', ['14.05']);
    await world.em().execute(`update cloud_invoices set ingest_status = 'held'`);
    const [invoice] = await world.em().execute<{ id: string }[]>('select id from cloud_invoices');

    const whole = await explain({ name: 'provider_invoice', id: invoice?.id ?? '' });
    const [source] = (
      await explain({ name: 'charged_cogs', period, subject: { bucket: 'unattributed' }, currency: 'USD' })
    ).parts;

    expect(whole).toMatchObject({ label: 'estimated', value: { amount: '14.05', currency: 'USD' } });
    expect(texts(whole.parts)).toEqual(['All of the invoice, which is held']);
    expect(source).toMatchObject({ label: 'estimated', counts: { amount: '14.05', currency: 'USD' } });
    expect(source?.what).toContain(bill.invoiceUuid);
  });

  it('of a void invoice says that it counts as no revenue', async () => {
    const { invoiceId } = await tenantWith('a', ['1.00']);
    await voidInvoice(world.em(), { invoiceId, reason: 'a test', ...options, actor: systemSession });

    const step = await explain({ name: 'invoice', id: invoiceId });

    expect(step.how).toContain('It is void (a test) and counts as no revenue.');
    expect(step.value).toEqual({ amount: '11.00', currency: 'AUD' });
  });

  it('takes the same number of statements however much there is', async () => {
    const figuresOf = ({ deploymentId, invoiceId }: Awaited<ReturnType<typeof tenantWith>>): Figure[] => {
      const subject = { tenantId: 'a', deploymentId };
      return [
        { name: 'margin', period, subject: {} },
        { name: 'cogs', period, subject: {}, by: 'kind' },
        { name: 'cogs', period, subject },
        { name: 'charged_cogs', period, subject, currency: 'USD' },
        { name: 'charged_cogs', period, subject: { bucket: 'shared' }, currency: 'USD' },
        { name: 'charged_revenue', period, subject, currency: 'AUD' },
        { name: 'invoice', id: invoiceId },
      ];
    };
    const count = async (figures: readonly Figure[]) => {
      const counts: number[] = [];
      for (const figure of figures) {
        const reporting = { currency: 'AUD', now: options.now };
        counts.push(
          await countStatements(world, () => explainFigure(world.em(), figure, { limit: 200 }, reporting)),
        );
      }
      return counts;
    };
    const figures = figuresOf(await tenantWith('a', ['1.00']));
    await shared('1.00');
    const few = await count(figures);
    for (const tenantId of ['b', 'c', 'd']) await tenantWith(tenantId, ['1.00', '2.00', '3.00']);
    for (const amount of ['2.00', '3.00']) await shared(amount);

    expect(await count(figures)).toEqual(few);
  });
});
