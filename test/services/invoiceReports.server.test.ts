import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { gstReport } from '../../src/services/gstReport.ts';
import { receivablesAgeing } from '../../src/services/receivablesAgeing.ts';
import { voidInvoice } from '../../src/services/voidInvoice.ts';
import { admin, stored, writeDraft, writeIssued } from './invoiceWorld.ts';
import { credit, pay } from './settledInvoices.ts';
import { openWorld, type World } from './world.ts';

describe('gstReport', () => {
  let world: World;
  beforeAll(async () => {
    world = await openWorld();
  });
  afterAll(async () => {
    await world?.close();
  });

  it('is empty where nothing was issued', async () => {
    expect(await gstReport(world.em(), '2026-01-01')).toEqual([]);
  });

  it('goes by the UTC day of issue of invoices and credit notes, by tax, rate and currency, and counts no void one', async () => {
    const em = world.em();
    const issue = (tenantId: string, at: string, changes: object = {}) =>
      writeIssued(em, { tenantId, planCents: 6422, ...changes }, at);
    const before = await issue('a', '2026-06-30T23:59:59.999Z');
    await issue('b', '2026-07-01T00:00:00Z');
    await issue('c', '2026-07-31T23:59:59.999Z');
    await issue('d', '2026-08-01T00:00:00Z');
    await issue('negative', '2026-07-05T00:00:00Z', { planCents: -105 });
    await issue('export', '2026-07-05T00:00:00Z', { taxRate: null });
    await issue('dollars', '2026-07-05T00:00:00Z', { currency: 'USD' });
    await issue('other rate', '2026-07-05T00:00:00Z', { taxRate: '0.1250' });
    const wrong = await issue('wrong', '2026-07-06T00:00:00Z');
    await writeDraft(em, { tenantId: 'draft' });
    await credit(em, before, 1005, '2026-07-02T00:00:00Z');
    await credit(em, before, 5, '2026-08-02T00:00:00Z');
    await voidInvoice(em, {
      invoiceId: wrong,
      reason: 'wrong',
      now: new Date('2026-08-03T00:00:00Z'),
      actor: admin,
    });
    const nothing = { creditNotes: 0, creditedCents: 0, taxCreditedCents: 0, voidNumbers: [] };
    const sale = { ...nothing, invoices: 1, salesCents: 6422, netSalesCents: 6422 };
    expect(await gstReport(em, '2026-07-01')).toEqual([
      {
        taxName: 'GST',
        taxRate: '0.1',
        currency: 'AUD',
        invoices: 3,
        salesCents: 6422 + 6422 - 105,
        taxCollectedCents: 642 + 642 - 11,
        creditNotes: 1,
        creditedCents: 1005,
        taxCreditedCents: 101,
        netSalesCents: 6422 + 6422 - 105 - 1005,
        netTaxCents: 642 + 642 - 11 - 101,
        voidNumbers: [(await stored(em, wrong)).number],
      },
      { ...sale, taxName: 'GST', taxRate: '0.1', currency: 'USD', taxCollectedCents: 642, netTaxCents: 642 },
      {
        ...sale,
        taxName: 'GST',
        taxRate: '0.125',
        currency: 'AUD',
        taxCollectedCents: 803,
        netTaxCents: 803,
      },
      { ...sale, taxName: null, taxRate: '0', currency: 'AUD', taxCollectedCents: 0, netTaxCents: 0 },
    ]);
    expect(await gstReport(em, '2026-08-01')).toMatchObject([
      {
        invoices: 1,
        salesCents: 6422,
        creditNotes: 1,
        creditedCents: 5,
        taxCreditedCents: 0,
        voidNumbers: [],
      },
    ]);
  });
});

