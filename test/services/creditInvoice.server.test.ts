import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { creditInvoice } from '../../src/services/creditInvoice.ts';
import { voidInvoice } from '../../src/services/voidInvoice.ts';
import { admin, auditOf, stored, writeDraft, writeIssued } from './invoiceWorld.ts';
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

const issued = (planCents = 5000, taxRate: string | null = '0.10') => {
  tenants += 1;
  return writeIssued(world.em(), { tenantId: `credited ${tenants}`, planCents, taxRate });
};

describe('creditInvoice', () => {
  it('credits a part with its tax, under a number of its own', async () => {
    const id = await issued();
    const { note } = await credit(world.em(), id, 1000);
    expect(note).toMatchObject({
      number: 'CN-000001',
      subtotalCents: 1000,
      taxCents: 100,
      totalCents: 1100,
      currency: 'AUD',
      reason: 'an outage',
      actor: 'admin-1',
    });
    expect(await stored(world.em(), id)).toMatchObject({
      status: 'issued',
      creditedCents: 1100,
      dueCents: 4400,
    });
  });

  it('makes many small notes carry the tax of one: 0.05 × 10% is a cent every second time', async () => {
    const id = await issued();
    const taxes: number[] = [];
    for (let index = 0; index < 4; index += 1) taxes.push((await credit(world.em(), id, 5)).note.taxCents);
    expect(taxes).toEqual([1, 0, 1, 0]);
  });

  it('brings the due amount to zero where all of it is credited, whatever the tax rounds to, and takes it for paid', async () => {
    const id = await issued(6422);
    for (const amount of [1, 2221, 33, 4167]) await credit(world.em(), id, amount);
    expect(await stored(world.em(), id)).toMatchObject({
      status: 'paid',
      totalCents: 7064,
      creditedCents: 7064,
      dueCents: 0,
    });
  });

  it('owes to the tenant what was paid before all was credited', async () => {
    const id = await issued();
    await pay(world.em(), id, 5500);
    await credit(world.em(), id, 5000);
    expect(await stored(world.em(), id)).toMatchObject({ status: 'paid', paidCents: 5500, dueCents: -5500 });
  });

  it('credits no tax of what was not taxed', async () => {
    const id = await issued(5000, null);
    expect((await credit(world.em(), id, 5000)).note).toMatchObject({ taxCents: 0, totalCents: 5000 });
    expect(await stored(world.em(), id)).toMatchObject({ dueCents: 0 });
  });

  it('never credits more than was charged before tax, and takes no number for what it refuses', async () => {
    const id = await issued();
    await credit(world.em(), id, 4999);
    await expect(credit(world.em(), id, 2)).rejects.toMatchObject({
      code: 'credit_too_large',
      context: { amount_cents: 2, left_cents: 1, currency: 'AUD' },
    });
    const { note } = await credit(world.em(), id, 1);
    await expect(credit(world.em(), id, 1)).rejects.toMatchObject({ code: 'credit_too_large' });
    const other = await credit(world.em(), await issued(), 1);
    const count = (number: string) => Number(number.slice(3));
    expect(count(other.note.number)).toBe(count(note.number) + 1);
  });

  it('credits no more than was charged when several do it at once', async () => {
    const id = await issued();
    const outcomes = await Promise.allSettled(Array.from({ length: 6 }, () => credit(world.em(), id, 1500)));
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(3);
    expect(await stored(world.em(), id)).toMatchObject({ creditedCents: 4950, dueCents: 550 });
  });

  it('credits nothing of an invoice below zero', async () => {
    await expect(credit(world.em(), await issued(-1000), 1)).rejects.toMatchObject({
      code: 'credit_too_large',
      context: { left_cents: 0 },
    });
  });

  it('credits neither a draft nor a void invoice', async () => {
    const draft = await writeDraft(world.em(), { tenantId: 'credited draft' });
    await expect(credit(world.em(), draft, 1)).rejects.toMatchObject({ code: 'invoice_not_issued' });
    const id = await issued();
    await voidInvoice(world.em(), { invoiceId: id, reason: 'wrong', now: new Date(), actor: admin });
    await expect(credit(world.em(), id, 1)).rejects.toMatchObject({ code: 'invoice_not_issued' });
  });

  it('finds no invoice under an unknown id', async () => {
    const none = { invoiceId: '00000000-0000-4000-8000-000000000000', amountCents: 1, reason: 'none' };
    expect(await creditInvoice(world.em(), { ...none, now: new Date(), actor: admin })).toBeUndefined();
  });

  it('writes down who credited what, and why', async () => {
    const id = await issued();
    const { note } = await credit(world.em(), id, 1000);
    expect((await auditOf(world.em(), id)).at(-1)).toEqual({
      action: 'tenant_invoice.credit',
      actor: 'admin-1',
      reason: 'an outage',
      before: { status: 'issued', credited_cents: 0, due_cents: 5500 },
      after: {
        status: 'issued',
        credited_cents: 1100,
        due_cents: 4400,
        currency: 'AUD',
        credit_note: note.number,
      },
    });
  });

  it('is final: the database refuses to change or take back a credit note', async () => {
    const id = await issued();
    await credit(world.em(), id, 10);
    for (const sql of [
      'update credit_notes set total_cents = 1 where invoice_id = ?',
      'delete from credit_notes where invoice_id = ?',
    ])
      await expect(world.em().execute(sql, [id])).rejects.toThrow(/permission denied|append-only/);
  });
});
