import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import type pg from 'pg';
import { z } from 'zod';
import type { Decimal } from '../src/domain/money.ts';
import { openBenchDatabase, withClient } from './benchDatabase.ts';
import { fillBooks } from './fillBooks.ts';
import type { IngestReport, IngestTask } from './ingestInvoice.ts';
import { type InvoiceFiles, writeInvoiceFiles } from './invoiceFiles.ts';
import { serverCpuSeconds } from './serverCpu.ts';
import { workerFlags } from './workerFlags.ts';

/**
 * How fast and in how much memory a big invoice is ingested, against PostgreSQL's own COPY of the same rows into the same table.
 *
 *   npm run bench:ingest -- [--lines 1000000] [--resources 50000] [--runs 1] [--explain]
 *
 * Prints one JSON line, and the plan of the store statement on the error output where it is asked for. Brings its own
 * PostgreSQL unless BENCH_DATABASE_URL names a superuser's connection.
 */
const { values: given } = parseArgs({
  options: {
    lines: { type: 'string', default: '1000000' },
    resources: { type: 'string', default: '50000' },
    runs: { type: 'string', default: '1' },
    explain: { type: 'boolean', default: false },
  },
});
const options = z
  .object({
    lines: z.coerce.number().int().positive(),
    resources: z.coerce.number().int().positive(),
    runs: z.coerce.number().int().positive(),
    explain: z.boolean(),
  })
  .parse(given);

const provider = 'digitalocean';
const invoiceUuid = 'bench-invoice';
interface Run {
  readonly ingest: IngestReport;
  readonly seconds: number;
  readonly copySeconds: number;
  readonly copyCpuSeconds: number | null;
  readonly ratio: number;
}

const folder = await mkdtemp(path.join(tmpdir(), 'arcadia-cloud-bench-files-'));
const database = await openBenchDatabase(process.env['BENCH_DATABASE_URL']);
try {
  const files = { csvFile: path.join(folder, 'invoice.csv'), itemsFile: path.join(folder, 'items.jsonl') };
  const amount = await writeInvoiceFiles(options, files);
  const books = { provider, invoiceUuid, resources: options.resources, amount };
  await fillBooks(database.appUrl, books);
  await withClient(database.adminUrl, (admin) => admin.query('vacuum analyze'));
  const runs: Run[] = [];
  for (let run = 0; run < options.runs; run += 1) runs.push(await measure(files, amount));
  console.log(JSON.stringify(await summary(runs, files)));
} finally {
  await database.close();
  await rm(folder, { recursive: true, force: true });
}

/** One ingest into the empty table, then COPY of the rows that it wrote into the same table, empty again. */
async function measure(files: InvoiceFiles, amount: Decimal): Promise<Run> {
  return withClient(database.adminUrl, async (admin) => {
    await admin.query(`truncate cloud_cost_lines, cloud_invoice_versions cascade`);
    await admin.query(`update cloud_invoices set version = 0, ingest_status = 'discovered'`);
    await admin.query('vacuum cloud_cost_line_stage, cloud_invoice_item_stage');
    await admin.query('checkpoint');
    const { explain } = options;
    const task = {
      ...files,
      appUrl: database.appUrl,
      provider,
      invoiceUuid,
      amount: amount.toFixed(),
      explain,
    };
    const ingest = await ingestInOwnProcess(task);
    if (explain) console.error(ingest.plan.join('\n'));
    const seconds = ingest.stageSeconds + ingest.storeSeconds;
    const { copySeconds, copyCpuSeconds } = await copySameRows(admin);
    return { ingest, seconds, copySeconds, copyCpuSeconds, ratio: copySeconds / seconds };
  });
}

async function ingestInOwnProcess(task: IngestTask): Promise<IngestReport> {
  const child: ChildProcess = fork(path.join(import.meta.dirname, 'ingestProcess.ts'), {
    execArgv: [...workerFlags],
  });
  child.send(task);
  const failed = once(child, 'exit').then(([code]) => {
    throw new Error(`the ingest ended with exit code ${code}`);
  });
  const [report] = await Promise.race([once(child, 'message'), failed]);
  failed.catch(() => undefined);
  return report as IngestReport;
}

/** The server writes the stored rows to a file of its own and reads them in again; only the reading is timed. */
async function copySameRows(
  admin: pg.Client,
): Promise<{ copySeconds: number; copyCpuSeconds: number | null }> {
  const { rows } = await admin.query<{ columns: string; folder: string }>(
    `select string_agg(quote_ident(column_name), ', ' order by ordinal_position) as columns, current_setting('data_directory') as folder
     from information_schema.columns where table_name = 'cloud_cost_lines' and column_name <> 'id' and is_generated = 'NEVER'`,
  );
  const columns = rows[0]?.columns ?? '';
  const file = `'${rows[0]?.folder ?? ''}/bench-rows.copy'`;
  await admin.query(`copy (select ${columns} from cloud_cost_lines order by id) to ${file}`);
  await admin.query('truncate cloud_cost_lines cascade');
  await admin.query('checkpoint');
  const cpuBefore = await serverCpuSeconds(admin);
  const began = performance.now();
  await admin.query(`copy cloud_cost_lines (${columns}) from ${file}`);
  const copySeconds = (performance.now() - began) / 1000;
  const cpuAfter = await serverCpuSeconds(admin);
  const copyCpuSeconds = cpuBefore === null || cpuAfter === null ? null : cpuAfter - cpuBefore;
  return { copySeconds, copyCpuSeconds };
}

async function summary(runs: readonly Run[], files: InvoiceFiles): Promise<Record<string, unknown>> {
  const inOrder = runs.toSorted((left, right) => left.ratio - right.ratio);
  const median = inOrder[Math.floor(inOrder.length / 2)];
  if (median === undefined) throw new Error('nothing was measured');
  const { ingest, seconds, copySeconds, copyCpuSeconds, ratio } = median;
  const share = (part: number) => rounded(part / seconds);
  return {
    bench: 'ingest',
    n: options.lines,
    seconds: rounded(seconds),
    per_second: Math.round(options.lines / seconds),
    peak_rss_mb: Math.round(Math.max(...runs.map((run) => run.ingest.peakRssMb))),
    ratio: rounded(ratio),
    ratio_of: 'COPY of the same rows into the same table',
    copy_seconds: rounded(copySeconds),
    copy_per_second: Math.round(options.lines / copySeconds),
    ratios: runs.map((run) => rounded(run.ratio)),
    cpu_ratios: runs.map(cpuRatio),
    cpu_seconds: ingest.cpuSeconds === null ? null : rounded(ingest.cpuSeconds),
    copy_cpu_seconds: copyCpuSeconds === null ? null : rounded(copyCpuSeconds),
    shares: {
      parse: share(ingest.parseSeconds),
      stage: share(ingest.stageSeconds - ingest.parseSeconds),
      store: share(ingest.storeSeconds),
    },
    matched: ingest.matched,
    items_seconds: rounded(ingest.itemsSeconds),
    csv_mb: Math.round((await stat(files.csvFile)).size / 1e6),
    items_mb: Math.round((await stat(files.itemsFile)).size / 1e6),
    node: process.version,
    postgresql: database.settings,
  };
}

/** As the ratio, by processor time: both processes of the ingest together, though they work side by side. */
function cpuRatio({ ingest: { cpuSeconds }, copyCpuSeconds }: Run): number | null {
  return cpuSeconds === null || copyCpuSeconds === null ? null : rounded(copyCpuSeconds / cpuSeconds);
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}
