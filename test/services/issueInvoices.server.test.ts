import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { BillingProfile } from '../../src/entities/billingProfile.ts';
import { issueDraft } from '../../src/services/issueDraft.ts';
import { issueInvoices } from '../../src/services/issueInvoices.ts';
import { systemSession } from '../../src/session.ts';
import { admin, auditOf, stored, writeDraft } from './invoiceWorld.ts';
import { openWorld, type World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(async () => {
  await world?.close();
});

const now = new Date('2026-07-04T23:59:59Z');
const issue = (invoiceIds: readonly string[], at = now) =>
  issueInvoices(world.em(), { invoiceIds, now: at, actor: systemSession, workflowId: 'issue:2026-06-01' });

/** Drafts of new tenants whose names begin with `prefix`. */
const drafts = (prefix: string, count: number) =>
  Promise.all(
    Array.from({ length: count }, (_, index) => writeDraft(world.em(), { tenantId: `${prefix}${index}` })),
  );

async function lastNumber(): Promise<number> {
  const rows = await world
    .em()
    .execute<{ last: string }[]>(`select last from document_numbers where series = 'INV'`);
  return Number(rows[0]?.last ?? 0);
}

/** Every number that was given, in order, as a number. */
async function givenNumbers(): Promise<number[]> {
  const rows = await world
    .em()
    .execute<{ number: string }[]>(`select number from tenant_invoices where number is not null`);
  return rows
    .map(({ number }) => Number(number.slice('INV-'.length)))
    .toSorted((left, right) => left - right);
}

/** Until another transaction waits for a lock, here for the numbers that one holds. */
async function untilSomebodyWaits(): Promise<void> {
  const waiting = `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
  while ((await world.em().execute<unknown[]>(waiting)).length === 0) await setTimeout(10);
}

const upTo = (last: number) => Array.from({ length: last }, (_, index) => index + 1);

describe('issueInvoices', () => {
  it('numbers the first invoices INV-000001 on, in the order of tenant id, whatever the order they are given in', async () => {
    const ids = new Map<string, string>();
    for (const tenantId of ['zeta', 'alpha', 'Beta'])
      ids.set(tenantId, await writeDraft(world.em(), { tenantId }));
    const { issued, passedOver } = await issue([...ids.values()]);
    expect(issued.map(({ tenantId, number, status }) => [tenantId, number, status])).toEqual([
      ['Beta', 'INV-000001', 'issued'],
      ['alpha', 'INV-000002', 'issued'],
      ['zeta', 'INV-000003', 'issued'],
    ]);
    expect(passedOver).toEqual([]);
  });

  it('makes an invoice due 14 days after its UTC day of issue, with all of it due', async () => {
    const id = await writeDraft(world.em(), { tenantId: 'due' });
    await issue([id]);
    expect(await stored(world.em(), id)).toMatchObject({
      status: 'issued',
      issuedAt: now,
      dueOn: '2026-07-18',
      totalCents: 5500,
      dueCents: 5500,
      paidAt: null,
    });
  });

  it.each([
    ['nothing', 0],
    ['less than nothing', -1234],
  ])('takes an invoice of %s for paid at once, and pushes no receivable of it', async (_name, planCents) => {
    const id = await writeDraft(world.em(), { tenantId: `free ${planCents}`, planCents });
    const { issued } = await issue([id]);
    expect(issued).toMatchObject([{ status: 'paid' }]);
    const invoice = await stored(world.em(), id);
    expect(invoice).toMatchObject({ status: 'paid', paidAt: now, dueCents: invoice.totalCents });
    expect(await world.em().execute(`select 1 from receivables where invoice_id = ?`, [id])).toEqual([]);
  });

  it('writes one pending receivable and one audit row for each invoice with something to pay', async () => {
    const id = await writeDraft(world.em(), { tenantId: 'pushed' });
    const { issued } = await issue([id]);
    expect(
      await world
        .em()
        .execute(
          `select tenant_id, state, attempts, next_attempt_at = created_at as "isDue" from receivables where invoice_id = ?`,
          [id],
        ),
    ).toEqual([{ tenant_id: 'pushed', state: 'pending', attempts: 0, isDue: true }]);
    expect(await auditOf(world.em(), id)).toEqual([
      {
        action: 'tenant_invoice.issue',
        actor: 'workflow',
        reason: null,
        before: { status: 'draft' },
        after: { status: 'issued', number: issued[0]?.number, total_cents: 5500, currency: 'AUD' },
      },
    ]);
  });

  it('writes down whom the invoice is made out to, and a later change of the billing profile changes nothing of it', async () => {
    const em = world.em();
    await em.insert(BillingProfile, {
      tenantId: 'named',
      legalName: 'Named Pty Ltd',
      taxNumber: '51824753556',
      address: '1 Old Street',
      email: 'accounts@named.example',
      updatedAt: now,
    });
    const id = await writeDraft(em, { tenantId: 'named' });
    const unnamed = await writeDraft(em, { tenantId: 'unnamed' });
    await issue([id, unnamed]);
    await em.nativeUpdate(
      BillingProfile,
      { tenantId: 'named' },
      { legalName: 'Other Pty Ltd', address: '2 New Street' },
    );
    expect((await stored(em, id)).billTo).toEqual({
      legal_name: 'Named Pty Ltd',
      tax_number: '51824753556',
      address: '1 Old Street',
      email: 'accounts@named.example',
      country: 'AU',
    });
    expect((await stored(em, unnamed)).billTo).toMatchObject({ legal_name: null, country: 'AU' });
  });

  it('passes over what is no draft, and takes no number for it', async () => {
    const id = await writeDraft(world.em(), { tenantId: 'twice' });
    const first = await issue([id, id]);
    expect(first.issued).toHaveLength(1);
    const before = await lastNumber();
    const again = await issue([id, '00000000-0000-4000-8000-000000000000'], new Date('2026-08-01T00:00:00Z'));
    expect(again).toEqual({ issued: [], passedOver: [{ id, status: 'issued' }] });
    expect(await lastNumber()).toBe(before);
    expect(await stored(world.em(), id)).toMatchObject({ issuedAt: now, number: first.issued[0]?.number });
  });

  it('issues 400 invoices as it issues one, in the same number of statements', async () => {
    const many = await drafts('many', 400);
    const one = await drafts('single', 1);
    const statements = async (ids: readonly string[]) => {
      const em = world.em();
      const execute = jest.spyOn(em.getConnection(), 'execute');
      const { issued } = await issueInvoices(em, { invoiceIds: ids, now, actor: systemSession });
      const count = execute.mock.calls.length;
      execute.mockRestore();
      return { issued: issued.length, count };
    };
    const ofMany = await statements(many);
    expect(ofMany).toEqual({ issued: 400, count: expect.any(Number) });
    expect(await statements(one)).toEqual({ issued: 1, count: ofMany.count });
    expect(ofMany.count).toBeGreaterThan(2);
  });

  it('leaves no gap and gives no number twice while twenty callers issue at once, some of them the same invoices', async () => {
    const ids = await drafts('racing', 60);
    const shares = Array.from({ length: 20 }, (_, caller) =>
      ids.filter((_id, index) => (index + caller) % 7 < 2),
    );
    const answers = await Promise.all(shares.map((share) => issue(share)));
    const rest = await issue(ids);
    const numbers = [...answers, rest].flatMap(({ issued }) => issued.map(({ number }) => number));
    expect(numbers).toHaveLength(60);
    expect(new Set(numbers).size).toBe(60);
    expect(await givenNumbers()).toEqual(upTo(await lastNumber()));
  });

  it('leaves no gap where a transaction that took numbers is rolled back', async () => {
    const [failing = '', waiting = ''] = await drafts('rolled back', 2);
    const em = world.em();
    let other: Promise<unknown> = Promise.resolve();
    const failed = em.transactional(async (transaction) => {
      await issueInvoices(transaction, { invoiceIds: [failing], now, actor: systemSession });
      other = issue([waiting]);
      await untilSomebodyWaits();
      throw new Error('rolled back');
    });
    await expect(failed).rejects.toThrow('rolled back');
    await other;
    expect((await stored(world.em(), failing)).status).toBe('draft');
    expect((await stored(world.em(), waiting)).status).toBe('issued');
    expect(await givenNumbers()).toEqual(upTo(await lastNumber()));
  });

  it('goes on after 999,999 with more digits', async () => {
    const em = world.em();
    const id = await writeDraft(em, { tenantId: 'the millionth' });
    await em
      .transactional(async (transaction) => {
        await transaction.execute(`update document_numbers set last = 999999 where series = 'INV'`);
        const { issued } = await issueInvoices(transaction, { invoiceIds: [id], now, actor: systemSession });
        expect(issued[0]?.number).toBe('INV-1000000');
        throw new Error('not kept');
      })
      .catch((error: Error) => expect(error.message).toBe('not kept'));
  });
});

describe('issueDraft', () => {
  const issueOne = (invoiceId: string) => issueDraft(world.em(), { invoiceId, now, actor: admin });

  it('issues one draft, and says whether there is one', async () => {
    const id = await writeDraft(world.em(), { tenantId: 'by hand' });
    expect(await issueOne(id)).toBe(true);
    expect(await stored(world.em(), id)).toMatchObject({ status: 'issued', issuedAt: now });
    await expect(issueOne(id)).rejects.toMatchObject({ code: 'invoice_not_draft' });
    expect(await issueOne('00000000-0000-4000-8000-000000000000')).toBe(false);
  });

  it.each([
    ['failed', 'usage_incomplete'],
    ['pending', null],
  ])('refuses a draft whose tenant is %s in the rollup', async (state, problem) => {
    const tenantId = `work ${state}`;
    const id = await writeDraft(world.em(), { tenantId });
    await world.em().execute(
      `insert into rollup_worklist (period_start, tenant_id, position, state, problem, message, attempts, updated_at)
       values ('2026-06-01', ?, ?, ?, ?, 'a day is open', 1, ?)`,
      [tenantId, state.length, state, problem, now],
    );
    await expect(issueOne(id)).rejects.toMatchObject({
      code: 'invoice_not_ready',
      context: { state, problem },
    });
    await world.em().execute(`update rollup_worklist set state = 'done' where tenant_id = ?`, [tenantId]);
    expect(await issueOne(id)).toBe(true);
  });

  it('refuses a draft that is not what its stored inputs price it at, and takes no number for it', async () => {
    const id = await writeDraft(world.em(), { tenantId: 'tampered' });
    const before = await lastNumber();
    await world
      .em()
      .execute(
        `update tenant_invoice_lines set description = 'Gold plan' where invoice_id = ? and line_number = 1`,
        [id],
      );
    await expect(issueOne(id)).rejects.toMatchObject({
      code: 'invoice_differs_from_inputs',
      context: { differing: 1, line_number: 1, field: 'description' },
    });
    expect(await lastNumber()).toBe(before);
    expect((await stored(world.em(), id)).status).toBe('draft');
  });
});

describe('the database', () => {
  it('keeps whom an issued invoice is made out to', async () => {
    const id = await writeDraft(world.em(), { tenantId: 'kept' });
    await issue([id]);
    const change = world.em().execute(`update tenant_invoices set bill_to = '{}' where id = ?`, [id]);
    await expect(change).rejects.toThrow('no longer changes');
  });
});
