import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type FinanceSimulator, startFinance } from '../../dev/finance/finance.ts';
import { createFinanceClient } from '../../src/integrations/financeClient.ts';
import { takeDueReceivables } from '../../src/services/dueReceivables.ts';
import { issueInvoices } from '../../src/services/issueInvoices.ts';
import { forSession, systemSession } from '../../src/session.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { type Answer, type ApiUnderTest, startApi, tokenFor } from './apiUnderTest.ts';

const path = '/api/v1/integrations/payments';

describe('payment notices', () => {
  let database: TestDatabase;
  let api: ApiUnderTest;
  let finance: FinanceSimulator;
  /** Of 11.00 AUD, issued, and known to the finance system. */
  let invoiceId: string;
  let month = 0;

  beforeAll(async () => {
    database = await createTestDatabase();
    const secret = `whsec_${randomBytes(32).toString('base64')}`;
    api = await startApi({
      databaseUrl: database.appUrl,
      environment: { FINANCE_WEBHOOK_SECRET: secret },
    });
    finance = await startFinance({ secret, apiUrl: () => api.address });
    const client = createFinanceClient({ url: finance.url, secret });
    tell = async () => {
      await client.pushReceivables(await takeDueReceivables(em(), { now: new Date(), limit: 100 }));
    };
  }, 60_000);
  let tell: () => Promise<void>;
  const em = () => forSession(api.orm, systemSession);

  afterAll(async () => {
    await finance?.close();
    await api?.close();
    await database?.drop();
  });

  async function draft(): Promise<string> {
    month += 1;
    const [row] = await em().execute<{ id: string }[]>(
      `insert into tenant_invoices (tenant_id, period_start, status, currency, subtotal_cents, tax_cents, total_cents, due_cents,
         tax_rate, created_at, updated_at)
       values ('tenant-a', date '2020-01-01' + make_interval(months => ?), 'draft', 'AUD', 1000, 100, 1100, 1100, 0.1, now(), now())
       returning id`,
      [month],
    );
    return row?.id ?? '';
  }

  beforeEach(async () => {
    invoiceId = await draft();
    await issueInvoices(em(), { invoiceIds: [invoiceId], now: new Date(), actor: systemSession });
    await tell();
  });

  const notice = (change: Readonly<Record<string, unknown>> = {}) => ({
    ...{ invoice_id: invoiceId, amount_cents: 1100, currency: 'AUD', paid_on: '2026-07-10' },
    ...{ reference: `P-${invoiceId}`, ...change },
  });
  const post = (
    body: unknown,
    role: 'finance' | 'platform_admin' | 'tenant' | 'gateway' = 'finance',
  ): Promise<Answer> => api.call(path, { method: 'POST', token: tokenFor(role), body });

  it('pay an invoice in parts, in whatever order they come: at zero due it is paid, and what is too much is owed', async () => {
    const later = await post(notice({ amount_cents: 600, reference: 'second', paid_on: '2026-07-12' }));
    expect([later.status, later.json['invoice']]).toEqual([
      201,
      {
        number: expect.stringMatching(/^INV-\d{6}$/),
        status: 'issued',
        total_cents: 1100,
        paid_cents: 600,
        due_cents: 500,
      },
    ]);
    const earlier = await post(notice({ amount_cents: 500, reference: 'first' }));
    expect(earlier.json['invoice']).toMatchObject({ status: 'paid', paid_cents: 1100, due_cents: 0 });
    const tooMuch = await post(notice({ amount_cents: 100, reference: 'third' }));
    expect(tooMuch.json['invoice']).toMatchObject({ status: 'paid', paid_cents: 1200, due_cents: -100 });
  });

  it('count once by their reference, also ten at a time; another payment under it is a 409', async () => {
    const answers = await Promise.all(Array.from({ length: 10 }, () => post(notice())));
    expect(answers.map(({ status }) => status).toSorted()).toEqual([...Array<number>(9).fill(200), 201]);
    const again = await post(notice());
    expect([again.status, again.json['duplicate'], again.json['invoice']]).toEqual([
      200,
      true,
      expect.objectContaining({ paid_cents: 1100, due_cents: 0 }),
    ]);
    const other = await post(notice({ amount_cents: 1 }));
    expect([other.status, other.json['code']]).toEqual([409, 'payment_reference_reused']);
  });

  it('come signed from the finance system, which needs no token then; a wrong signature is a 401', async () => {
    const paid = await finance.pay(invoiceId, { amount_cents: 400 });
    expect([paid.status, paid.body]).toEqual([
      201,
      expect.objectContaining({ amount_cents: 400, invoice: expect.objectContaining({ due_cents: 700 }) }),
    ]);
    const forged = await api.call(path, {
      method: 'POST',
      body: notice(),
      headers: {
        'webhook-id': 'x',
        'webhook-timestamp': String(Math.floor(Date.now() / 1000)),
        'webhook-signature': `v1,${randomBytes(32).toString('base64')}`,
      },
    });
    expect([forged.status, forged.json['code']]).toEqual([401, 'invalid_signature']);
  });

  it.each(['tenant', 'gateway'] as const)('are not for the role %s', async (role) => {
    expect((await post(notice(), role)).status).toBe(403);
  });

  it.each([
    ['an invoice that is not there', () => notice({ invoice_id: randomUUID() }), 404, 'not_found'],
    ['another currency', () => notice({ currency: 'USD' }), 422, 'other_currency'],
    ['nothing', () => notice({ amount_cents: 0 }), 422, 'invalid_input'],
    ['part of a cent', () => notice({ amount_cents: 1.5 }), 422, 'invalid_input'],
    ['a day that does not exist', () => notice({ paid_on: '2026-02-30' }), 422, 'invalid_input'],
    ['an unknown field', () => notice({ tip: 1 }), 422, 'invalid_input'],
  ] as const)('for %s are refused, and change nothing', async (_what, body, status, code) => {
    const answer = await post(body());
    expect([answer.status, answer.json['code']]).toEqual([status, code]);
    const [row] = await em().execute(`select paid_cents::int as paid from tenant_invoices where id = ?`, [
      invoiceId,
    ]);
    expect(row).toEqual({ paid: 0 });
  });

  it('for a draft are a 409: it is no debt yet', async () => {
    const answer = await post(notice({ invoice_id: await draft() }));
    expect([answer.status, answer.json['code']]).toEqual([409, 'invoice_not_issued']);
  });
});
