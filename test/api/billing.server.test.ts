import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { type Answer, type ApiUnderTest, itemsOf, startApi, tokenFor } from './apiUnderTest.ts';
import { seeder } from './seed.ts';
import { connectTestTemporal, type TemporalUnderTest } from './temporalUnderTest.ts';

let database: TestDatabase;
let temporal: TemporalUnderTest;
let api: ApiUnderTest;
let restated: { id: string; invoiceUuid: string };
const token = tokenFor('platform_admin', { sub: 'alice' });
const get = (path: string) => api.call(path, { token });
const post = (path: string, body: unknown = {}) => api.call(path, { method: 'POST', token, body });

beforeAll(async () => {
  database = await createTestDatabase();
  temporal = await connectTestTemporal();
  api = await startApi({
    databaseUrl: database.appUrl,
    temporal: () => temporal.client,
    environment: { TEMPORAL_NAMESPACE: temporal.namespace },
    clock: () => new Date('2026-05-02T00:00:00Z'),
  });
  const seed = seeder(api.orm);
  const lines = [
    ['0.1', 'shared'],
    ['0.2', 'shared'],
    ['90', 'matched_by_id'],
    ['-3.375', 'credit'],
  ] as const;
  restated = await seed.invoice('2026-04-01', [['50', 'unmatched']], { version: 2 });
  await seed.version(restated.id, '2026-04-01', 2, lines);
  await seed.invoice('2026-04-01', [['10', 'tax']]);
  await seed.invoice('2026-03-01', [['7', 'tax']]);
  for (let month = 1; month <= 12; month += 1) {
    await seed.invoice(`2025-${String(month).padStart(2, '0')}-01`, [], { ingestStatus: 'discovered' });
  }
  await seed.balance('2026-04-30T10:07:00Z', '10');
  await seed.balance('2026-04-30T23:07:00Z', '11.5');
  await seed.balance('2026-05-01T01:07:00Z', '0.0001');
  await seed.balance('2026-01-01T01:07:00Z', '99');
});
afterAll(async () => {
  await api.close();
  await temporal.close();
  await database.drop();
});

describe('GET /billing/cost-lines', () => {
  const april = '/api/v1/billing/cost-lines?period=2026-04-01';

  it('shows the current versions alone and adds them up exactly, by outcome', async () => {
    const answer = await get(april);
    expect(itemsOf(answer).map((line) => [line['version'], line['billed_cost']])).toEqual([
      [2, '0.10'],
      [2, '0.20'],
      [2, '90.00'],
      [2, '-3.375'],
      [1, '10.00'],
    ]);
    expect(answer.json).toMatchObject({
      count: 5,
      totals: [{ currency: 'USD', count: 5, total: '96.925' }],
      by_outcome: [
        { outcome: 'credit', currency: 'USD', count: 1, total: '-3.375' },
        { outcome: 'matched_by_id', currency: 'USD', count: 1, total: '90.00' },
        { outcome: 'shared', currency: 'USD', count: 2, total: '0.30' },
        { outcome: 'tax', currency: 'USD', count: 1, total: '10.00' },
      ],
      next_cursor: null,
    });
  });

  it('reads an older version where invoice and version name it', async () => {
    const answer = await get(`${april}&invoice=${restated.invoiceUuid}&version=1`);
    expect(itemsOf(answer)).toMatchObject([{ version: 1, billed_cost: '50.00', match_outcome: 'unmatched' }]);
    expect(answer.json['totals']).toEqual([{ currency: 'USD', count: 1, total: '50.00' }]);
  });

  it('keeps the totals of all pages on each page', async () => {
    const first = await get(`${april}&outcome=shared&limit=1`);
    const second = await get(`${april}&outcome=shared&limit=1&cursor=${String(first.json['next_cursor'])}`);
    expect([first.json['totals'], second.json['totals']]).toEqual([
      [{ currency: 'USD', count: 2, total: '0.30' }],
      [{ currency: 'USD', count: 2, total: '0.30' }],
    ]);
    expect([itemsOf(first).length, itemsOf(second).length, second.json['next_cursor']]).toEqual([1, 1, null]);
  });

  it('is empty for a month without an invoice', async () => {
    expect((await get('/api/v1/billing/cost-lines?period=2009-01-01')).json).toEqual({
      items: [],
      next_cursor: null,
      count: 0,
      totals: [],
      by_outcome: [],
    });
  });
});

describe('GET /billing/invoices', () => {
  it('comes in pages that are complete, without a repeat, newest first, whatever the size', async () => {
    for (const limit of [1, 2, 7, 15, 200]) {
      const seen: Answer['json'][] = [];
      let cursor = '';
      do {
        const page = await get(`/api/v1/billing/invoices?limit=${limit}${cursor}`);
        seen.push(...itemsOf(page));
        const next = page.json['next_cursor'];
        cursor = next === null ? '' : `&cursor=${String(next)}`;
      } while (cursor !== '');
      const periods = seen.map((invoice) => String(invoice['period']));
      expect(new Set(seen.map((invoice) => invoice['id'])).size).toBe(15);
      expect(periods).toEqual([...periods].sort().reverse());
    }
  });

  it('stays stable while newer invoices arrive between two pages', async () => {
    const all = itemsOf(await get('/api/v1/billing/invoices?status=discovered')).map((row) => row['id']);
    const first = await get('/api/v1/billing/invoices?status=discovered&limit=5');
    await seeder(api.orm).invoice('2026-05-01', [], { ingestStatus: 'discovered' });
    const rest = await get(
      `/api/v1/billing/invoices?status=discovered&cursor=${String(first.json['next_cursor'])}`,
    );
    expect([...itemsOf(first), ...itemsOf(rest)].map((row) => row['id'])).toEqual(all);
  });

  it('shows one with every version and where to read its lines', async () => {
    const answer = await get(`/api/v1/billing/invoices/${restated.invoiceUuid.toUpperCase()}`);
    expect(answer.json).toMatchObject({
      version: 2,
      versions: [
        { version: 2, line_count: 4 },
        { version: 1, line_count: 1 },
      ],
    });
    const versions = answer.json['versions'] as readonly { links: { cost_lines: string } }[];
    const older = await get(versions[1]?.links.cost_lines ?? '');
    expect(older.json['count']).toBe(1);
  });
});

