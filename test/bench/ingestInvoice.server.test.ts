import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { fillBooks } from '../../bench/fillBooks.ts';
import { ingestFromFiles } from '../../bench/ingestInvoice.ts';
import { writeInvoiceFiles } from '../../bench/invoiceFiles.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

describe('the ingest of the benchmark', () => {
  let database: TestDatabase;
  let folder: string;
  beforeAll(async () => {
    database = await createTestDatabase();
    folder = await mkdtemp(path.join(tmpdir(), 'arcadia-cloud-bench-test-'));
  });
  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
    await database?.drop();
  });

  it('stores every line, matches the four fifths that are listed, and shows the plan where it is asked for', async () => {
    const files = { csvFile: path.join(folder, 'invoice.csv'), itemsFile: path.join(folder, 'items.jsonl') };
    const amount = await writeInvoiceFiles({ lines: 2_000, resources: 300 }, files);
    const invoice = { provider: 'digitalocean', invoiceUuid: 'bench-invoice' };
    await fillBooks(database.appUrl, { ...invoice, resources: 300, amount });
    const report = await ingestFromFiles({
      ...files,
      ...invoice,
      appUrl: database.appUrl,
      amount: amount.toFixed(),
      explain: true,
    });
    expect(report).toMatchObject({ lines: 2_000, matched: 1_600 });
    expect(report.plan.join('\n')).toMatch(/^Insert on cloud_cost_lines/);
  });
});
