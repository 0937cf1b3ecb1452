import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ArcadiaError } from '../../src/domain/errors.ts';
import { taxOn } from '../../src/domain/tax.ts';
import { CreditNote } from '../../src/entities/creditNote.ts';
import { Payment } from '../../src/entities/payment.ts';
import { TenantInvoice } from '../../src/entities/tenantInvoice.ts';
import { addInvoiceLine } from '../../src/services/adjustInvoice.ts';
import { gstReport } from '../../src/services/gstReport.ts';
import { issueInvoices } from '../../src/services/issueInvoices.ts';
import { receivablesAgeing } from '../../src/services/receivablesAgeing.ts';
import { voidInvoice } from '../../src/services/voidInvoice.ts';
import { admin, writeDraft } from './invoiceWorld.ts';
import { credit, pay } from './settledInvoices.ts';
import { openWorld, type World } from './world.ts';

let world: World;
let tenants = 0;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(async () => {
  await world?.close();
});

const now = new Date('2026-07-05T03:00:00Z');
const invoices = 3;

type Operation =
  | { readonly does: 'issue'; readonly which: readonly number[] }
  | { readonly does: 'pay' | 'credit' | 'line'; readonly which: number; readonly cents: number }
  | { readonly does: 'void'; readonly which: number };

const which = fc.nat({ max: invoices - 1 });
const cents = fc.oneof(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 7000 }));
const operation: fc.Arbitrary<Operation> = fc.oneof(
  fc.record({
    does: fc.constant('issue' as const),
    which: fc.array(which, { minLength: 1, maxLength: invoices }),
  }),
  fc.record({ does: fc.constantFrom('pay' as const, 'credit' as const), which, cents }),
  fc.record({
    does: fc.constant('line' as const),
    which,
    cents: fc.integer({ min: -6000, max: 6000 }).filter(Boolean),
  }),
  fc.record({ does: fc.constant('void' as const), which }),
);

/** Does it, or is told why not: a refusal is a typed error that says so. @returns whether it was done */
async function perform(ids: readonly string[], step: Operation): Promise<boolean> {
  const em = world.em();
  try {
    if (step.does === 'issue') {
      const invoiceIds = step.which.flatMap((index) => ids[index] ?? []);
      await issueInvoices(em, { invoiceIds, now, actor: admin });
      return true;
    }
    const id = ids[step.which] ?? '';
    if (step.does === 'pay') await pay(em, id, step.cents);
    else if (step.does === 'credit') await credit(em, id, step.cents);
    else if (step.does === 'void')
      await voidInvoice(em, { invoiceId: id, reason: 'wrong', now, actor: admin });
    else {
      const line = { description: 'manual', deploymentId: null, amountCents: step.cents, reason: 'agreed' };
      await addInvoiceLine(em, { invoiceId: id, ...line, now, actor: admin });
    }
    return true;
  } catch (error) {
    if (!(error instanceof ArcadiaError) || error.retryable) throw error;
    return false;
  }
}

async function expectToAddUp(invoice: TenantInvoice): Promise<void> {
  const notes = await world.em().find(CreditNote, { invoice: invoice.id });
  const payments = await world.em().find(Payment, { invoice: invoice.id });
  const sum = (amounts: readonly number[]) => amounts.reduce((total, amount) => total + amount, 0);
  const credited = sum(notes.map((note) => note.subtotalCents));
  expect(invoice.creditedCents).toBe(sum(notes.map((note) => note.totalCents)));
  expect(invoice.paidCents).toBe(sum(payments.map((payment) => payment.amountCents)));
  expect(sum(notes.map((note) => note.taxCents))).toBe(taxOn(credited, invoice.taxRate));
  expect(credited).toBeLessThanOrEqual(Math.max(0, invoice.subtotalCents));
  if (credited === invoice.subtotalCents) expect(invoice.creditedCents).toBe(invoice.totalCents);
  if (invoice.status === 'void') {
    expect([invoice.dueCents, notes.length, payments.length]).toEqual([0, 0, 0]);
    return;
  }
  expect(invoice.dueCents).toBe(invoice.totalCents - invoice.creditedCents - invoice.paidCents);
  if (invoice.status !== 'draft') expect(invoice.status).toBe(invoice.dueCents <= 0 ? 'paid' : 'issued');
}

async function expectNoGaps(): Promise<void> {
  for (const [table, series] of [
    ['tenant_invoices', 'INV'],
    ['credit_notes', 'CN'],
  ] as const) {
    const rows = await world
      .em()
      .execute<{ number: string }[]>(`select number from ${table} where number is not null order by number`);
    expect(rows.map(({ number }) => number)).toEqual(
      rows.map((_row, index) => `${series}-${String(index + 1).padStart(6, '0')}`),
    );
  }
}

describe('whatever is done with invoices, in whatever order', () => {
  it('due = total − credits − payments, credit notes carry the tax of one, and no number is missing', async () => {
    const done = new Map<string, number>();
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: -300, max: 6500 }), { minLength: invoices, maxLength: invoices }),
        fc.constantFrom('0.10', '0.15', '0.075', null),
        fc.array(operation, { maxLength: 18 }),
        async (prices, taxRate, steps) => {
          const ids: string[] = [];
          for (const planCents of prices) {
            tenants += 1;
            ids.push(await writeDraft(world.em(), { tenantId: `any ${tenants}`, planCents, taxRate }));
          }
          for (const step of steps) {
            if (await perform(ids, step)) done.set(step.does, (done.get(step.does) ?? 0) + 1);
          }
          for (const id of ids) await expectToAddUp(await world.em().findOneOrFail(TenantInvoice, { id }));
        },
      ),
      { numRuns: 60 },
    );
    // A property over refusals alone would prove nothing.
    expect([...done.keys()].toSorted()).toEqual(['credit', 'issue', 'line', 'pay', 'void']);
    await expectNoGaps();
  });

  it('the reports add up to the invoices', async () => {
    const all = await world.em().find(TenantInvoice, { status: { $ne: 'draft' } });
    const counting = all.filter(({ status }) => status !== 'void');
    const sum = (amounts: readonly number[]) => amounts.reduce((total, amount) => total + amount, 0);
    const { totals } = await receivablesAgeing(world.em(), '2026-07-31');
    expect(totals).toHaveLength(1);
    expect((totals[0]?.dueCents ?? 0) - (totals[0]?.owedToTenantCents ?? 0)).toBe(
      sum(counting.map(({ dueCents }) => dueCents)),
    );
    const rows = await gstReport(world.em(), '2026-07-01');
    expect(sum(rows.map(({ salesCents, taxCollectedCents }) => salesCents + taxCollectedCents))).toBe(
      sum(counting.map(({ totalCents }) => totalCents)),
    );
    expect(sum(rows.map(({ creditedCents, taxCreditedCents }) => creditedCents + taxCreditedCents))).toBe(
      sum(counting.map(({ creditedCents }) => creditedCents)),
    );
    expect(rows.flatMap(({ voidNumbers }) => voidNumbers)).toHaveLength(all.length - counting.length);
  });
});