describe('receivablesAgeing', () => {
  let world: World;
  beforeAll(async () => {
    world = await openWorld();
  });
  afterAll(async () => {
    await world?.close();
  });

  const zeroes = {
    currentCents: 0,
    overdue1To30Cents: 0,
    overdue31To60Cents: 0,
    overdue61To90Cents: 0,
    overdueOver90Cents: 0,
    owedToTenantCents: 0,
  };

  it('puts each invoice by its days overdue, the due day itself not being one', async () => {
    const em = world.em();
    const id = await writeIssued(em, { tenantId: 'one' }, '2026-07-01T12:00:00Z');
    expect((await stored(em, id)).dueOn).toBe('2026-07-15');
    const expected: readonly (readonly [day: string, bucket: string])[] = [
      ['2026-07-01', 'currentCents'],
      ['2026-07-15', 'currentCents'],
      ['2026-07-16', 'overdue1To30Cents'],
      ['2026-08-14', 'overdue1To30Cents'],
      ['2026-08-15', 'overdue31To60Cents'],
      ['2026-09-13', 'overdue31To60Cents'],
      ['2026-09-14', 'overdue61To90Cents'],
      ['2026-10-13', 'overdue61To90Cents'],
      ['2026-10-14', 'overdueOver90Cents'],
      ['2030-01-01', 'overdueOver90Cents'],
    ];
    for (const [day, bucket] of expected) {
      const row = { ...zeroes, currency: 'AUD', invoices: 1, dueCents: 5500, [bucket]: 5500 };
      expect(await receivablesAgeing(em, day)).toEqual({
        tenants: [{ ...row, tenantId: 'one' }],
        totals: [row],
      });
    }
    expect(await receivablesAgeing(em, '2026-06-30')).toEqual({ tenants: [], totals: [] });
  });

  it('says of an earlier day what was outstanding then, whatever was paid, credited or voided since', async () => {
    const em = world.em();
    const id = await writeIssued(em, { tenantId: 'two' }, '2026-07-01T12:00:00Z');
    await pay(em, id, 1000, { paidOn: '2026-07-10', now: '2026-07-12T00:00:00Z' });
    await credit(em, id, 1000, '2026-07-20T10:00:00Z');
    await pay(em, id, 5000, { paidOn: '2026-07-25', now: '2026-07-25T00:00:00Z' });
    const wrong = await writeIssued(em, { tenantId: 'three' }, '2026-07-01T12:00:00Z');
    await voidInvoice(em, {
      invoiceId: wrong,
      reason: 'wrong',
      now: new Date('2026-07-22T00:00:00Z'),
      actor: admin,
    });
    const outstanding = async (day: string) =>
      (await receivablesAgeing(em, day)).tenants
        .filter(({ tenantId }) => tenantId !== 'one')
        .map(({ tenantId, dueCents, owedToTenantCents }) => [tenantId, dueCents - owedToTenantCents]);
    expect(await outstanding('2026-07-09')).toEqual([
      ['three', 5500],
      ['two', 5500],
    ]);
    expect(await outstanding('2026-07-10')).toContainEqual(['two', 4500]);
    expect(await outstanding('2026-07-20')).toContainEqual(['two', 3400]);
    expect(await outstanding('2026-07-21')).toContainEqual(['three', 5500]);
    expect(await outstanding('2026-07-22')).toEqual([['two', 3400]]);
    expect(await outstanding('2026-07-25')).toEqual([['two', -1600]]);
    expect(await stored(em, id)).toMatchObject({ dueCents: -1600 });
  });

  it('keeps currencies apart, and what is owed to a tenant apart from what is due', async () => {
    const em = world.em();
    const changes = { tenantId: 'four', currency: 'USD' };
    const overpaid = await writeIssued(em, { ...changes, period: '2026-05-01' }, '2026-07-01T12:00:00Z');
    await pay(em, overpaid, 6000);
    await writeIssued(em, { ...changes, planCents: 100 }, '2026-07-01T12:00:00Z');
    const { tenants, totals } = await receivablesAgeing(em, '2026-07-31');
    expect(tenants.find(({ tenantId }) => tenantId === 'four')).toEqual({
      ...zeroes,
      tenantId: 'four',
      currency: 'USD',
      invoices: 2,
      overdue1To30Cents: 110,
      dueCents: 110,
      owedToTenantCents: 500,
    });
    expect(totals.map(({ currency }) => currency)).toEqual(['AUD', 'USD']);
  });

  it('leaves out who has nothing outstanding, and pages by tenant and currency with the totals of all', async () => {
    const em = world.em();
    const done = await writeIssued(em, { tenantId: 'zz' }, '2026-07-01T12:00:00Z');
    await pay(em, done, 5500);
    const all = await receivablesAgeing(em, '2026-07-31');
    expect(all.tenants.map(({ tenantId }) => tenantId)).toEqual(['four', 'one', 'two']);
    const first = await receivablesAgeing(em, '2026-07-31', { limit: 1 });
    expect(first.tenants.map(({ tenantId }) => tenantId)).toEqual(['four', 'one']);
    const next = await receivablesAgeing(em, '2026-07-31', {
      limit: 1,
      after: { tenant: 'four', currency: 'USD' },
    });
    expect(next.tenants.map(({ tenantId }) => tenantId)).toEqual(['one', 'two']);
    expect(next.totals).toEqual(all.totals);
  });
});
