import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createFocusSource } from '../../src/providers/focus/source.ts';
import { focusInvoiceFinder } from '../../src/services/focusInvoices.ts';
import { readInvoice } from '../../src/services/listInvoices.ts';
import { readFocusContent, storeFocusFile } from '../../src/services/storeFocusFile.ts';
import {
  invoicesOfFocusFile,
  type TakenInFile,
  takeInFocusFile,
} from '../../src/services/takeInFocusFile.ts';
import { fileOf, pieces, type Row, rowOf } from '../providers/focus/generatedFile.ts';
import { openWorld, type World } from './world.ts';

const sample = readFileSync(new URL('../../dev/golden/focus/focus_sample_1.0.csv', import.meta.url));
const now = new Date('2026-05-02T00:00:00Z');

describe('a FOCUS file', () => {
  let world: World;
  beforeAll(async () => {
    world = await openWorld();
  });
  afterAll(async () => {
    await world?.close();
  });

  const store = (content: Buffer, limit = 1024 ** 3, name = 'a.csv') =>
    storeFocusFile(world.em(), { name, uploadedBy: 'test', now, limit }, pieces(content));

  function takeIn(fileId: string, ownApis: readonly string[] = []): Promise<TakenInFile> {
    const progress: number[] = [];
    return takeInFocusFile(world.em(), {
      fileId,
      now,
      ownApis: new Set(ownApis),
      onProgress: (rows) => progress.push(rows),
    });
  }
  async function bring(
    rows: readonly Row[],
    ownApis: readonly string[] = [],
  ): Promise<TakenInFile & { id: string }> {
    const { id } = await store(fileOf(rows));
    return { id, ...(await takeIn(id, ownApis)) };
  }
  const countOf = async (table: string) => {
    const [row] = await world.em().execute<{ rows: number }[]>(`select count(*)::int as rows from ${table}`);
    return row?.rows;
  };
  const fileRow = async (id: string) => {
    const [row] = await world
      .em()
      .execute(`select status, version, dataset, providers, notes, error from focus_files where id = ?`, [
        id,
      ]);
    return row;
  };
  async function chargesOf(provider: string, invoiceUuid: string) {
    const charges: string[] = [];
    const source = createFocusSource(provider, focusInvoiceFinder(world.em()));
    for await (const batch of source.invoiceLines(invoiceUuid)) {
      charges.push(
        ...batch.map((line) => `${line.lineNumber} ${line.description} ${line.billedCost.toFixed()}`),
      );
    }
    return charges;
  }

  it('is kept and read back as it was, plain or gzip, in pieces of any size', async () => {
    const { id, sha256, isNew } = await store(sample);
    expect(isNew).toBe(true);
    const read: Uint8Array[] = [];
    for await (const chunk of readFocusContent(world.em(), id)) read.push(chunk);
    expect(Buffer.concat(read).equals(sample)).toBe(true);
    expect(await store(gzipSync(sample))).toEqual({ id, sha256, isNew: false });
    const parts = [gzipSync(sample.subarray(0, 1000)), gzipSync(sample.subarray(1000))];
    expect(await store(Buffer.concat(parts))).toEqual({ id, sha256, isNew: false });
    expect(await countOf('focus_files')).toBe(1);
  });

  it('is stored once where it comes twice at the same time', async () => {
    const content = fileOf([rowOf('1.2', { InvoiceId: 'at once' })]);
    const both = await Promise.all([store(content), store(content)]);
    expect(both.map((file) => file.isNew).toSorted()).toEqual([false, true]);
    expect(new Set(both.map((file) => file.id)).size).toBe(1);
  });

  it('that is too large, unpacked, or breaks off leaves nothing', async () => {
    const before = [await countOf('focus_files'), await countOf('focus_file_chunks')];
    const bomb = gzipSync(Buffer.alloc(5_000_000, 'a'));
    await expect(store(bomb, 1_000_000)).rejects.toMatchObject({ code: 'focus_file_too_large' });
    await expect(store(gzipSync(sample).subarray(0, 5000))).rejects.toMatchObject({
      code: 'focus_file_unreadable',
    });
    await expect(
      storeFocusFile(world.em(), { name: 'b', uploadedBy: 'test', now, limit: 1e9 }, brokenOff()),
    ).rejects.toThrow('the connection broke');
    expect([await countOf('focus_files'), await countOf('focus_file_chunks')]).toEqual(before);
  });

  async function* brokenOff(): AsyncGenerator<Buffer> {
    yield sample.subarray(0, 2_000);
    throw new Error('the connection broke');
  }

  it('with faults is refused whole: rows and columns are named, and nothing of it is there', async () => {
    const taken = await bring([
      rowOf('1.2', { InvoiceId: 'refused' }),
      rowOf('1.2', { InvoiceId: 'refused', BilledCost: 'free' }),
      rowOf('1.2', { InvoiceId: 'refused', BillingCurrency: '€' }),
    ]);
    expect(taken).toMatchObject({
      outcome: 'refused',
      problem: expect.stringContaining('row 3, column BilledCost'),
    });
    expect(await fileRow(taken.id)).toMatchObject({
      status: 'refused',
      error: {
        code: 'focus_file_refused',
        context: {
          faults: [
            { row: 3, column: 'BilledCost', value: 'free', allowed: expect.any(String) },
            { row: 4, column: 'BillingCurrency', value: '€', allowed: expect.any(String) },
          ],
        },
      },
    });
    expect(await readInvoice(world.em(), 'refused')).toBeNull();
    expect(await countOf(`focus_invoice_parts where invoice_uuid = 'refused'`)).toBe(0);
    expect(await countOf(`focus_invoices where invoice_uuid = 'refused'`)).toBe(0);
  });

  it('of a provider whose own API is read is refused: its charges would count twice', async () => {
    const taken = await bring([rowOf('1.2', { InvoiceIssuerName: 'DigitalOcean' })], ['digitalocean']);
    expect(taken.outcome).toBe('refused');
    expect(await readInvoice(world.em(), 'INV-1')).toBeNull();
  });

  it('makes a header for each invoice, and keeps the charges of each apart in their order', async () => {
    const rows = ['A', 'B', 'A', 'B', 'A'].map((invoice, index) =>
      rowOf('1.3', {
        InvoiceId: `many ${invoice}`,
        ChargeDescription: `charge ${index}`,
        BilledCost: `0.${index}1`,
      }),
    );
    const taken = await bring(rows);
    expect(taken).toMatchObject({ outcome: 'taken', version: '1.3', rows: 5, invoices: 2 });
    expect(await chargesOf('example-cloud-ltd', 'many A')).toEqual([
      '1 charge 0 0.01',
      '2 charge 2 0.21',
      '3 charge 4 0.41',
    ]);
    expect(await chargesOf('example-cloud-ltd', 'many B')).toEqual(['1 charge 1 0.11', '2 charge 3 0.31']);
    expect(await readInvoice(world.em(), 'many A')).toMatchObject({
      provider: 'example-cloud-ltd',
      amount: '0.63',
      currency: 'USD',
      periodStart: '2026-04-01',
      ingestStatus: 'discovered',
      issuedAt: new Date('2026-05-01T00:00:00Z'),
    });
    const invoices = await invoicesOfFocusFile(world.em(), { fileId: taken.id, after: null, limit: 10 });
    expect(invoices.map((invoice) => invoice.invoiceUuid).toSorted()).toEqual(['many A', 'many B']);
  });

  it('that says something else of an invoice replaces its charges; month and currency it may not change', async () => {
    await bring([rowOf('1.2', { InvoiceId: 'again', BilledCost: '1' })]);
    await bring([rowOf('1.2', { InvoiceId: 'again', BilledCost: '2' })]);
    expect(await chargesOf('example-cloud-ltd', 'again')).toHaveLength(1);
    expect(await readInvoice(world.em(), 'again')).toMatchObject({ amount: '2' });
    expect(await countOf(`focus_invoice_parts where invoice_uuid = 'again'`)).toBe(1);
    const other = await bring([rowOf('1.2', { InvoiceId: 'again', BillingCurrency: 'EUR' })]);
    expect(other).toMatchObject({ outcome: 'refused', problem: expect.stringContaining('BillingCurrency') });
  });

  it('whose charges have their invoice id now takes the place of those that came without one', async () => {
    const account = { BillingAccountId: 'late-id' };
    await bring([rowOf('1.2', { ...account, InvoiceId: null })]);
    expect(await readInvoice(world.em(), 'late-id:2026-04')).toMatchObject({
      amount: '1.25',
      invoiceNumber: null,
    });
    const taken = await bring([rowOf('1.2', { ...account, InvoiceId: 'late' })]);
    expect(await readInvoice(world.em(), 'late-id:2026-04')).toMatchObject({ amount: '0' });
    expect(await chargesOf('example-cloud-ltd', 'late-id:2026-04')).toEqual([]);
    expect(await readInvoice(world.em(), 'late')).toMatchObject({ amount: '1.25', invoiceNumber: 'late' });
    const invoices = await invoicesOfFocusFile(world.em(), { fileId: taken.id, after: null, limit: 10 });
    expect(invoices.map((invoice) => invoice.invoiceUuid).toSorted()).toEqual(['late', 'late-id:2026-04']);
  });

  describe('of invoice detail', () => {
    const detail = (changes: Row) => rowOf('1.4', changes, 'invoice_detail');
    const open = { InvoiceIssueStatus: 'Issued', InvoiceIssueDate: '2026-05-03T00:00:00Z' };

    it('states what is payable, whether it comes before or after the charges', async () => {
      await bring([rowOf('1.4', { InvoiceId: 'before', BilledCost: '9.996' })]);
      const taken = await bring([
        detail({ ...open, InvoiceId: 'before', BilledCost: '12' }),
        detail({ ...open, InvoiceId: 'before', BilledCost: '-2', ChargeCategory: 'Credit' }),
        detail({ ...open, InvoiceId: 'after', BilledCost: '7' }),
      ]);
      expect(taken).toMatchObject({
        outcome: 'taken',
        dataset: 'invoice_detail',
        version: '1.4',
        invoices: 2,
      });
      expect(await readInvoice(world.em(), 'before')).toMatchObject({ amount: '10' });
      expect(await readInvoice(world.em(), 'after')).toMatchObject({
        amount: '7',
        issuedAt: new Date('2026-05-03T00:00:00Z'),
      });
      const waiting = await invoicesOfFocusFile(world.em(), { fileId: taken.id, after: null, limit: 10 });
      expect(waiting.map((invoice) => invoice.invoiceUuid)).toEqual(['before']);
      await bring([rowOf('1.4', { InvoiceId: 'after', BilledCost: '6' })]);
      expect(await readInvoice(world.em(), 'after')).toMatchObject({ amount: '7' });
    });

    it('that was voided asks for nothing', async () => {
      await bring([detail({ InvoiceIssueStatus: 'Voided', InvoiceId: 'voided', BilledCost: '12' })]);
      expect(await readInvoice(world.em(), 'voided')).toMatchObject({ amount: '0' });
    });

    it('is refused where one invoice has two currencies, or another one than its charges', async () => {
      const mixed = await bring([
        detail({ ...open, InvoiceId: 'mixed' }),
        detail({ ...open, InvoiceId: 'mixed', BillingCurrency: 'EUR' }),
      ]);
      expect(mixed).toMatchObject({
        outcome: 'refused',
        problem: expect.stringContaining('row 3, column BillingCurrency'),
      });
      await bring([rowOf('1.4', { InvoiceId: 'in dollars' })]);
      const other = await bring([detail({ ...open, InvoiceId: 'in dollars', BillingCurrency: 'EUR' })]);
      expect(other.outcome).toBe('refused');
    });
  });

  it('of billing periods says which are closed, and the last one counts', async () => {
    const period = (status: string) =>
      rowOf('1.4', { BillingPeriodStatus: status, InvoiceIssuerName: 'Example Cloud Ltd' }, 'billing_period');
    expect(await bring([{ ...period('Open'), BillingPeriodEnd: '2026-05-01T00:00:00Z' }])).toMatchObject({
      outcome: 'taken',
      dataset: 'billing_period',
    });
    await bring([{ ...period('Closed'), BillingPeriodEnd: '2026-05-01T00:00:00Z' }]);
    expect(await world.em().execute(`select provider, issuer, status from focus_billing_periods`)).toEqual([
      { provider: 'example-cloud-ltd', issuer: 'Example Cloud Ltd', status: 'Closed' },
    ]);
  });
});
