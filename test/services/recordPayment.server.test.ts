import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CloudDeployment } from '../../src/entities/cloudDeployment.ts';
import { voidInvoice } from '../../src/services/voidInvoice.ts';
import { admin, auditOf, stored, writeDeployment, writeDraft, writeIssued } from './invoiceWorld.ts';
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

/** An issued invoice of $50.00 and $5.00 GST. */
const issued = () => {
  tenants += 1;
  return writeIssued(world.em(), { tenantId: `payer ${tenants}` });
};

const inJuly = new Date('2026-07-10T12:00:00Z');

describe('recordPayment', () => {
  it('keeps what is paid in part due, and takes the invoice for paid at zero due', async () => {
    const id = await issued();
    await pay(world.em(), id, 2000);
    expect(await stored(world.em(), id)).toMatchObject({
      status: 'issued',
      paidCents: 2000,
      dueCents: 3500,
      paidAt: null,
    });
    await pay(world.em(), id, 3500, { now: '2026-07-12T00:00:00Z' });
    expect(await stored(world.em(), id)).toMatchObject({
      status: 'paid',
      paidCents: 5500,
      dueCents: 0,
      paidAt: new Date('2026-07-12T00:00:00Z'),
    });
  });

  it('shows what is paid too much as a negative due amount, and stays paid since the first time', async () => {
    const id = await issued();
    await pay(world.em(), id, 6000);
    await pay(world.em(), id, 100, { now: '2026-07-13T00:00:00Z' });
    expect(await stored(world.em(), id)).toMatchObject({
      status: 'paid',
      paidCents: 6100,
      dueCents: -600,
      paidAt: new Date('2026-07-10T12:00:00Z'),
    });
  });

  it('counts a payment once however often it is told, also at once', async () => {
    const id = await issued();
    const tell = () => pay(world.em(), id, 1000, { reference: 'told often' });
    const answers = await Promise.all([tell(), tell(), tell(), tell()]);
    expect(answers.filter(({ isDuplicate }) => !isDuplicate)).toHaveLength(1);
    expect(new Set(answers.map(({ payment }) => payment.id)).size).toBe(1);
    expect(await stored(world.em(), id)).toMatchObject({ paidCents: 1000, dueCents: 4500 });
    expect(
      (await auditOf(world.em(), id)).filter(({ action }) => action === 'tenant_invoice.pay'),
    ).toHaveLength(1);
  });

  it('knows a payment again after the invoice was paid', async () => {
    const id = await issued();
    await pay(world.em(), id, 5500, { reference: 'all of it' });
    expect(await pay(world.em(), id, 5500, { reference: 'all of it' })).toMatchObject({ isDuplicate: true });
  });

  it.each([
    ['another amount', { amountCents: 1001 }],
    ['another day', { paidOn: '2026-07-09' }],
    ['another currency', { currency: 'USD' }],
  ])('refuses a known reference with %s', async (name, change) => {
    const id = await issued();
    const reference = `reused with ${name}`;
    await pay(world.em(), id, 1000, { reference });
    const { amountCents = 1000, ...changes } = { amountCents: 1000, ...change };
    await expect(pay(world.em(), id, amountCents, { reference, ...changes })).rejects.toMatchObject({
      code: 'payment_reference_reused',
    });
    expect(await stored(world.em(), id)).toMatchObject({ paidCents: 1000 });
  });

  it('refuses a reference that two invoices claim at once to one of them', async () => {
    const ids = [await issued(), await issued()];
    const outcomes = await Promise.allSettled(
      ids.map((id) => pay(world.em(), id, 700, { reference: 'for both' })),
    );
    expect(outcomes.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    const invoices = await Promise.all(ids.map((id) => stored(world.em(), id)));
    expect(invoices.map(({ paidCents }) => paidCents).toSorted()).toEqual([0, 700]);
  });

  it('refuses money of another currency', async () => {
    await expect(pay(world.em(), await issued(), 1000, { currency: 'USD' })).rejects.toMatchObject({
      code: 'other_currency',
    });
  });

  it('takes a payment of tomorrow, where it has begun elsewhere, and none of the day after', async () => {
    const id = await issued();
    await pay(world.em(), id, 1, { paidOn: '2026-07-11' });
    await expect(pay(world.em(), id, 1, { paidOn: '2026-07-12' })).rejects.toMatchObject({
      code: 'paid_in_the_future',
    });
  });

  it('refuses money for a draft and for a void invoice', async () => {
    const draft = await writeDraft(world.em(), { tenantId: 'draft payer' });
    await expect(pay(world.em(), draft, 1000)).rejects.toMatchObject({ code: 'invoice_not_issued' });
    const id = await issued();
    await voidInvoice(world.em(), { invoiceId: id, reason: 'wrong', now: new Date(), actor: admin });
    await expect(pay(world.em(), id, 1000)).rejects.toMatchObject({ code: 'invoice_not_issued' });
  });

  it('writes down who booked it, what it was and what it left due', async () => {
    const id = await issued();
    await pay(world.em(), id, 5500, { reference: 'audited' });
    expect((await auditOf(world.em(), id)).at(-1)).toEqual({
      action: 'tenant_invoice.pay',
      actor: 'admin-1',
      reason: null,
      before: { status: 'issued', paid_cents: 0, due_cents: 5500 },
      after: {
        status: 'paid',
        paid_cents: 5500,
        due_cents: 0,
        currency: 'AUD',
        reference: 'audited',
        paid_on: '2026-07-10',
        source: 'operator',
      },
    });
  });

  it.each([
    ['a payment', (id: string) => pay(world.em(), id, 5500)],
    ['a credit note', (id: string) => credit(world.em(), id, 5000)],
    [
      'a void',
      (id: string) => voidInvoice(world.em(), { invoiceId: id, reason: 'wrong', now: inJuly, actor: admin }),
    ],
  ])(
    'brings back what dunning paused once %s leaves nothing overdue, and not before',
    async (name, settleLast) => {
      const em = world.em();
      const tenantId = `dunned by ${name}`;
      const deploymentId = await writeDeployment(em, tenantId);
      const first = await writeIssued(em, { tenantId, period: '2026-04-01' }, '2026-05-04T00:00:00Z');
      const last = await writeIssued(em, { tenantId, period: '2026-05-01' }, '2026-06-04T00:00:00Z');
      await writeIssued(em, { tenantId, period: '2026-06-01' }, '2026-07-04T00:00:00Z');
      await em.nativeUpdate(
        CloudDeployment,
        { id: deploymentId },
        { state: 'past_due', dunningState: 'past_due', dunningSince: '2026-06-19' },
      );
      const stateOf = async () =>
        (await em.fork().findOneOrFail(CloudDeployment, { id: deploymentId })).state;
      await pay(em, first, 5500);
      expect(await stateOf()).toBe('past_due');
      await settleLast(last);
      expect(await stateOf()).toBe('active');
    },
  );

  it('is final: the database refuses to change or take back a payment', async () => {
    const id = await issued();
    await pay(world.em(), id, 10);
    for (const sql of [
      'update payments set amount_cents = 1 where invoice_id = ?',
      'delete from payments where invoice_id = ?',
    ])
      await expect(world.em().execute(sql, [id])).rejects.toThrow(/permission denied|append-only/);
  });
});
