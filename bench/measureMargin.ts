import autocannon from 'autocannon';
import type pg from 'pg';
import { z } from 'zod';
import { type Period, shiftPeriod } from '../src/domain/period.ts';
import { type MarginBooks, months } from './marginBooks.ts';
import { processFigures, resetPeak } from './processFigures.ts';
import { serverCpuSeconds } from './serverCpu.ts';
import type { ApiServer } from './usageServers.ts';

/** How long one route takes; seconds. */
export interface RouteTimes {
  /** The median of some requests one after the other. */
  readonly alone: number;
  /** Processor time of PostgreSQL and the API for one of those; null where PostgreSQL runs elsewhere. */
  readonly aloneCpu: number | null;
  /** Under load. */
  readonly p50: number;
  readonly p95: number;
  /** Statements of one request; null where the server does not count them. */
  readonly statements: number | null;
}

/** Something over all deployments, once; times in seconds. */
export interface WholeTimes {
  readonly seconds: number;
  /** Processor time of PostgreSQL, null where it runs elsewhere, and of the API. */
  readonly postgresqlCpuSeconds: number | null;
  readonly apiCpuSeconds: number;
  readonly peakRssMb: number;
}

export interface MarginTimes {
  /** By name: `margin`, `by_kind`, `trend`, `closure`, `own_accrual`. */
  readonly routes: Readonly<Record<string, RouteTimes>>;
  /** Of the API after all of them. */
  readonly routesPeakRssMb: number;
  /** Every page of the accrual of all deployments, one after the other. */
  readonly accrual: WholeTimes & {
    readonly pages: number;
    readonly statementsFirstPage: number | null;
    readonly statementsLastPage: number | null;
  };
  /** The margin of the running month, whose revenue is that accrual. */
  readonly running: WholeTimes;
  /** The bare sums of the same rows in SQL, by a superuser: of a month, of a year, and of the running month's usage. */
  readonly sqlMonthSeconds: number;
  readonly sqlYearSeconds: number;
  readonly sqlUsageSeconds: number;
}

export interface Load {
  readonly connections: number;
  /** Requests of each route under load. */
  readonly requests: number;
}

const aloneRequests = 3;
const largestPage = 200;
const timeoutSeconds = 120;

const figure = z.object({ cents: z.number() });
const totals = z.array(z.object({ currency: z.string(), amount: z.string() }));
const summaryAnswer = z.object({
  overall: z.object({ revenue: figure, cogs: figure }),
  sources: z.object({ cogs: totals, revenue: totals }),
  tenants: z.object({
    items: z.array(z.object({ tenant_id: z.string() })),
    next_cursor: z.string().nullable(),
  }),
});
const trendAnswer = z.object({ points: z.array(z.object({ overall: z.object({ revenue: figure }) })) });
const closureAnswer = z.object({ closes: z.boolean() });
const accrualAnswer = z.object({
  items: z.array(
    z.object({
      currency: z.string(),
      total_cents: z.number(),
      deployments: z.array(z.object({ total_cents: z.number() })),
    }),
  ),
  next_cursor: z.string().nullable(),
});

/**
 * Asks a running API for the margins of books that were filled, and compares what it says with sums in SQL.
 * @param tell is told each figure as it is known
 * @throws Error where an answer is not 200, or says something else
 */
