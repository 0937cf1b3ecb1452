import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { Client, Connection } from '@temporalio/client';
import type pg from 'pg';
import { z } from 'zod';
import { freePort } from '../dev/stack/ports.ts';
import { type Program, startProgram } from '../dev/stack/program.ts';
import { startTemporal } from '../dev/stack/temporal.ts';
import { workflowIds } from '../src/workflows/ids.ts';
import type { rollUpPeriod } from '../src/workflows/index.ts';
import { searchAttributeTypes } from '../src/workflows/searchAttributes.ts';
import { taskQueues } from '../src/workflows/taskQueues.ts';
import { openBenchDatabase, withClient } from './benchDatabase.ts';
import { processFigures, resetPeak } from './processFigures.ts';
import { fillRollUpBooks, period } from './rollupBooks.ts';
import { serverCpuSeconds } from './serverCpu.ts';
import { workerFlags } from './workerFlags.ts';

/**
 * How fast a month is rolled up by the real workflow, worker and servers, against PostgreSQL's own COPY of the same rows into the same
 * tables.
 *
 *   npm run bench:rollup -- [--tenants 10000] [--doubled] [--statements]
 *
 * Prints one JSON line. `--doubled` does it again with twice the tenants, and says how much longer that took; `--statements` names the
 * statements that took PostgreSQL longest, on standard error. Brings a PostgreSQL and a
 * Temporal of its own. The run is timed from its start to its end: worklist, invoices, and the check of all of them. Not in it: metering,
 * and the issue of the drafts, whose grace time is not over.
 */
const { values: given } = parseArgs({
  options: {
    tenants: { type: 'string', default: '10000' },
    doubled: { type: 'boolean', default: false },
    statements: { type: 'boolean', default: false },
  },
});
const options = z
  .object({ tenants: z.coerce.number().int().positive(), doubled: z.boolean(), statements: z.boolean() })
  .parse(given);

const projectFolder = path.resolve(import.meta.dirname, '..');

interface Measured {
  readonly tenants: number;
  readonly seconds: number;
  readonly draftSeconds: number;
  readonly checkSeconds: number;
  readonly copySeconds: number;
  readonly copyCpuSeconds: number;
  readonly statementsABatch: number;
  /** Of the worker before the run: it has bundled the workflows by then. */
  readonly rssBeforeMb: number;
  readonly peakRssMb: number;
  readonly longestHistory: number;
  readonly workerCpuSeconds: number;
  readonly postgresqlCpuSeconds: number;
  readonly temporalCpuSeconds: number;
  readonly rows: Readonly<Record<string, number>>;
  readonly settings: Readonly<Record<string, string>>;
}

async function measure(tenants: number): Promise<Measured> {
  const folder = await mkdtemp(path.join(tmpdir(), 'arcadia-cloud-bench-rollup-'));
  const database = await openBenchDatabase(undefined, {
    shared_preload_libraries: 'pg_stat_statements',
    'pg_stat_statements.track': 'top',
    'pg_stat_statements.track_planning': 'on',
  });
  const stop: (() => Promise<void>)[] = [
    () => database.close(),
    () => rm(folder, { recursive: true, force: true }),
  ];
  try {
    const runFolder = path.join(folder, 'run');
    await withClient(database.adminUrl, async (admin) => {
      await admin.query('create extension pg_stat_statements');
      await fillRollUpBooks(admin, tenants);
    });
    const temporal = await startTemporal({
      port: await freePort(),
      dbFile: path.join(folder, 'temporal.db'),
      searchAttributes: searchAttributeTypes,
      logFile: path.join(folder, 'temporal.log'),
      runFolder,
    });
    stop.unshift(() => temporal.stop());
    const worker = await startWorker(folder, database.appUrl, temporal.address);
    stop.unshift(() => worker.stop());
    return await withClient(database.adminUrl, async (admin) => {
      const cpuSeconds = async () => ({
        worker: (await processFigures(worker.pid)).cpuSeconds,
        temporal: (await processFigures(temporal.pid)).cpuSeconds,
        postgresql: (await serverCpuSeconds(admin)) ?? Number.NaN,
      });
      let rssBeforeMb = 0;
      let before = { worker: 0, temporal: 0, postgresql: 0 };
      const run = await rollUp(temporal.address, async () => {
        await admin.query('select pg_stat_statements_reset()');
        // Bundling takes more memory than working: the peak is that of the run.
        await resetPeak(worker.pid);
        rssBeforeMb = (await processFigures(worker.pid)).peakRssMb;
        before = await cpuSeconds();
      });
      const after = await cpuSeconds();
      const measured = {
        tenants,
        ...(await databaseFigures(admin)),
        rssBeforeMb,
        peakRssMb: (await processFigures(worker.pid)).peakRssMb,
        // Bundling took some before the run.
        workerCpuSeconds: after.worker - before.worker,
        temporalCpuSeconds: after.temporal - before.temporal,
        postgresqlCpuSeconds: after.postgresql - before.postgresql,
        ...run,
      };
      if (options.statements) await listStatements(admin);
      await worker.stop();
      return { ...measured, ...(await copySameRows(admin)), settings: database.settings };
    });
  } finally {
    for (const part of stop) await part();
  }
}

