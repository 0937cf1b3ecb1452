import { fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { parseArgs } from 'node:util';
import type pg from 'pg';
import { z } from 'zod';
import { openBenchDatabase, withClient } from './benchDatabase.ts';
import { fillDriftBooks } from './fillDriftBooks.ts';
import { serverCpuSeconds } from './serverCpu.ts';
import type { SweepReport, SweepsReport } from './sweepDrift.ts';
import { workerFlags } from './workerFlags.ts';

/**
 * How fast a sweep compares resources with what was asked for, against the bare comparison in SQL: a count over the same join, which
 * knows neither loose equality nor prices and writes nothing.
 *
 *   npm run bench:drift -- [--resources 200000] [--doubled]
 *
 * Prints one JSON line. `--doubled` does it again with twice the resources, and says how much longer that took. Brings its own
 * PostgreSQL unless BENCH_DATABASE_URL names a superuser's connection.
 */
const { values: given } = parseArgs({
  options: { resources: { type: 'string', default: '200000' }, doubled: { type: 'boolean', default: false } },
});
const options = z.object({ resources: z.coerce.number().int().min(100), doubled: z.boolean() }).parse(given);

interface Measured extends SweepsReport {
  readonly resources: number;
  readonly sqlSeconds: number;
  /** Null where the server's processor time is unknown. */
  readonly sqlCpuSeconds: number | null;
  readonly settings: Readonly<Record<string, string>>;
}

async function measure(resources: number): Promise<Measured> {
  const database = await openBenchDatabase(process.env['BENCH_DATABASE_URL']);
  try {
    return await withClient(database.adminUrl, async (admin) => {
      await fillDriftBooks(admin, resources);
      const sql = await compareInSql(admin);
      const report = await sweepInOwnProcess(database.appUrl);
      const drifted = Math.floor(resources / 100);
      if (report.first.resources !== resources || report.first.opened !== drifted) {
        throw new Error(
          `of ${resources} resources ${drifted} differ; looked at ${report.first.resources} and found ${report.first.opened}`,
        );
      }
      if (report.second.opened + report.second.changed > 0)
        throw new Error('the second sweep changed something');
      return { ...report, ...sql, resources, settings: database.settings };
    });
  } finally {
    await database.close();
  }
}

/** The second of two runs, as a superuser, whom no policy is checked for. */
async function compareInSql(
  admin: pg.Client,
): Promise<{ readonly sqlSeconds: number; readonly sqlCpuSeconds: number | null }> {
  let [sqlSeconds, sqlCpuSeconds]: [number, number | null] = [0, null];
  for (let run = 0; run < 2; run += 1) {
    const cpuBefore = await serverCpuSeconds(admin);
    const began = performance.now();
    await admin.query(
      `select count(*) from cloud_resources resource
       join cloud_provisioned provisioned on provisioned.resource_id = resource.id
       where resource.gone_at is null and provisioned.withdrawn_at is null and exists (
         select from jsonb_each(provisioned.spec) asked
         where asked.value is distinct from case asked.key
           when 'name' then to_jsonb(resource.name) when 'region' then to_jsonb(resource.region)
           when 'size_slug' then to_jsonb(resource.size_slug) when 'status' then to_jsonb(resource.status)
           when 'tags' then resource.tags else resource.attributes -> asked.key end)`,
    );
    sqlSeconds = (performance.now() - began) / 1000;
    const cpuAfter = await serverCpuSeconds(admin);
    sqlCpuSeconds = cpuBefore === null || cpuAfter === null ? null : cpuAfter - cpuBefore;
  }
  return { sqlSeconds, sqlCpuSeconds };
}

async function sweepInOwnProcess(appUrl: string): Promise<SweepsReport> {
  const child = fork(path.join(import.meta.dirname, 'sweepProcess.ts'), { execArgv: [...workerFlags] });
  child.send(appUrl);
  const failed = once(child, 'exit').then(([code]) => {
    throw new Error(`the sweep ended with exit code ${code}`);
  });
  const [report] = await Promise.race([once(child, 'message'), failed]);
  failed.catch(() => undefined);
  return report as SweepsReport;
}

function summary(one: Measured, two: Measured | undefined): Record<string, unknown> {
  return {
    bench: 'drift',
    n: one.resources,
    ...figures(one, one.first),
    rss_before_mb: Math.round(one.rssBeforeMb),
    peak_rss_mb: Math.round(one.peakRssMb),
    ratio: rounded(one.sqlSeconds / one.first.seconds),
    ratio_of: 'a count over the same join in one SQL statement, by a superuser',
    sql_seconds: rounded(one.sqlSeconds),
    cpu_ratio: quotient(one.sqlCpuSeconds, one.first.cpuSeconds),
    drifted: one.first.opened,
    statements_a_batch: rounded(one.first.statements / one.first.batches),
    longest_batch_seconds: rounded(one.first.longestBatchSeconds),
    second_sweep: {
      ...figures(one, one.second),
      statements_a_batch: rounded(one.second.statements / one.second.batches),
    },
    ...(two === undefined
      ? {}
      : {
          doubled: {
            n: two.resources,
            ...figures(two, two.first),
            times_as_long: rounded(two.first.seconds / one.first.seconds),
            cpu_times_as_long: quotient(two.first.cpuSeconds, one.first.cpuSeconds),
            second_times_as_long: rounded(two.second.seconds / one.second.seconds),
            second_cpu_times_as_long: quotient(two.second.cpuSeconds, one.second.cpuSeconds),
            ratio: rounded(two.sqlSeconds / two.first.seconds),
            cpu_ratio: quotient(two.sqlCpuSeconds, two.first.cpuSeconds),
            rss_before_mb: Math.round(two.rssBeforeMb),
            peak_rss_mb: Math.round(two.peakRssMb),
            statements_a_batch: rounded(two.first.statements / two.first.batches),
            longest_batch_seconds: rounded(two.first.longestBatchSeconds),
          },
        }),
    node: process.version,
    postgresql: one.settings,
  };
}

function figures({ resources }: Measured, { seconds, cpuSeconds }: SweepReport) {
  return {
    seconds: rounded(seconds),
    per_second: Math.round(resources / seconds),
    cpu_seconds: cpuSeconds === null ? null : rounded(cpuSeconds),
  };
}

/** By processor time other work on the machine disturbs a comparison less. */
function quotient(left: number | null, right: number | null): number | null {
  return left === null || right === null ? null : rounded(left / right);
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}

const single = await measure(options.resources);
const twice = options.doubled ? await measure(2 * options.resources) : undefined;
console.log(JSON.stringify(summary(single, twice)));
