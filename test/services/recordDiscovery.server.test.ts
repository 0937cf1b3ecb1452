import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Decimal } from '../../src/domain/money.ts';
import type { BillingHistoryEntry, InvoicePeriod } from '../../src/providers/provider.ts';
import { holdInvoice } from '../../src/services/holdInvoice.ts';
import { readInvoice } from '../../src/services/listInvoices.ts';
import {
  invoicesToIngest,
  markRestated,
  recentInvoices,
  recordDiscovery,
} from '../../src/services/recordDiscovery.ts';
import { type Bill, ingest, openWorld, type World } from './world.ts';

const discoveredAt = new Date('2026-05-02T00:00:00Z');

describe('recordDiscovery', () => {
  let world: World;
  beforeAll(async () => {
    world = await openWorld();
  });
  afterAll(async () => {
    await world?.close();
  });

  const entry = (invoiceUuid: string | null, amount: string): BillingHistoryEntry => ({
    type: invoiceUuid === null ? 'payment' : 'invoice',
    description: 'an entry',
    amount: new Decimal(amount),
    currency: 'USD',
    // Not in the invoice's month: the provider charges on the first of the next.
    occurredAt: new Date('2026-05-01T06:00:00Z'),
    invoiceUuid,
    invoiceNumber: invoiceUuid === null ? null : '316844147',
  });
  const period = (invoiceUuid: string, month: string): InvoicePeriod => ({
    invoiceUuid,
    invoiceNumber: '316844147',
    period: month,
    amount: new Decimal('999'),
    currency: 'USD',
  });
  const record = (provider: string, history: BillingHistoryEntry[], periods: InvoicePeriod[]) =>
    recordDiscovery(world.em(), { provider, discoveredAt, history, periods });
  const waiting = async (provider: string, limit = 10) =>
    (await invoicesToIngest(world.em(), { provider, limit, before: null })).map(
      ({ invoiceUuid }) => invoiceUuid,
    );
  const bill = (provider: string, invoiceUuid: string, month: string): Bill => ({
    provider,
    invoiceUuid,
    period: month,
    charges: [{ name: 'web', amount: '86.92' }],
  });

  it('makes a header of each entry of type invoice: the amount is the history’s, the period the invoice list’s', async () => {
    const counts = await record(
      'first',
      [entry('first-april', '86.92'), entry(null, '-86.92')],
      [period('first-april', '2026-04-01')],
    );
    expect(counts).toEqual({ invoices: 1, newInvoices: 1, restated: 0, unidentified: 0 });
    expect(await readInvoice(world.em(), 'first-april')).toMatchObject({
      periodStart: '2026-04-01',
      amount: '86.92',
      ingestStatus: 'discovered',
      version: 0,
      invoiceNumber: '316844147',
    });
  });

  it('changes nothing when it discovers the same again', async () => {
    const history = [entry('again-april', '86.92')];
    const periods = [period('again-april', '2026-04-01')];
    await record('again', history, periods);
    const before = await readInvoice(world.em(), 'again-april');
    expect(await record('again', history, periods)).toMatchObject({ newInvoices: 0, restated: 0 });
    expect(await readInvoice(world.em(), 'again-april')).toEqual(before);
  });

  it('makes an ingested invoice wait again when its amount changes, and only then', async () => {
    const provider = 'amount';
    await ingest(world, bill(provider, 'amount-april', '2026-04-01'));
    expect(await waiting(provider)).toEqual([]);
    const periods = [period('amount-april', '2026-04-01')];
    expect(await record(provider, [entry('amount-april', '86.920')], periods)).toMatchObject({ restated: 0 });
    expect(await waiting(provider)).toEqual([]);
    expect(await record(provider, [entry('amount-april', '86.93')], periods)).toMatchObject({ restated: 1 });
    expect(await waiting(provider)).toEqual(['amount-april']);
    expect(await readInvoice(world.em(), 'amount-april')).toMatchObject({ amount: '86.93', version: 1 });
  });

  it.each([
    ['newest-first', ['2026-05-03', '2026-05-01']],
    ['oldest-first', ['2026-05-01', '2026-05-03']],
  ])(
    'takes the newest of several entries of one invoice, whichever comes first: %s',
    async (provider, days) => {
      const history = days.map((day) => ({
        ...entry(`${provider}-april`, day === '2026-05-03' ? '90.01' : '86.92'),
        occurredAt: new Date(`${day}T06:00:00Z`),
      }));
      const periods = [period(`${provider}-april`, '2026-04-01')];
      expect(await record(provider, history, periods)).toEqual({
        invoices: 1,
        newInvoices: 1,
        restated: 0,
        unidentified: 0,
      });
      expect(await readInvoice(world.em(), `${provider}-april`)).toMatchObject({ amount: '90.01' });
      expect(await record(provider, history, periods)).toMatchObject({ newInvoices: 0, restated: 0 });
    },
  );

  it('counts entries that name no invoice, or one whose month is not known yet, and goes on with the others', async () => {
    const nameless: BillingHistoryEntry = { ...entry('nameless', '3.00'), invoiceUuid: null };
    const history = [entry('unlisted', '2.00'), nameless, entry('listed', '1.00')];
    expect(await record('unlisted', history, [period('listed', '2026-04-01')])).toEqual({
      invoices: 1,
      newInvoices: 1,
      restated: 0,
      unidentified: 2,
    });
    expect(await waiting('unlisted')).toEqual(['listed']);
    const later = [period('listed', '2026-04-01'), period('unlisted', '2026-04-01')];
    expect(await record('unlisted', history, later)).toMatchObject({ newInvoices: 1, unidentified: 1 });
  });

  it('lets discovered, restated and held invoices wait, newest period first, page by page', async () => {
    const provider = 'pages';
    const months = ['2026-01-01', '2026-02-01', '2026-03-01', '2026-04-01'];
    for (const month of months) await ingest(world, bill(provider, `pages-${month}`, month));
    await markRestated(world.em(), provider, 'pages-2026-03-01');
    await holdInvoice(world.em(), {
      provider,
      invoiceUuid: 'pages-2026-01-01',
      error: { code: 'invoice_empty', message: 'the file is empty', context: null },
      difference: null,
      heldVersion: 1,
    });
    await record(provider, [entry('pages-new', '5.00')], [period('pages-new', '2026-02-01')]);

    expect(await waiting(provider)).toEqual(['pages-2026-03-01', 'pages-new', 'pages-2026-01-01']);
    const [first] = await invoicesToIngest(world.em(), { provider, limit: 1, before: null });
    if (first === undefined) throw new Error('nothing waits');
    const rest = await invoicesToIngest(world.em(), { provider, limit: 10, before: first });
    expect([first, ...rest].map(({ invoiceUuid }) => invoiceUuid)).toEqual(await waiting(provider));
  });

  it('checks the ingested invoices of the newest two periods again, and no older one', async () => {
    const provider = 'recent';
    for (const month of ['2026-01-01', '2026-02-01', '2026-03-01']) {
      await ingest(world, bill(provider, `recent-${month}`, month));
    }
    // The ingests of the tests are of 01:00.
    const ingestedBy = (time: string) =>
      recentInvoices(world.em(), provider, new Date(`2026-05-02T${time}Z`));
    const recent = await ingestedBy('01:00:01');
    expect(recent.map(({ invoiceUuid }) => invoiceUuid)).toEqual(['recent-2026-03-01', 'recent-2026-02-01']);
    expect(recent.every(({ checksum }) => /^[0-9a-f]{64}$/.test(checksum))).toBe(true);
    expect(await ingestedBy('01:00:00')).toEqual([]);
  });
});