function startWorker(folder: string, databaseUrl: string, temporalAddress: string): Promise<Program> {
  return startProgram({
    name: 'worker',
    command: process.execPath,
    args: [...workerFlags, path.join(projectFolder, 'src', 'worker.ts')],
    cwd: projectFolder,
    env: {
      PATH: process.env['PATH'],
      DATABASE_URL: databaseUrl,
      TEMPORAL_ADDRESS: temporalAddress,
      WORKER_METRICS_PORT: '0',
      DIGITALOCEAN_TOKEN: 'unused',
      INVOICE_GRACE_HOURS: '9999',
    },
    logFile: path.join(folder, 'worker.log'),
    runFolder: path.join(folder, 'run'),
    stopWithinMs: 45_000,
  });
}

/** @param onWarm called once the worker works, before the run that is measured */
async function rollUp(
  address: string,
  onWarm: () => Promise<void>,
): Promise<{ seconds: number; longestHistory: number }> {
  const connection = await Connection.connect({ address });
  try {
    const client = new Client({ connection });
    // The worker bundles the workflows before it polls: a first run, of a month without tenants, waits for that.
    await execute(client, '2020-01-01');
    await onWarm();
    const began = performance.now();
    const result = await execute(client, period);
    const seconds = (performance.now() - began) / 1000;
    if (result.failed > 0) throw new Error(`${result.failed} tenants failed`);
    let longestHistory = 0;
    for await (const { historyLength } of client.workflow.list()) {
      longestHistory = Math.max(longestHistory, historyLength);
    }
    return { seconds, longestHistory };
  } finally {
    await connection.close();
  }
}

const execute = (client: Client, month: string) =>
  client.workflow.execute<typeof rollUpPeriod>('rollUpPeriod', {
    workflowId: workflowIds.rollUpPeriod(month),
    taskQueue: taskQueues.billing,
    args: [{ period: month }],
  });

async function databaseFigures(admin: pg.Client) {
  const {
    rows: [figures],
  } = await admin.query<Record<string, number>>(
    `with batch as (
       select calls from pg_stat_statements where query like '%insert into tenant_invoice_inputs%' and userid = 'arcadia_app'::regrole
     ), statement as (
       select calls from pg_stat_statements where userid = 'arcadia_app'::regrole
     )
     select (select sum(round(statement.calls::numeric / batch.calls)) from statement, batch
        where statement.calls >= batch.calls)::float8 as statements,
       extract(epoch from (select max(updated_at) from rollup_worklist) - ledger.started_at)::float8 as draft_seconds,
       extract(epoch from ledger.rolled_up_at - (select max(updated_at) from rollup_worklist))::float8 as check_seconds
     from period_ledger ledger where period_start = '${period}'`,
  );
  return {
    statementsABatch: figures?.['statements'] ?? 0,
    draftSeconds: figures?.['draft_seconds'] ?? 0,
    checkSeconds: figures?.['check_seconds'] ?? 0,
  };
}

/** What took PostgreSQL longest, with how often it was planned and run. */
async function listStatements(admin: pg.Client): Promise<void> {
  const { rows } = await admin.query<Record<string, string>>(
    `select round(total_plan_time)::text as plan_ms, round(total_exec_time)::text as run_ms, calls::text, rows::text,
       left(regexp_replace(query, '\\s+', ' ', 'g'), 100) as statement
     from pg_stat_statements where userid = 'arcadia_app'::regrole order by total_plan_time + total_exec_time desc limit 25`,
  );
  for (const row of rows) {
    console.error(
      `planned ${row['plan_ms']} ms, ran ${row['run_ms']} ms, ${row['calls']} calls, ${row['rows']} rows: ${row['statement']}`,
    );
  }
}

