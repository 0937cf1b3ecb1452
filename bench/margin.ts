import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { runningPeriod } from '../src/services/margin/liveAccrual.ts';
import { openBenchDatabase, withClient } from './benchDatabase.ts';
import { fillMarginBooks, type MarginBooks } from './marginBooks.ts';
import { type MarginTimes, measureMargin, type RouteTimes, type WholeTimes } from './measureMargin.ts';
import { startApi } from './usageServers.ts';

/**
 * How long the margin of a month, its trend over a year and the live accrual take over HTTP, against the bare sums of the same rows in
 * SQL, which know no owner, currency, rounding or price.
 *
 *   npm run bench:margin -- [--deployments 100000] [--doubled] [--connections 8] [--requests 40] [--statements]
 *
 * Prints one JSON line. `--doubled` does it again with twice the deployments, and says how much longer that took; `--statements` names
 * the statements that took PostgreSQL longest, on standard error. Brings its own PostgreSQL; the API runs as `npm run server` runs it, in a
 * process of its own, and this one is its client.
 */
const { values: given } = parseArgs({
  options: {
    deployments: { type: 'string', default: '100000' },
    connections: { type: 'string', default: '8' },
    requests: { type: 'string', default: '40' },
    doubled: { type: 'boolean', default: false },
    statements: { type: 'boolean', default: false },
  },
});
const count = z.coerce.number().int().positive();
const options = z
  .object({
    deployments: count.min(200),
    connections: count,
    requests: count,
    doubled: z.boolean(),
    statements: z.boolean(),
  })
  .parse(given);

interface Measured extends MarginTimes {
  readonly books: MarginBooks;
  readonly fillSeconds: number;
  readonly settings: Readonly<Record<string, string>>;
}

async function measure(deployments: number): Promise<Measured> {
  const folder = await mkdtemp(path.join(tmpdir(), 'arcadia-cloud-bench-margin-'));
  const database = await openBenchDatabase(undefined, {
    shared_preload_libraries: 'pg_stat_statements',
    'pg_stat_statements.track': 'top',
  });
  const stop: (() => Promise<void>)[] = [
    () => database.close(),
    () => rm(folder, { recursive: true, force: true }),
  ];
  try {
    return await withClient(database.adminUrl, async (admin) => {
      await admin.query('create extension pg_stat_statements');
      const running = runningPeriod(new Date());
      const began = performance.now();
      const filled = await fillMarginBooks(admin, running, deployments);
      const fillSeconds = (performance.now() - began) / 1000;
      console.error(`filled in ${rounded(fillSeconds)} s: ${JSON.stringify(filled)}`);
      const api = await startApi(folder, database.appUrl);
      stop.unshift(() => api.program.stop());
      const times = await measureMargin(api, admin, { running, filled }, options, console.error);
      if (options.statements) await listStatements(admin);
      return { ...times, books: filled, fillSeconds, settings: database.settings };
    });
  } finally {
    for (const part of stop) await part();
  }
}

/** What took PostgreSQL longest. */
async function listStatements(admin: {
  query: (text: string) => Promise<{ rows: Record<string, string>[] }>;
}): Promise<void> {
  const { rows } = await admin.query(
    `select round(total_exec_time)::text as ms, calls::text, rows::text, left(regexp_replace(query, '\\s+', ' ', 'g'), 140) as statement
     from pg_stat_statements where userid = 'arcadia_app'::regrole order by total_exec_time desc limit 25`,
  );
  for (const row of rows)
    console.error(`${row['ms']} ms, ${row['calls']} calls, ${row['rows']} rows: ${row['statement']}`);
}

function summary(one: Measured, two: Measured | undefined): Record<string, unknown> {
  return {
    bench: 'margin',
    n: one.books.deployments,
    books: one.books,
    fill_seconds: rounded(one.fillSeconds),
    connections: options.connections,
    requests: options.requests,
    ...figures(one),
    ratio_of: 'the bare sums of the same cost and invoice lines of the month in SQL, by a superuser',
    year_ratio_of: 'the same of twelve months',
    accrual_ratio_of: 'the bare sums of usage and gateway charges by deployment in SQL, by a superuser',
    ...(two === undefined
      ? {}
      : { doubled: { n: two.books.deployments, ...figures(two), times_as_long: timesAsLong(one, two) } }),
    node: process.version,
    postgresql: one.settings,
  };
}

function figures(one: Measured): Record<string, unknown> {
  const { routes, accrual, running, books } = one;
  return {
    seconds: rounded(accrual.seconds),
    per_second: Math.round(books.deployments / accrual.seconds),
    peak_rss_mb: Math.round(Math.max(one.routesPeakRssMb, accrual.peakRssMb, running.peakRssMb)),
    ratio: ratioTo(one.sqlMonthSeconds, routes['margin']?.alone),
    year_ratio: ratioTo(one.sqlYearSeconds, routes['trend']?.alone),
    accrual_ratio: ratioTo(one.sqlUsageSeconds, accrual.seconds),
    sql_month_seconds: rounded(one.sqlMonthSeconds),
    sql_year_seconds: rounded(one.sqlYearSeconds),
    sql_usage_seconds: rounded(one.sqlUsageSeconds),
    routes: Object.fromEntries(Object.entries(routes).map(([name, times]) => [name, routeFigures(times)])),
    routes_peak_rss_mb: Math.round(one.routesPeakRssMb),
    accrual: {
      ...wholeFigures(accrual),
      pages: accrual.pages,
      statements_first_page: accrual.statementsFirstPage,
      statements_last_page: accrual.statementsLastPage,
    },
    running_margin: wholeFigures(running),
  };
}

const routeFigures = ({ alone, aloneCpu, p50, p95, statements }: RouteTimes) => ({
  alone_seconds: rounded(alone),
  alone_cpu_seconds: aloneCpu === null ? null : rounded(aloneCpu),
  p50_seconds: rounded(p50),
  p95_seconds: rounded(p95),
  statements,
});

const wholeFigures = ({ seconds, postgresqlCpuSeconds, apiCpuSeconds, peakRssMb }: WholeTimes) => ({
  seconds: rounded(seconds),
  postgresql_cpu_seconds: postgresqlCpuSeconds === null ? null : rounded(postgresqlCpuSeconds),
  api_cpu_seconds: rounded(apiCpuSeconds),
  peak_rss_mb: Math.round(peakRssMb),
});

function timesAsLong(one: Measured, two: Measured): Record<string, number> {
  const whole = Object.entries(one.routes).filter(([name]) => name !== 'own_accrual');
  return {
    ...Object.fromEntries(
      whole.flatMap(([name, { alone, aloneCpu }]) => [
        [name, ratioTo(two.routes[name]?.alone, alone)],
        [`${name}_cpu`, ratioTo(two.routes[name]?.aloneCpu ?? undefined, aloneCpu ?? undefined)],
      ]),
    ),
    accrual: ratioTo(two.accrual.seconds, one.accrual.seconds),
    running_margin: ratioTo(two.running.seconds, one.running.seconds),
  };
}

function ratioTo(left: number | undefined, right: number | undefined): number {
  return rounded((left ?? Number.NaN) / (right ?? Number.NaN));
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}

const once = await measure(options.deployments);
const twice = options.doubled ? await measure(2 * options.deployments) : undefined;
console.log(JSON.stringify(summary(once, twice)));
