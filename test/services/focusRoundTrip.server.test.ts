import { readFileSync } from 'node:fs';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { MikroORM } from '@mikro-orm/postgresql';
import { focusVersions } from '../../src/domain/focusColumns.ts';
import { startOrm } from '../../src/orm.ts';
import { createFocusSource } from '../../src/providers/focus/source.ts';
import { exportFocus } from '../../src/services/exportFocus.ts';
import { findInvoice } from '../../src/services/findInvoice.ts';
import { focusInvoiceFinder } from '../../src/services/focusInvoices.ts';
import { stageInvoiceItems, stageInvoiceLines } from '../../src/services/stageInvoice.ts';
import { storeFocusFile } from '../../src/services/storeFocusFile.ts';
import { storeInvoice } from '../../src/services/storeInvoice.ts';
import { invoicesOfFocusFile, takeInFocusFile } from '../../src/services/takeInFocusFile.ts';
import { forSession, systemSession } from '../../src/session.ts';
import { pieces } from '../providers/focus/generatedFile.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

const sample = readFileSync(new URL('../../dev/golden/focus/focus_sample_1.0.csv', import.meta.url));
const now = new Date('2026-05-02T00:00:00Z');

interface Books {
  readonly orm: MikroORM;
  readonly database: TestDatabase;
}

async function openBooks(): Promise<Books> {
  const database = await createTestDatabase();
  return { database, orm: await startOrm({ url: database.appUrl, poolSize: 5 }) };
}

async function closeBooks(books: Books | undefined): Promise<void> {
  await books?.orm.close(true);
  await books?.database.drop();
}

/** Takes a file in and stores each of its invoices, as the workflows do. */
async function ingest({ orm }: Books, content: Buffer): Promise<void> {
  const em = () => forSession(orm, systemSession);
  const pool = await orm.em.getConnection().getNativeClient();
  const named = { name: 'file.csv', uploadedBy: 'test', now, limit: 1e9 };
  const { id } = await storeFocusFile(em(), named, pieces(content));
  const taken = await takeInFocusFile(em(), { fileId: id, now, ownApis: new Set(), onProgress: () => {} });
  expect(taken).toMatchObject({ outcome: 'taken', problem: null });
  for (const invoice of await invoicesOfFocusFile(em(), { fileId: id, after: null, limit: 100 })) {
    const { provider, invoiceUuid } = invoice;
    const source = createFocusSource(provider, focusInvoiceFinder(em()));
    const { amount } = await findInvoice(em(), invoice);
    await storeInvoice(em(), {
      stated: amount,
      provider,
      invoiceUuid,
      stageId: invoice.id,
      staged: await stageInvoiceLines(pool, invoice.id, source.invoiceLines(invoiceUuid), () => {}),
      stagedItems: await stageInvoiceItems(pool, invoice.id, source.invoiceItems(invoiceUuid), () => {}),
      now,
      accepted: null,
    });
    expect((await findInvoice(em(), invoice)).current).not.toBeNull();
  }
}

const linesOf = ({ orm }: Books) =>
  forSession(orm, systemSession).execute(
    `select invoice.provider, invoice.invoice_uuid, invoice.amount::text as amount, line.line_number, line.product,
       line.group_description, line.description, line.charge_start, line.charge_end, trim_scale(line.billed_cost)::text as cost,
       line.currency, line.category, line.line_class, line.provider_resource_id, line.match_outcome,
       line.extra ->> 'Tags' as tags, line.extra ->> 'ConsumedQuantity' as quantity
     from cloud_cost_lines line join cloud_invoices invoice on invoice.id = line.invoice_id
     where line.period_start = '2024-09-01'
     order by invoice.provider, invoice.invoice_uuid, line.line_number`,
  );

describe('the real sample, exported and brought again', () => {
  let books: Books;
  beforeAll(async () => {
    books = await openBooks();
    await ingest(books, sample);
  }, 60_000);
  afterAll(() => closeBooks(books));

  it.each(focusVersions)(
    'gives the same lines by FOCUS %s',
    async (version) => {
      const exported = await exportFocus(books.orm, {
        period: '2024-09-01',
        version,
        format: 'csv.gz',
        actor: systemSession,
        now,
      });
      const others = await openBooks();
      try {
        await ingest(others, await buffer(exported.content));
        const lines = await linesOf(others);
        expect(lines).toHaveLength(999);
        expect(lines).toEqual(await linesOf(books));
      } finally {
        await closeBooks(others);
      }
    },
    60_000,
  );
});
