import { readFileSync } from 'node:fs';
import { buffer, text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { MikroORM } from '@mikro-orm/postgresql';
import { parse } from 'csv-parse/sync';
import { type FocusAllocation, type FocusVersion, focusVersions } from '../../src/domain/focusColumns.ts';
import { Decimal } from '../../src/domain/money.ts';
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
import { writeDeployment } from './invoiceWorld.ts';
import { discover, ingest as ingestBill, resource, sync } from './world.ts';

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

type Row = Readonly<Record<string, string>>;

describe('an account whose resource moved, exported by owners and brought again', () => {
  const period = '2026-04-01';
  let books: Books;
  let deployment: string;
  beforeAll(async () => {
    books = await openBooks();
    const em = () => forSession(books.orm, systemSession);
    const world = { em, pool: await books.orm.em.getConnection().getNativeClient(), close: async () => {} };
    const provider = 'digitalocean';
    deployment = await writeDeployment(em(), 'acme');
    await sync(world, {
      provider,
      at: '2026-04-01T00:00:00Z',
      resources: [resource({ externalId: '1', name: 'one' })],
    });
    await em().execute(
      `insert into cloud_resource_memberships (resource_id, deployment_id, starts_at, ends_at)
       select id, ?, '2026-04-11T00:00:00Z', null from cloud_resources where external_id = '1'`,
      [deployment],
    );
    const bill = {
      provider,
      invoiceUuid: '51b1cfdf-c111-5299-b335-61d3481261aa',
      period,
      charges: [
        { name: 'one', id: '1', amount: '10.00' },
        { name: null, kind: null, lineClass: 'tax', amount: '1.00' },
        { name: null, kind: null, lineClass: 'credit', amount: '-0.50' },
      ],
    } as const;
    await ingestBill(world, bill);
    await discover(world, { ...bill, amount: '11.25' });
  }, 60_000);
  afterAll(() => closeBooks(books));

  const csvOf = async ({ orm }: Books, version: FocusVersion, allocation: FocusAllocation) =>
    text(
      (await exportFocus(orm, { period, version, allocation, format: 'csv', actor: systemSession, now }))
        .content,
    );
  const rowsOf = (csv: string) => parse<Row>(csv, { columns: true });
  const told = (rows: readonly Row[], ...names: readonly string[]) =>
    rows.map((row) => names.map((name) => row[name]));
  const totalOf = (rows: readonly Row[]) =>
    rows.reduce((total, row) => total.plus(row['BilledCost'] ?? 0), new Decimal(0)).toFixed();

  it.each(focusVersions)(
    'keeps each row and its sum, and beside the owners that the new books know it keeps those of the old (%s)',
    async (version) => {
      const first = await csvOf(books, version, 'owners');
      const rows = rowsOf(first);
      expect([totalOf(rows), told(rows, 'BilledCost', 'x_TenantId', 'x_AllocationReason')]).toEqual([
        '11.25',
        [
          ['6.67', 'acme', 'matched_by_id'],
          ['3.33', '', 'no_tenant'],
          ['1.00', '', 'tax'],
          ['-0.50', '', 'credit'],
          ['0.75', '', 'restated'],
        ],
      ]);
      const second = await openBooks();
      const third = await openBooks();
      try {
        await ingest(second, Buffer.from(first));
        // As billed, the file says again what it said; columns that have nothing in them are gone.
        const asBilled = rowsOf(await csvOf(second, version, 'none'));
        const filled = Object.keys(asBilled[0] ?? {});
        expect(filled).toEqual(expect.arrayContaining(['x_TenantId', 'x_DeploymentId', 'x_AllocationShare']));
        expect(told(asBilled, ...filled)).toEqual(told(rows, ...filled));

        const again = await csvOf(second, version, 'owners');
        const ours = rowsOf(again);
        expect(totalOf(ours)).toBe('11.25');
        expect(told(ours, 'x_TenantId', 'x_AllocationBucket', 'x_AllocationShare')).toEqual([
          ['', 'unattributed', '1.0'],
          ['', 'unattributed', '1.0'],
          ['', 'tax', '1.0'],
          ['', 'credit', '1.0'],
          ['', 'shared', '1.0'],
        ]);
        expect(told(ours, 'x_IngestedTenantId', 'x_IngestedDeploymentId')).toEqual(
          told(rows, 'x_TenantId', 'x_DeploymentId'),
        );
        const focus = filled.filter((name) => !name.startsWith('x_'));
        expect(told(ours, ...focus)).toEqual(told(rows, ...focus));

        await ingest(third, Buffer.from(again));
        const last = rowsOf(await csvOf(third, version, 'owners'));
        expect(last).toEqual(ours);
      } finally {
        await closeBooks(second);
        await closeBooks(third);
      }
    },
    120_000,
  );
});