export async function measureMargin(
  api: ApiServer,
  admin: pg.Client,
  books: { readonly running: Period; readonly filled: MarginBooks },
  load: Load,
  tell: (progress: string) => void = () => undefined,
): Promise<MarginTimes> {
  const { running, filled } = books;
  const [first, last] = [shiftPeriod(running, -months), shiftPeriod(running, -1)];
  const platform = api.headersOf({ role: 'platform_viewer' });
  const summaryPath = `/api/v1/dashboard/margin?period=${last}&limit=${largestPage}`;
  const page = summaryAnswer.parse(await get(api, summaryPath, platform));
  await assertSums(admin, last, page);
  const nextPage = page.tenants.next_cursor === null ? '' : `&cursor=${page.tenants.next_cursor}`;
  const trendPath = `/api/v1/dashboard/trend?from=${first}&to=${last}`;
  if (trendAnswer.parse(await get(api, trendPath, platform)).points.length !== months)
    throw new Error('the trend has holes');
  const closurePath = `/api/v1/dashboard/closure?period=${last}`;
  if (!closureAnswer.parse(await get(api, closurePath, platform)).closes)
    throw new Error('the books do not close');
  const one = (path: string, headers = platform) => ({ path, headers });
  const wanted: Readonly<
    Record<string, readonly { path: string; headers: Readonly<Record<string, string>> }[]>
  > = {
    margin: [one(summaryPath), one(`${summaryPath}${nextPage}`)],
    by_kind: [one(`/api/v1/dashboard/by-kind?period=${last}`)],
    trend: [one(trendPath)],
    closure: [one(closurePath)],
    own_accrual: page.tenants.items.map(({ tenant_id }) =>
      one('/api/v1/accrual', api.headersOf({ role: 'tenant', tenant_id })),
    ),
  };
  await resetPeak(api.program.pid);
  const routes: Record<string, RouteTimes> = {};
  for (const [name, requests] of Object.entries(wanted)) {
    routes[name] = await timesOf(api, admin, requests, load);
    tell(`${name}: ${JSON.stringify(routes[name])}`);
  }
  const routesPeakRssMb = (await processFigures(api.program.pid)).peakRssMb;
  const walked = await walkAccrual(api, admin, filled.deployments);
  tell(`accrual: ${JSON.stringify(walked)}`);
  await resetPeak(api.program.pid);
  const { result, ...runningTimes } = await whole(api, admin, () =>
    get(api, `/api/v1/dashboard/margin?period=${running}&limit=${largestPage}`, platform),
  );
  const accrued = summaryAnswer.parse(result).sources.revenue.find(({ currency }) => currency === 'AUD');
  if (Number(accrued?.amount) !== walked.audCents / 100) {
    throw new Error(
      `the running month's margin says ${accrued?.amount} AUD, its accrual ${walked.audCents / 100}`,
    );
  }
  const { audCents: _, ...accrual } = walked;
  return {
    routes,
    routesPeakRssMb,
    accrual,
    running: runningTimes,
    sqlMonthSeconds: await secondOf(admin, bareSums, [last, last]),
    sqlYearSeconds: await secondOf(admin, bareSums, [first, last]),
    sqlUsageSeconds: await secondOf(admin, bareUsage, [running]),
  };
}

/** The same rows without any owner: what was charged and what was invoiced. */
const bareSums = `
  select (select sum(line.billed_cost) from cloud_invoices invoice join cloud_cost_lines line on line.invoice_id = invoice.id
      where invoice.period_start between $1 and $2) as charged,
    (select sum(line.amount_cents) from tenant_invoices invoice join tenant_invoice_lines line on line.invoice_id = invoice.id
      where invoice.period_start between $1 and $2) as invoiced`;

/** The same usage and gateway charges by deployment, without any price. */
const bareUsage = `
  select (select count(*) from (select deployment_id, resource_kind, sum(quantity) from metered_usage where day >= $1::date group by 1, 2) used),
    (select count(*) from (select deployment_id, sum(charge) from llm_usage_events where occurred_at >= $1::date group by 1) charged)`;

/** The second of two runs. */
async function secondOf(admin: pg.Client, sql: string, parameters: readonly string[]): Promise<number> {
  await admin.query(sql, [...parameters]);
  const began = performance.now();
  await admin.query(sql, [...parameters]);
  return (performance.now() - began) / 1000;
}

/** What the summary says in the providers' currencies is what their invoices say, and what it says in the tenants' what theirs do. */
async function assertSums(
  admin: pg.Client,
  period: Period,
  page: z.infer<typeof summaryAnswer>,
): Promise<void> {
  const { rows } = await admin.query<{ side: 'cogs' | 'revenue'; currency: string; amount: string }>(
    `select 'cogs' as side, currency, sum(amount)::text as amount from cloud_invoices where period_start = $1 group by currency
     union all
     select 'revenue', invoice.currency, (sum(subtotal_cents - coalesce(note.cents, 0)) / 100)::text
     from tenant_invoices invoice
     left join (select invoice_id, sum(subtotal_cents) as cents from credit_notes group by invoice_id) note on note.invoice_id = invoice.id
     where period_start = $1 and status <> 'void' group by invoice.currency`,
    [period],
  );
  for (const { side, currency, amount } of rows) {
    const said = page.sources[side].find((total) => total.currency === currency)?.amount;
    if (Number(said) !== Number(amount))
      throw new Error(`${side} of ${period} is ${amount} ${currency}, the summary says ${said}`);
  }
}

async function timesOf(
  api: ApiServer,
  admin: pg.Client,
  requests: readonly { readonly path: string; readonly headers: Readonly<Record<string, string>> }[],
  load: Load,
): Promise<RouteTimes> {
  const [some] = requests;
  if (some === undefined) throw new Error('nothing to ask for');
  await get(api, some.path, some.headers);
  const statements = await counted(admin, () => get(api, some.path, some.headers));
  const alone: number[] = [];
  const { postgresqlCpuSeconds, apiCpuSeconds } = await whole(api, admin, async () => {
    for (let index = 0; index < aloneRequests; index += 1) {
      const began = performance.now();
      await get(api, some.path, some.headers);
      alone.push((performance.now() - began) / 1000);
    }
  });
  const underLoad = await fire(api, requests, load);
  return {
    alone: quantile(alone, 0.5),
    aloneCpu: postgresqlCpuSeconds === null ? null : (postgresqlCpuSeconds + apiCpuSeconds) / aloneRequests,
    p50: quantile(underLoad, 0.5),
    p95: quantile(underLoad, 0.95),
    statements: statements.count,
  };
}