describe('GET /billing/balance', () => {
  it('shows the latest and the last of each day', async () => {
    const answer = await get('/api/v1/billing/balance?days=30');
    expect(answer.json).toMatchObject({
      latest: { generated_at: '2026-05-01T01:07:00.000Z', month_to_date_balance: '0.0001', currency: 'USD' },
      trend: [
        { generated_at: '2026-04-30T23:07:00.000Z', month_to_date_balance: '11.50' },
        { generated_at: '2026-05-01T01:07:00.000Z' },
      ],
    });
  });
});

describe('starting a process', () => {
  it('answers 202 with its id and a link that shows it; a second start meets the first', async () => {
    const first = await post('/api/v1/billing/discover');
    const second = await post('/api/v1/billing/discover');
    expect([first.status, first.json['workflow_id']]).toEqual([202, 'discover-invoices']);
    expect(second.json['run_id']).toBe(first.json['run_id']);
    const shown = await get(first.headers.get('location') ?? '');
    expect(shown.json).toMatchObject({
      type: 'discoverInvoices',
      state: 'running',
      run_id: first.json['run_id'],
    });
    const links = shown.json['links'] as { temporal_ui: string };
    expect(links.temporal_ui).toBe(
      `http://127.0.0.1:8233/namespaces/${temporal.namespace}/workflows/discover-invoices/${String(first.json['run_id'])}/history`,
    );
  });

  it('ingests an invoice by its uuid under its business id, and is a 404 for one that nobody discovered', async () => {
    const answer = await post(`/api/v1/billing/invoices/${restated.invoiceUuid}/ingest`);
    const shown = await get(answer.headers.get('location') ?? '');
    expect([
      answer.status,
      shown.json['workflow_id'],
      shown.json['provider_invoice'],
      shown.json['period'],
    ]).toEqual([
      202,
      `ingest-invoice:digitalocean:${restated.invoiceUuid}`,
      restated.invoiceUuid,
      '2026-04-01',
    ]);
    const audit = await get(`/api/v1/audit?subject_id=${restated.id}&action=cloud_invoice.request_ingest`);
    expect(itemsOf(audit)).toMatchObject([{ actor: 'alice', workflow_id: shown.json['workflow_id'] }]);
    const unknown = '00000000-0000-4000-8000-000000000000';
    expect((await post(`/api/v1/billing/invoices/${unknown}/ingest`)).status).toBe(404);
  });

  it('accepts a difference only where the invoice is held with just that one and no ingest runs', async () => {
    const seed = seeder(api.orm);
    const held = await seed.invoice('2024-01-01', [], {
      ingestStatus: 'held',
      heldDifference: '1.2500',
      error: { code: 'lines_disagree', message: 'held', context: { stated: '100.00', found: '98.75' } },
    });
    const path = `/api/v1/billing/invoices/${held.invoiceUuid}/accept-difference`;
    const codeOf = async (uuid: string, difference: string) => {
      const answer = await post(`/api/v1/billing/invoices/${uuid}/accept-difference`, {
        difference,
        reason: 'small',
      });
      return [answer.status, answer.json['code'] ?? ''];
    };
    expect(await codeOf(held.invoiceUuid, '1.24')).toEqual([409, 'other_difference']);
    expect(await codeOf(held.invoiceUuid, '-1.25')).toEqual([409, 'other_difference']);
    expect(await codeOf(restated.invoiceUuid, '1.25')).toEqual([409, 'invoice_not_held']);
    const accepted = await post(path, { difference: '1.25', reason: 'small' });
    expect(accepted.status).toBe(202);
    expect(await codeOf(held.invoiceUuid, '1.25')).toEqual([409, 'ingest_running']);
    const handle = temporal.client.workflow.getHandle(String(accepted.json['workflow_id']));
    const { events } = await handle.fetchHistory();
    const sent = events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads?.[0]?.data;
    expect(JSON.parse(Buffer.from(sent ?? []).toString())).toMatchObject({
      invoiceUuid: held.invoiceUuid,
      acceptedDifference: {
        code: 'lines_disagree',
        stated: '100.00',
        found: '98.75',
        difference: '1.25',
        reason: 'small',
        actor: 'alice',
      },
    });
    const audit = itemsOf(
      await get(`/api/v1/audit?subject_id=${held.id}&action=cloud_invoice.request_acceptance`),
    );
    expect(audit[0]).toMatchObject({
      actor: 'alice',
      reason: 'small',
      before: { held_difference: '1.2500' },
    });
  });
});
