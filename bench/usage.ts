import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import autocannon from 'autocannon';
import type pg from 'pg';
import { z } from 'zod';
import { openBenchDatabase, withClient } from './benchDatabase.ts';
import { serverCpuSeconds } from './serverCpu.ts';
import { deployments, usageBody } from './usageBodies.ts';
import { startApiServer, startBareServer, type UsageServer } from './usageServers.ts';

/**
 * How many LLM usage events a second the API takes in, over HTTP, with all checks, each answered after its commit, against a bare
 * Koa handler with one INSERT a request.
 *
 *   npm run bench:usage -- [--seconds 5] [--runs 7] [--connections 64] [--batch 100] [--batch-connections 64]
 *
 * Prints one JSON line, with the median of the runs; a run measures every side once. This process is the client; each server has its
 * own, and both have the same PostgreSQL. Brings its own PostgreSQL unless BENCH_DATABASE_URL names a superuser's connection.
 */
const { values: given } = parseArgs({
  options: {
    seconds: { type: 'string', default: '5' },
    runs: { type: 'string', default: '7' },
    connections: { type: 'string', default: '64' },
    batch: { type: 'string', default: '100' },
    'batch-connections': { type: 'string', default: '64' },
  },
});
const count = z.coerce.number().int().positive();
const options = z
  .object({
    seconds: count,
    runs: count,
    connections: count,
    batch: count.max(1_000),
    'batch-connections': count,
  })
  .parse(given);

/** Each server answers so many single events before anything is measured: Node compiles what runs often. */
const warmUpRequests = 10_000;
const leadSeconds = 1;
/** Linux tells a process's time in hundredths of a second. */
const ticksPerSecond = 100;

interface Side {
  readonly perSecond: number;
  readonly events: number;
  readonly p50: number;
  readonly p99: number;
  /** Microseconds of processor time an event, of the Node process and of PostgreSQL; null without /proc. */
  readonly nodeCpu: number | null;
  readonly postgresqlCpu: number | null;
}

interface Run {
  readonly insertEach: Side;
  readonly single: Side;
  readonly batch: Side;
}

const folder = await mkdtemp(path.join(tmpdir(), 'arcadia-cloud-bench-usage-'));
const database = await openBenchDatabase(process.env['BENCH_DATABASE_URL']);
const servers: UsageServer[] = [];
try {
  await withClient(database.adminUrl, fillBooks);
  const bare = await startBareServer(folder, database.appUrl);
  servers.push(bare);
  const api = await startApiServer(folder, database.appUrl);
  servers.push(api);
  const runs: Run[] = [];
  for (const server of servers)
    await fire(server, 1, { connections: options.connections, amount: warmUpRequests });
  await withClient(database.adminUrl, async (admin) => {
    for (let run = 0; run < options.runs; run += 1) {
      const insertEach = await measure(admin, bare, 'bench_usage_events', 1, options.connections);
      const single = await measure(admin, api, 'llm_usage_events', 1, options.connections);
      const batch = await measure(
        admin,
        api,
        'llm_usage_events',
        options.batch,
        options['batch-connections'],
      );
      runs.push({ insertEach, single, batch });
      console.error(
        `run ${run + 1}: insert each ${insertEach.perSecond}/s, single ${single.perSecond}/s, batch ${batch.perSecond}/s`,
      );
    }
  });
  console.log(JSON.stringify(await summary(runs, api)));
} finally {
  for (const { program } of servers) await program.stop();
  await database.close();
  await rm(folder, { recursive: true, force: true });
}

/** Deployments to be found, and the reference's table: the same columns and indexes, and no policy. */
async function fillBooks(admin: pg.Client): Promise<void> {
  await admin.query(
    `insert into cloud_deployments (id, tenant_id, slug, display_name, created_at, updated_at)
     select id, tenant_id, tenant_id, tenant_id, now(), now() from jsonb_to_recordset($1::jsonb) as d (id uuid, tenant_id text)`,
    [JSON.stringify(deployments.map(({ id, tenantId }) => ({ id, tenant_id: tenantId })))],
  );
  await admin.query(`create table bench_usage_events (like llm_usage_events including all)`);
  await admin.query('grant select, insert on bench_usage_events to arcadia_app');
  await admin.query('grant usage on all sequences in schema public to arcadia_app');
}

/**
 * One side under load, into its empty table. What was answered must be there, but for two requests a connection: what was under way at
 * the start is stored and not counted, so is what is under way at the end, and autocannon's connections all begin with the same request.
 */