/** Seconds of each request, of some connections that each send the next one as soon as they have an answer. */
async function fire(
  api: ApiServer,
  requests: readonly { readonly path: string; readonly headers: Readonly<Record<string, string>> }[],
  { connections, requests: amount }: Load,
): Promise<number[]> {
  const seconds: number[] = [];
  const result = await new Promise<autocannon.Result>((resolve, reject) => {
    const run = autocannon(
      {
        url: api.address,
        connections,
        amount,
        timeout: timeoutSeconds,
        requests: requests.map(({ path, headers }) => ({ method: 'GET', path, headers: { ...headers } })),
      },
      (error, done) => (error === null || error === undefined ? resolve(done) : reject(error)),
    );
    run.on('response', (_client, _status, _bytes, milliseconds) => seconds.push(milliseconds / 1000));
  });
  if (result.errors > 0 || result.non2xx > 0) {
    throw new Error(`${result.errors} errors, answers by status: ${JSON.stringify(result.statusCodeStats)}`);
  }
  return seconds;
}

/** Walks all pages as a client would. @throws Error where a deployment is missing */
async function walkAccrual(api: ApiServer, admin: pg.Client, deployments: number) {
  const headers = api.headersOf({ role: 'platform_viewer' });
  let [pages, found, audCents] = [0, 0, 0];
  const statements: (number | null)[] = [];
  await resetPeak(api.program.pid);
  const { result: _, ...times } = await whole(api, admin, async () => {
    let cursor: string | null = null;
    do {
      const path: string = `/api/v1/dashboard/accrual?limit=${largestPage}${cursor === null ? '' : `&cursor=${cursor}`}`;
      const { result, count } = await counted(admin, () => get(api, path, headers));
      const answer = accrualAnswer.parse(result);
      statements.push(count);
      pages += 1;
      for (const { currency, total_cents: cents, deployments: own } of answer.items) {
        found += own.length;
        if (currency === 'AUD') audCents += cents;
      }
      cursor = answer.next_cursor;
    } while (cursor !== null);
  });
  if (found !== deployments) throw new Error(`${found} of ${deployments} deployments have an accrual`);
  const [firstPage = null] = statements;
  return {
    ...times,
    pages,
    audCents,
    statementsFirstPage: firstPage,
    statementsLastPage: statements.at(-1) ?? null,
  };
}

async function whole<Result>(
  api: ApiServer,
  admin: pg.Client,
  work: () => Promise<Result>,
): Promise<WholeTimes & { readonly result: Result }> {
  const { pid } = api.program;
  const [serverBefore, apiBefore] = [await serverCpuSeconds(admin), await processFigures(pid)];
  const began = performance.now();
  const result = await work();
  const seconds = (performance.now() - began) / 1000;
  const [serverAfter, apiAfter] = [await serverCpuSeconds(admin), await processFigures(pid)];
  return {
    result,
    seconds,
    postgresqlCpuSeconds: serverBefore === null || serverAfter === null ? null : serverAfter - serverBefore,
    apiCpuSeconds: apiAfter.cpuSeconds - apiBefore.cpuSeconds,
    peakRssMb: apiAfter.peakRssMb,
  };
}

/** How many statements the application sent meanwhile, transactions' begin and end included. */
async function counted<Result>(
  admin: pg.Client,
  work: () => Promise<Result>,
): Promise<{ readonly result: Result; readonly count: number | null }> {
  const before = await statementsSoFar(admin);
  const result = await work();
  const after = await statementsSoFar(admin);
  return { result, count: before === null || after === null ? null : after - before };
}

async function statementsSoFar(admin: pg.Client): Promise<number | null> {
  const { rows } = await admin.query<{ here: boolean }>(
    `select to_regclass('pg_stat_statements') is not null as here`,
  );
  if (rows[0]?.here !== true) return null;
  const sum = `select coalesce(sum(calls), 0)::int as calls from pg_stat_statements where userid = 'arcadia_app'::regrole`;
  return (await admin.query<{ calls: number }>(sum)).rows[0]?.calls ?? null;
}

async function get(
  api: ApiServer,
  path: string,
  headers: Readonly<Record<string, string>>,
): Promise<unknown> {
  const response = await fetch(`${api.address}${path}`, {
    headers,
    signal: AbortSignal.timeout(timeoutSeconds * 1000),
  });
  if (response.status !== 200)
    throw new Error(`${path} answered ${response.status}: ${await response.text()}`);
  return response.json();
}

/** The smallest value that so many of them do not exceed. */
function quantile(values: readonly number[], share: number): number {
  const inOrder = values.toSorted((left, right) => left - right);
  return inOrder[Math.max(0, Math.ceil(share * inOrder.length) - 1)] ?? Number.NaN;
}
