import { readFileSync } from 'node:fs';
import { copyFile, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { importFocusFile } from '../../src/importFocusFile.ts';
import { schedulesFor } from '../../src/schedules.ts';
import { listInvoiceVersions, readInvoice } from '../../src/services/listInvoices.ts';
import { reattributeCostLines } from '../../src/services/matchCostLines.ts';
import { recordInventory } from '../../src/services/recordInventory.ts';
import { storeFocusFile } from '../../src/services/storeFocusFile.ts';
import { ensureSchedules } from '../../src/temporalSetup/schedules.ts';
import { workflowIds } from '../../src/workflows/ids.ts';
import type {
  IngestFocusFileResult,
  IngestInvoiceInput,
  IngestInvoiceResult,
  ScanFocusFolderResult,
} from '../../src/workflows/messages.ts';
import { searchAttributes } from '../../src/workflows/searchAttributes.ts';
import { taskQueues } from '../../src/workflows/taskQueues.ts';
import { fileOf, pieces, type Row, rowOf } from '../providers/focus/generatedFile.ts';
import { resource } from '../services/world.ts';
import { testTemporalAddress } from '../support/addresses.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { startTestWorker, type TestWorker } from '../support/worker.ts';

const samplePath = new URL('../../dev/golden/focus/focus_sample_1.0.csv', import.meta.url);
const sample = readFileSync(samplePath);

describe('ingestFocusFile', () => {
  let database: TestDatabase;
  let folder: string;
  let worker: TestWorker;

  beforeAll(async () => {
    database = await createTestDatabase();
    folder = await mkdtemp(path.join(tmpdir(), 'focus-folder-'));
    worker = await startTestWorker({
      appUrl: database.appUrl,
      providers: [],
      namespace: 'ingest-focus-file',
      queues: [taskQueues.billing],
      focusFolder: folder,
    });
  }, 60_000);

  afterAll(async () => {
    await worker?.stop();
    await database?.drop();
    await rm(folder, { recursive: true });
  });

  async function ingest(content: Buffer): Promise<IngestFocusFileResult & { workflowId: string }> {
    const file = await storeFocusFile(
      worker.em(),
      { name: 'file.csv', uploadedBy: 'test', now: new Date(), limit: 1024 ** 3 },
      pieces(content),
    );
    const workflowId = workflowIds.ingestFocusFile(file.sha256);
    const result: IngestFocusFileResult = await worker.client.workflow.execute('ingestFocusFile', {
      workflowId,
      taskQueue: taskQueues.billing,
      args: [{ fileId: file.id }],
    });
    return { ...result, workflowId };
  }
  const ingestRows = (...rows: Row[]) => ingest(fileOf(rows));

  const sums = () =>
    worker.em().execute(
      `select invoice.provider, invoice.period_start::text as period, invoice.version, invoice.ingest_status as status,
         invoice.amount::text as amount, sum(line.billed_cost)::text as lines_total, count(*)::int as lines
       from cloud_invoices invoice
       join cloud_invoice_versions version on version.invoice_id = invoice.id and version.version = invoice.version
       join cloud_cost_lines line on line.version_id = version.id
       where invoice.provider in ('aws', 'microsoft', 'oracle')
       group by invoice.id order by 1, 2`,
    );
  const outcomesOf = (invoiceUuid: string) =>
    worker.em().execute(
      `select line.match_outcome as outcome, line.match_reason as reason, line.provider_resource_id as id, line.line_class as class
       from cloud_cost_lines line join cloud_invoices invoice on invoice.id = line.invoice_id
       join cloud_invoice_versions version on version.id = line.version_id and version.version = invoice.version
       where invoice.invoice_uuid = ? order by line.line_number`,
      [invoiceUuid],
    );
  async function problemOf(workflowId: string): Promise<unknown> {
    const { typedSearchAttributes } = await worker.client.workflow.getHandle(workflowId).describe();
    return typedSearchAttributes.get(searchAttributes.problem);
  }
  async function header(invoiceUuid: string) {
    const row = await readInvoice(worker.em(), invoiceUuid);
    if (row === null) throw new Error(`no invoice ${invoiceUuid}`);
    return row;
  }

  const books = [
    { provider: 'aws', period: '2024-09-01', lines: 942, total: '18.00663861840' },
    { provider: 'microsoft', period: '2024-09-01', lines: 51, total: '1.97651418586' },
    { provider: 'oracle', period: '2024-09-01', lines: 6, total: '0.29707392473' },
    { provider: 'oracle', period: '2024-10-01', lines: 1, total: '0.24000000000' },
  ].map(({ provider, period, lines, total }) => ({
    provider,
    period,
    version: 1,
    status: 'ingested',
    amount: trimmed(total),
    lines_total: trimmed(total),
    lines,
  }));
  function trimmed(decimal: string): string {
    return decimal.replace(/0+$/, '');
  }

  it('puts the real sample into the books, exact to the last decimal', async () => {
    expect(await ingest(sample)).toMatchObject({
      outcome: 'ingested',
      rows: 1000,
      invoices: 4,
      ingested: 4,
      held: 0,
    });
    expect(await sums()).toEqual(books);
    const matched = await worker
      .em()
      .execute(`select distinct line_class as class, match_outcome as outcome, match_reason as reason,
        provider_resource_id is not null as "hasId" from cloud_cost_lines order by 1`);
    expect(matched).toEqual([
      { class: 'credit', outcome: 'credit', reason: 'a credit', hasId: expect.any(Boolean) },
      {
        class: 'resource',
        outcome: 'unmatched',
        reason: 'no resource with the id that the invoice names is known',
        hasId: true,
      },
      {
        class: 'shared',
        outcome: 'shared',
        reason: 'charged to the project or the account, not to one resource',
        hasId: false,
      },
    ]);
  });

  it('ingests the same content nothing twice, under another name and packing too', async () => {
    expect(await ingest(gzipSync(sample))).toMatchObject({ outcome: 'unchanged', ingested: 0 });
    expect(await sums()).toEqual(books);
    const [row] = await worker.em().execute(`select count(*)::int as versions from cloud_invoice_versions`);
    expect(row).toEqual({ versions: 4 });
  });

  it('makes a month that is delivered again with other content a new version, and leaves one that is the same', async () => {
    const kept = rowOf('1.2', { InvoiceId: 'kept' });
    await ingestRows(kept, rowOf('1.2', { InvoiceId: 'restated', BilledCost: '5' }));
    expect(await ingestRows(kept, rowOf('1.2', { InvoiceId: 'restated', BilledCost: '4.75' }))).toMatchObject(
      { ingested: 1, unchanged: 1 },
    );
    const row = await header('restated');
    expect(row).toMatchObject({ version: 2, amount: '4.75', ingestStatus: 'ingested' });
    const versions = await listInvoiceVersions(worker.em(), row.id);
    expect(versions.map((version) => [version.version, version.amount])).toEqual([
      [2, '4.75'],
      [1, '5'],
    ]);
    expect(await header('kept')).toMatchObject({ version: 1 });
  });

  it('refuses a file with faults, says so to the operator, and takes nothing of it', async () => {
    const result = await ingestRows(rowOf('1.2', { InvoiceId: 'faulty', BilledCost: 'free' }));
    expect(result).toMatchObject({
      outcome: 'refused',
      problem: expect.stringContaining('row 2, column BilledCost: "free"'),
    });
    expect(await problemOf(result.workflowId)).toBe('focus_file_refused');
    expect(await readInvoice(worker.em(), 'faulty')).toBeNull();
  });

  it('matches a line by the id of a resource of any kind, and by nothing else', async () => {
    await recordInventory(worker.em(), {
      provider: 'example-cloud-ltd',
      kind: 'database',
      listedAt: new Date('2026-04-01T00:00:00Z'),
      resources: [resource({ kind: 'database', externalId: 'db-7', name: 'ledger' })],
    });
    await ingestRows(
      rowOf('1.4', { InvoiceId: 'matching', ResourceId: 'db-7' }),
      rowOf('1.4', { InvoiceId: 'matching', ResourceId: 'db-8' }),
      rowOf('1.4', { InvoiceId: 'matching', ResourceId: null, ResourceName: 'ledger' }),
    );
    expect(await outcomesOf('matching')).toEqual([
      {
        outcome: 'matched_by_id',
        reason: 'the invoice names the id of this resource',
        id: 'db-7',
        class: 'resource',
      },
      {
        outcome: 'unmatched',
        reason: 'no resource with the id that the invoice names is known',
        id: 'db-8',
        class: 'resource',
      },
      {
        outcome: 'shared',
        reason: 'charged to the project or the account, not to one resource',
        id: null,
        class: 'shared',
      },
    ]);
  });

  it('attributes a stored line once the resource that it names is found', async () => {
    const found = new Date();
    await recordInventory(worker.em(), {
      provider: 'example-cloud-ltd',
      kind: 'volume',
      listedAt: found,
      resources: [resource({ kind: 'volume', externalId: 'db-8', name: 'found later' })],
    });
    const moved = await reattributeCostLines(worker.em(), {
      provider: 'example-cloud-ltd',
      now: new Date(),
      cause: 'test',
    });
    expect(moved).toBe(1);
    expect((await outcomesOf('matching')).map((line) => line['outcome'])).toEqual([
      'matched_by_id',
      'matched_by_id',
      'shared',
    ]);
  });

  it('holds an invoice that its invoice detail disagrees with, and books the difference that an operator accepts', async () => {
    await ingestRows(rowOf('1.4', { InvoiceId: 'detailed', BilledCost: '9.5' }));
    const detail = { InvoiceId: 'detailed', InvoiceIssueStatus: 'Issued' };
    const brought = await ingestRows(rowOf('1.4', { ...detail, BilledCost: '10' }, 'invoice_detail'));
    expect(brought).toMatchObject({ outcome: 'ingested', held: 1 });
    expect(await problemOf(brought.workflowId)).toBe('invoice_held');
    expect(await header('detailed')).toMatchObject({
      ingestStatus: 'held',
      heldDifference: '0.50',
      error: expect.objectContaining({ code: 'lines_disagree' }),
    });

    const accepting: IngestInvoiceInput = {
      provider: 'example-cloud-ltd',
      invoiceUuid: 'detailed',
      acceptedDifference: {
        code: 'lines_disagree',
        stated: '10.00',
        found: '9.50',
        difference: '0.50',
        reason: 'a fee outside of the file',
        actor: 'alice',
      },
    };
    const accepted: IngestInvoiceResult = await worker.client.workflow.execute('ingestInvoice', {
      workflowId: workflowIds.ingestInvoice('example-cloud-ltd', 'detailed'),
      taskQueue: taskQueues.billing,
      args: [accepting],
    });
    expect(accepted).toMatchObject({ outcome: 'ingested', lines: 2, total: '10.00' });
    const again = await ingestRows(rowOf('1.4', { ...detail, BilledCost: '9.5' }, 'invoice_detail'));
    expect(again).toMatchObject({ ingested: 1, held: 0 });
    expect(await header('detailed')).toMatchObject({ ingestStatus: 'ingested', amount: '9.5', version: 3 });
  });

  it('leaves nothing on charges without an invoice id once their invoice has one', async () => {
    const account = { BillingAccountId: 'acme' };
    await ingestRows(rowOf('1.2', { ...account, InvoiceId: null }));
    expect(await header('acme:2026-04')).toMatchObject({ version: 1, lineCount: 1 });
    await ingestRows(rowOf('1.2', { ...account, InvoiceId: 'acme-1' }));
    expect(await header('acme:2026-04')).toMatchObject({
      version: 2,
      lineCount: 0,
      amount: '0',
      ingestStatus: 'ingested',
    });
    expect(await header('acme-1')).toMatchObject({ version: 1, amount: '1.25' });
  });

  it('starts from the command line too, where the content that is known stays one file', async () => {
    const started = await importFocusFile(
      {
        DATABASE_URL: database.appUrl,
        TEMPORAL_ADDRESS: testTemporalAddress(),
        TEMPORAL_NAMESPACE: worker.namespace,
        TEMPORAL_UI_URL: 'http://127.0.0.1',
        FOCUS_FILE_MAX_BYTES: 1e9,
      },
      fileURLToPath(samplePath),
      {},
    );
    expect(started).toMatchObject({ isNew: false });
    const result: IngestFocusFileResult = await worker.client.workflow.getHandle(started.workflowId).result();
    expect(result.outcome).toBe('unchanged');
  });

  describe('scanFocusFolder', () => {
    it('is started each quarter of an hour, only where a folder is watched', async () => {
      const isOurs = ({ id }: { readonly id: string }) => id === 'focus-folder';
      expect(schedulesFor('digitalocean').filter(isOurs)).toEqual([]);
      const watching = schedulesFor('digitalocean', { watchesFocusFolder: true }).filter(isOurs);
      expect(await ensureSchedules(worker.client, watching)).toEqual([
        { id: 'focus-folder', outcome: 'created' },
      ]);
      expect(await ensureSchedules(worker.client, watching)).toEqual([
        { id: 'focus-folder', outcome: 'unchanged' },
      ]);
      const { info } = await worker.client.schedule.getHandle('focus-folder').describe();
      const minutes = info.nextActionTimes.slice(0, 4).map((time) => time.getUTCMinutes());
      expect(minutes.toSorted((one, other) => one - other)).toEqual([5, 20, 35, 50]);
      await worker.client.schedule.getHandle('focus-folder').delete();
    });

    const scan = (): Promise<ScanFocusFolderResult> =>
      worker.client.workflow.execute('scanFocusFolder', {
        workflowId: workflowIds.scanFocusFolder(),
        taskQueue: taskQueues.billing,
        args: [{}],
      });

    it('takes in each finished file once by its content, names the bad ones, and deletes none', async () => {
      await copyFile(samplePath, path.join(folder, 'a-known.csv'));
      await writeFile(
        path.join(folder, 'b-new.csv.gz'),
        gzipSync(fileOf([rowOf('1.2', { InvoiceId: 'from folder' })])),
      );
      await writeFile(path.join(folder, 'c-faulty.csv'), 'a,b\n1,2\n');
      await writeFile(path.join(folder, 'd-broken.csv.gz'), gzipSync(sample).subarray(0, 3000));
      await writeFile(path.join(folder, 'notes.txt'), 'no file of ours');
      expect(await scan()).toEqual({
        files: 4,
        newFiles: 2,
        ingested: 1,
        refused: 1,
        problems: [expect.stringMatching(/^d-broken\.csv\.gz: /)],
      });
      expect(await header('from folder')).toMatchObject({ ingestStatus: 'ingested', version: 1 });
      expect(await scan()).toMatchObject({ files: 4, newFiles: 0 });
    }, 30_000);

    it('leaves a file that is still being written for the next time', async () => {
      const growing = path.join(folder, 'e-growing.csv');
      await writeFile(growing, fileOf([rowOf('1.2', { InvoiceId: 'growing' })]));
      const running = scan();
      const touching = setInterval(() => void utimes(growing, new Date(), new Date()), 500);
      try {
        expect(await running).toMatchObject({ newFiles: 0 });
      } finally {
        clearInterval(touching);
      }
      expect(await scan()).toMatchObject({ newFiles: 1, ingested: 1 });
    }, 30_000);
  });
});