async function measure(
  admin: pg.Client,
  server: UsageServer,
  table: string,
  size: number,
  connections: number,
): Promise<Side> {
  await admin.query(`truncate ${table}`);
  await admin.query('vacuum analyze cloud_deployments');
  await admin.query('checkpoint');
  await fire(server, size, { connections, duration: leadSeconds });
  const stored = async () =>
    Number((await admin.query(`select count(*) as rows from ${table}`)).rows[0]?.rows);
  const [before, nodeBefore, postgresqlBefore] = [
    await stored(),
    await cpuOf(server),
    await serverCpuSeconds(admin),
  ];
  const result = await fire(server, size, { connections, duration: options.seconds });
  const [nodeAfter, postgresqlAfter] = [await cpuOf(server), await serverCpuSeconds(admin)];
  const events = result['2xx'] * size;
  const rows = (await stored()) - before;
  if (result.errors > 0 || result.non2xx > 0)
    throw new Error(`${result.errors} errors, answers by status: ${JSON.stringify(result.statusCodeStats)}`);
  if (Math.abs(rows - events) > 2 * connections * size) {
    throw new Error(`${events} events were answered and ${rows} are stored`);
  }
  const perEvent = (from: number | null, to: number | null) =>
    from === null || to === null ? null : Math.round(((to - from) * 1e6) / rows);
  return {
    perSecond: Math.round(events / result.duration),
    events,
    p50: result.latency.p50,
    p99: result.latency.p99,
    nodeCpu: perEvent(nodeBefore, nodeAfter),
    postgresqlCpu: perEvent(postgresqlBefore, postgresqlAfter),
  };
}

function fire(
  server: UsageServer,
  size: number,
  load: Pick<autocannon.Options, 'connections' | 'duration' | 'amount'>,
): Promise<autocannon.Result> {
  const headers = { 'content-type': 'application/json', ...server.headers };
  const setupRequest = (request: autocannon.Request): autocannon.Request => ({
    ...request,
    body: usageBody(size),
  });
  return autocannon({
    ...load,
    url: server.url,
    timeout: 60,
    requests: [{ method: 'POST', headers, setupRequest }],
  });
}

/** Seconds of processor time that the server's process has used so far. */
async function cpuOf({ program }: UsageServer): Promise<number | null> {
  const text = await readFile(`/proc/${program.pid}/stat`, 'utf8').catch(() => undefined);
  if (text === undefined) return null;
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

async function peakRssMb({ program }: UsageServer): Promise<number | null> {
  const text = await readFile(`/proc/${program.pid}/status`, 'utf8').catch(() => '');
  const kilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(text)?.[1];
  return kilobytes === undefined ? null : Math.round(Number(kilobytes) / 1024);
}

async function summary(runs: readonly Run[], api: UsageServer): Promise<Record<string, unknown>> {
  const ratioOf = (run: Run) => run.single.perSecond / run.insertEach.perSecond;
  const batchRatioOf = (run: Run) => run.batch.perSecond / run.insertEach.perSecond;
  const inOrder = runs.toSorted((left, right) => ratioOf(left) - ratioOf(right));
  const median = inOrder[Math.floor(inOrder.length / 2)];
  if (median === undefined) throw new Error('nothing was measured');
  const batchRatios = runs.map(batchRatioOf).toSorted((left, right) => left - right);
  return {
    bench: 'usage',
    n: median.single.events,
    seconds: options.seconds,
    per_second: median.single.perSecond,
    peak_rss_mb: await peakRssMb(api),
    ratio: rounded(ratioOf(median)),
    ratio_of: 'a bare Koa handler with one INSERT a request',
    ratios: runs.map((run) => rounded(ratioOf(run))),
    batch: options.batch,
    batch_per_second: runs.map((run) => run.batch.perSecond).toSorted((left, right) => left - right)[
      Math.floor(runs.length / 2)
    ],
    batch_ratio: rounded(batchRatios[Math.floor(batchRatios.length / 2)] ?? 0),
    batch_ratios: runs.map((run) => rounded(batchRatioOf(run))),
    connections: { single: options.connections, batch: options['batch-connections'] },
    sides: runs.map((run) => ({
      insert_each: figuresOf(run.insertEach),
      single: figuresOf(run.single),
      batch: figuresOf(run.batch),
    })),
    node: process.version,
    postgresql: database.settings,
  };
}

function figuresOf(side: Side) {
  return {
    per_second: side.perSecond,
    p50_ms: side.p50,
    p99_ms: side.p99,
    cpu_us_an_event: { node: side.nodeCpu, postgresql: side.postgresqlCpu },
  };
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}
