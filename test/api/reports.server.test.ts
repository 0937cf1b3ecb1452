import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { forSession, systemSession } from '../../src/session.ts';
import { writeIssued } from '../services/invoiceWorld.ts';
import { credit } from '../services/settledInvoices.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { type ApiUnderTest, itemsOf, startApi, tokenFor } from './apiUnderTest.ts';

let database: TestDatabase;
let api: ApiUnderTest;
const token = tokenFor('platform_viewer');

beforeAll(async () => {
  database = await createTestDatabase();
  api = await startApi({ databaseUrl: database.appUrl, clock: () => new Date('2026-08-01T00:00:00Z') });
  const em = forSession(api.orm, systemSession);
  for (const [tenantId, planCents] of [
    ['=cmd()', 1000],
    ['beta, "quoted"', 2000],
    ['gamma', -300],
  ] as const) {
    await writeIssued(em, { tenantId, planCents }, '2026-07-04T00:00:00Z');
  }
  const credited = await writeIssued(em, { tenantId: 'delta', planCents: 5000 }, '2026-07-20T00:00:00Z');
  await credit(em, credited, 1000, '2026-07-21T00:00:00Z');
});
afterAll(async () => {
  await api.close();
  await database.drop();
});

describe('GET /api/v1/reports/gst', () => {
  it('says what was sold, collected and credited in the month', async () => {
    const answer = await api.call('/api/v1/reports/gst?period=2026-07-01', { token });
    expect(answer.status).toBe(200);
    expect(answer.json).toEqual({
      period: '2026-07-01',
      rows: [
        {
          tax_name: 'GST',
          tax_rate: '0.1',
          currency: 'AUD',
          invoices: 4,
          sales_cents: 7700,
          tax_collected_cents: 770,
          credit_notes: 1,
          credited_cents: 1000,
          tax_credited_cents: 100,
          net_sales_cents: 6700,
          net_tax_cents: 670,
          void_numbers: [],
        },
      ],
    });
  });

  it('says the same as CSV', async () => {
    const answer = await api.call('/api/v1/reports/gst?period=2026-07-01&format=csv', { token });
    expect(answer.headers.get('content-type')).toBe('text/csv; charset=utf-8');
    expect(answer.headers.get('content-disposition')).toBe('attachment; filename="gst-2026-07-01.csv"');
    expect(answer.text).toBe(
      'tax_name,tax_rate,currency,invoices,sales_cents,tax_collected_cents,credit_notes,credited_cents,tax_credited_cents,net_sales_cents,net_tax_cents,void_numbers\n' +
        'GST,0.1,AUD,4,7700,770,1,1000,100,6700,670,\n',
    );
  });

  it.each(['', '?period=2026-07-02', '?period=2026-07-01&format=xml'])(
    'refuses the query "%s"',
    async (query) => {
      expect((await api.call(`/api/v1/reports/gst${query}`, { token })).status).toBe(422);
    },
  );
});

describe('GET /api/v1/reports/receivables', () => {
  it('ages what is outstanding today, by tenant, with the totals of all pages', async () => {
    const first = await api.call('/api/v1/reports/receivables?limit=3', { token });
    expect(first.json).toMatchObject({
      as_of: '2026-08-01',
      totals: [
        {
          currency: 'AUD',
          invoices: 4,
          current_cents: 4400,
          overdue_1_30_cents: 3300,
          due_cents: 7700,
          owed_to_tenant_cents: 330,
        },
      ],
    });
    const next = await api.call(`/api/v1/reports/receivables?limit=3&cursor=${first.json['next_cursor']}`, {
      token,
    });
    expect([...itemsOf(first), ...itemsOf(next)].map((row) => row['tenant_id'])).toEqual([
      '=cmd()',
      'beta, "quoted"',
      'delta',
      'gamma',
    ]);
    expect(next.json).toMatchObject({ next_cursor: null, totals: first.json['totals'] });
  });

  it('takes another day', async () => {
    const answer = await api.call('/api/v1/reports/receivables?as_of=2026-07-18', { token });
    expect(answer.json).toMatchObject({
      as_of: '2026-07-18',
      totals: [{ current_cents: 3300, due_cents: 3300 }],
    });
    expect((await api.call('/api/v1/reports/receivables?as_of=2026-02-30', { token })).status).toBe(422);
  });

  it('says all rows as CSV, in which no tenant can hide a formula', async () => {
    const answer = await api.call('/api/v1/reports/receivables?format=csv&limit=1', { token });
    expect(answer.text.split('\n')).toEqual([
      'tenant_id,currency,invoices,current_cents,overdue_1_30_cents,overdue_31_60_cents,overdue_61_90_cents,overdue_over_90_cents,due_cents,owed_to_tenant_cents',
      "'=cmd(),AUD,1,0,1100,0,0,0,1100,0",
      '"beta, ""quoted""",AUD,1,0,2200,0,0,0,2200,0',
      'delta,AUD,1,4400,0,0,0,0,4400,0',
      'gamma,AUD,1,0,0,0,0,0,0,330',
      '',
    ]);
  });
});