const copied = ['tenant_invoices', 'tenant_invoice_lines', 'tenant_invoice_inputs'] as const;

/** The server writes the invoices to files of its own and reads them in again, indexes and triggers as they are; only the reading is timed. */
async function copySameRows(
  admin: pg.Client,
): Promise<{ copySeconds: number; copyCpuSeconds: number; rows: Record<string, number> }> {
  const {
    rows: [data],
  } = await admin.query<{ folder: string }>(`select current_setting('data_directory') as folder`);
  const fileOf = (table: string) => `'${data?.folder}/bench-${table}.copy'`;
  for (const table of copied) await admin.query(`copy ${table} to ${fileOf(table)}`);
  // Tables that refer to invoices refuse to be emptied, be they empty or not.
  await admin.query('set session_replication_role = replica');
  await admin.query(`truncate ${copied.join(', ')} cascade`);
  await admin.query('set session_replication_role = origin');
  await admin.query('checkpoint');
  const rows: Record<string, number> = {};
  const cpuSeconds = async () => (await serverCpuSeconds(admin)) ?? Number.NaN;
  const cpuBefore = await cpuSeconds();
  const began = performance.now();
  for (const table of copied) {
    rows[table] = (await admin.query(`copy ${table} from ${fileOf(table)}`)).rowCount ?? 0;
  }
  const copySeconds = (performance.now() - began) / 1000;
  return { copySeconds, copyCpuSeconds: (await cpuSeconds()) - cpuBefore, rows };
}

function summary(one: Measured, two: Measured | undefined): Record<string, unknown> {
  return {
    bench: 'rollup',
    n: one.tenants,
    seconds: rounded(one.seconds),
    per_second: Math.round(one.tenants / one.seconds),
    rss_before_mb: Math.round(one.rssBeforeMb),
    peak_rss_mb: Math.round(one.peakRssMb),
    ratio: rounded(one.copySeconds / one.seconds),
    ratio_of: 'COPY of the same invoices, lines and inputs into the same tables',
    copy_seconds: rounded(one.copySeconds),
    copy_cpu_seconds: rounded(one.copyCpuSeconds),
    copy_per_second: Math.round(one.tenants / one.copySeconds),
    draft_seconds: rounded(one.draftSeconds),
    draft_ratio: rounded(one.copySeconds / one.draftSeconds),
    check_seconds: rounded(one.checkSeconds),
    statements_a_batch: one.statementsABatch,
    longest_history: one.longestHistory,
    worker_cpu_seconds: rounded(one.workerCpuSeconds),
    postgresql_cpu_seconds: rounded(one.postgresqlCpuSeconds),
    temporal_cpu_seconds: rounded(one.temporalCpuSeconds),
    postgresql_share: rounded(
      one.postgresqlCpuSeconds / (one.postgresqlCpuSeconds + one.workerCpuSeconds + one.temporalCpuSeconds),
    ),
    bound_by: boundBy(one),
    rows: one.rows,
    ...(two === undefined
      ? {}
      : {
          doubled: {
            n: two.tenants,
            seconds: rounded(two.seconds),
            times_as_long: rounded(two.seconds / one.seconds),
            ratio: rounded(two.copySeconds / two.seconds),
            rss_before_mb: Math.round(two.rssBeforeMb),
            peak_rss_mb: Math.round(two.peakRssMb),
            longest_history: two.longestHistory,
          },
        }),
    node: process.version,
    postgresql: one.settings,
  };
}

/** Where the time of all cores went; what is left over was waited for the disk and for each other, or went to whatever else ran. */
function boundBy({ seconds, workerCpuSeconds, postgresqlCpuSeconds, temporalCpuSeconds }: Measured): string {
  const cores = availableParallelism();
  const share = (part: number) => `${Math.round((100 * part) / (cores * seconds))}%`;
  return `of ${cores} cores: PostgreSQL ${share(postgresqlCpuSeconds)}, worker ${share(workerCpuSeconds)}, Temporal ${share(temporalCpuSeconds)}`;
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}

const once = await measure(options.tenants);
const twice = options.doubled ? await measure(2 * options.tenants) : undefined;
console.log(JSON.stringify(summary(once, twice)));
