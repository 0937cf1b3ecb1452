import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readdir, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { z } from 'zod';
import { connectionUrl } from '../../dev/stack/databaseRoles.ts';
import { freePort } from '../../dev/stack/ports.ts';
import { startPostgres } from '../../dev/stack/postgres.ts';
import { processStartTime } from '../../dev/stack/processIdentity.ts';

const root = path.resolve(import.meta.dirname, '..', '..');
const dataFolder = path.join(tmpdir(), `arcadia-cloud-start-${randomUUID()}`);
const portVariables = [
  'API_PORT',
  'METRICS_PORT',
  'WORKER_METRICS_PORT',
  'POSTGRES_PORT',
  'TEMPORAL_PORT',
  'TEMPORAL_UI_PORT',
  'SIMULATOR_PORT',
  'FINANCE_PORT',
] as const;
const STOPPED_WITHIN_MS = 60_000;

const golden = z.object({
  discovery: z.object({ invoices: z.int() }),
  ingest: z.object({ lines: z.int(), total_usd: z.string(), matched: z.int() }),
  focus: z.array(z.json()),
  pilot_margin: z.object({
    total_cents: z.int(),
    revenue_cents: z.int(),
    cogs: z.string(),
    margin: z.string(),
    margin_pct: z.string(),
    overall_cogs: z.string(),
    overall_margin: z.string(),
  }),
  rollup_studio_storage: z.object({
    subtotal: z.int(),
    tax: z.int(),
    total: z.int(),
    addon_description: z.string(),
    lines: z.record(z.string(), z.int()),
  }),
});
/** The pilot's May has 31 days; dev/golden/digitalocean/README.md. */
const pilotMayCents = 7955;
const secretsFile = z.object({
  jwtSecret: z.string(),
  ownerPassword: z.string(),
  appPassword: z.string(),
  simulatorToken: z.string(),
  financeWebhookSecret: z.string(),
  gatewayWebhookSecret: z.string(),
  encryptionKey: z.string(),
});
const invoiceList = z.object({ invoices: z.array(z.object({ invoice_uuid: z.string() })) });
const runRecord = z.object({ pid: z.int(), startedAt: z.string() });

const centsOf = (amount: string) => Number(amount.replace('.', ''));

interface Run {
  readonly exitCode: number | null;
  readonly stdout: string;
  /** Both streams, in the order in which their parts came. */
  readonly output: string;
  /** Every program that the run started, as its run folder noted them. */
  readonly programs: readonly z.infer<typeof runRecord>[];
}

/** `npm start -- --once --json` without its set-up, in a folder and on ports of this test alone. */
async function start(options: {
  readonly ports: Readonly<Record<string, string>>;
  /** Done once stderr says that the journey's first step has begun. */
  readonly duringJourney?: (child: ChildProcess) => unknown;
}): Promise<Run> {
  const child = spawn(process.execPath, ['dev/start.ts', '--once', '--json'], {
    cwd: root,
    env: { ...ownEnvironment(), DATA_FOLDER: dataFolder, ...options.ports },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let output = '';
  const programs = new Map<number, z.infer<typeof runRecord>>();
  const noticing = setInterval(async () => {
    for (const program of await runningPrograms()) programs.set(program.pid, program);
  }, 200);
  const journeyBegins = Promise.withResolvers<void>();
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    output += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    if (output.includes('Inventory:')) journeyBegins.resolve();
  });
  const end = once(child, 'close').finally(journeyBegins.resolve);
  await journeyBegins.promise;
  await options.duringJourney?.(child);
  const [exitCode] = (await end) as [number | null];
  clearInterval(noticing);
  return { exitCode, stdout, output, programs: [...programs.values()] };
}

/** The environment without what would make it another start: a real account, servers elsewhere, Jest's own settings. */
function ownEnvironment(): NodeJS.ProcessEnv {
  const { PATH, HOME, XDG_CACHE_HOME, TMPDIR } = process.env;
  return { PATH, HOME, XDG_CACHE_HOME, TMPDIR };
}

async function runningPrograms() {
  const folder = path.join(dataFolder, 'run');
  const names = await readdir(folder).catch(() => []);
  const records = await Promise.all(
    // A note may be taken back, or be half written, while it is read.
    names.map((name) =>
      readFile(path.join(folder, name), 'utf8')
        .then((text) => runRecord.parse(JSON.parse(text)))
        .catch(() => undefined),
    ),
  );
  return records.filter((record) => record !== undefined);
}

async function freePorts(): Promise<Record<string, string>> {
  const ports: Record<string, string> = {};
  for (const variable of portVariables) ports[variable] = String(await freePort());
  return ports;
}

/** PostgreSQL, Temporal, both simulators, the worker and the API ran, and none of them does any more. */
async function expectNothingLeftBehind(run: Run): Promise<void> {
  expect(run.programs).toHaveLength(6);
  const alive = run.programs.filter(({ pid, startedAt }) => processStartTime(pid) === startedAt);
  expect(alive).toEqual([]);
  expect(await readdir(path.join(dataFolder, 'run'))).toEqual([]);
}

/** How many readings each invoice has, from the database that the runs left. */
async function versionsOfInvoices(port: string): Promise<number[]> {
  const postgres = await startPostgres({ dataDir: path.join(dataFolder, 'postgres'), port: Number(port) });
  try {
    const client = new pg.Client({
      // The superuser, whom row level security lets see everything.
      connectionString: connectionUrl(postgres.ownerUrl, 'arcadia', 'postgres', 'arcadia-local'),
    });
    await client.connect();
    const { rows } = await client.query<{ versions: number }>(
      `select count(version.id)::int as versions from cloud_invoices invoice
       left join cloud_invoice_versions version on version.invoice_id = invoice.id group by invoice.id`,
    );
    await client.end();
    return rows.map(({ versions }) => versions);
  } finally {
    await postgres.stop();
  }
}

/** How often each invoice's ingest was run, from Temporal's own store. */
function runsOfIngests(): number[] {
  const store = new DatabaseSync(path.join(dataFolder, 'temporal.db'), { readOnly: true });
  try {
    return store
      .prepare(
        `select count(distinct run_id) as runs from executions_visibility
         where workflow_id like 'ingest-invoice:%' group by workflow_id`,
      )
      .all()
      .map(({ runs }) => Number(runs));
  } finally {
    store.close();
  }
}

/** The provider issues its newest invoice anew, with a summary that disagrees with the lines from then on. */
async function restateWithFault(simulator: string): Promise<void> {
  const { simulatorToken } = await readSecrets();
  const list = await fetch(`${simulator}/v2/customers/my/invoices`, {
    headers: { authorization: `Bearer ${simulatorToken}` },
  });
  const [newest] = invoiceList.parse(await list.json()).invoices;
  const control = async (what: string, body: unknown) => {
    const answer = await fetch(`${simulator}/_control/${what}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    expect(answer.ok).toBe(true);
  };
  await control('faults', { fault: { kind: 'summary_disagrees', delta: '1.00' }, times: null });
  await control(`invoices/${newest?.invoice_uuid}/restate`, { delta: '2.00' });
}

async function readSecrets(): Promise<z.infer<typeof secretsFile>> {
  return secretsFile.parse(JSON.parse(await readFile(path.join(dataFolder, 'secrets.json'), 'utf8')));
}

/** Temporal's store and all logs, by the path in the data folder. */
async function keptFiles(): Promise<string[]> {
  const names = await readdir(dataFolder, { recursive: true });
  return names.filter((name) => /^temporal\.db|^logs\/.*\.log$/.test(name));
}

function lastLine(text: string): unknown {
  return JSON.parse(text.trimEnd().split('\n').at(-1) ?? '');
}

/** What a run that did not end well said last. */
function failureOf(run: Run): string | undefined {
  return run.exitCode === 0 ? undefined : run.output.slice(-2000);
}

describe('npm start', () => {
  let expected: {
    readonly invoices: number;
    readonly focus: readonly unknown[];
    readonly [name: string]: unknown;
  };
  let ports: Record<string, string>;
  let first: Run;

  beforeAll(async () => {
    const { discovery, ingest, focus, pilot_margin, rollup_studio_storage } = golden.parse(
      JSON.parse(await readFile(path.join(root, 'dev', 'golden', 'cases.json'), 'utf8')),
    );
    expected = {
      invoices: discovery.invoices,
      ingested: discovery.invoices,
      held: 0,
      april: { lines: ingest.lines, total: ingest.total_usd, matched: ingest.matched },
      focus,
      // And every month that has ended since, however many those are by now.
      months: expect.arrayContaining([
        { period: '2026-04-01', totals: { 'dashboard-pilot': pilot_margin.total_cents } },
        { period: '2026-05-01', totals: { 'dashboard-pilot': pilotMayCents } },
        {
          period: '2026-06-01',
          totals: {
            'dashboard-pilot': pilot_margin.total_cents,
            'studio-pilot': rollup_studio_storage.total,
          },
        },
      ]),
      drift: { found: 1, price_monthly: '18.00', reverted: true },
      margin: expect.objectContaining({
        period: '2026-04-01',
        tenants: [
          {
            tenant_id: 'dashboard-pilot',
            revenue_cents: pilot_margin.revenue_cents,
            cogs_cents: centsOf(pilot_margin.cogs),
            margin_cents: centsOf(pilot_margin.margin),
            margin_percent: pilot_margin.margin_pct,
          },
        ],
        overall: expect.objectContaining({
          cogs_cents: centsOf(pilot_margin.overall_cogs),
          margin_cents: centsOf(pilot_margin.overall_margin),
        }),
        closes: true,
      }),
      golden_invoice: expect.objectContaining({
        number: 'INV-000004',
        tenant_id: 'studio-pilot',
        period: '2026-06-01',
        status: 'issued',
        lines: [
          expect.objectContaining({
            type: 'plan_base',
            amount_cents: rollup_studio_storage.lines['plan_base'],
          }),
          {
            type: 'addon',
            description: rollup_studio_storage.addon_description,
            amount_cents: rollup_studio_storage.lines['addon'],
          },
          expect.objectContaining({
            type: 'overage',
            amount_cents: rollup_studio_storage.lines['overage.droplet_hours'],
          }),
          expect.objectContaining({ type: 'tax', amount_cents: rollup_studio_storage.tax }),
        ],
        subtotal_cents: rollup_studio_storage.subtotal,
        tax_cents: rollup_studio_storage.tax,
        total_cents: rollup_studio_storage.total,
      }),
    };
    ports = await freePorts();
    first = await start({ ports });
  }, 240_000);

  afterAll(() => rm(dataFolder, { recursive: true, force: true }));

  it('finds the golden account, says so on the last line of all, and leaves nothing behind', async () => {
    expect(failureOf(first)).toBeUndefined();
    expect(lastLine(first.stdout)).toEqual(expected);
    expect(lastLine(first.output)).toEqual(expected);
    await expectNothingLeftBehind(first);
  });

  it('finds the same the next time, and ingests and invoices nothing twice', async () => {
    const second = await start({ ports });
    expect(failureOf(second)).toBeUndefined();
    expect(lastLine(second.output)).toEqual(lastLine(first.output));
    await expectNothingLeftBehind(second);
    const oneEach = Array(expected.invoices + expected.focus.length).fill(1);
    expect(runsOfIngests()).toEqual(oneEach);
    expect(await versionsOfInvoices(String(ports['POSTGRES_PORT']))).toEqual(oneEach);
  }, 180_000);

  it('stops everything within a minute of Ctrl-C in the middle of the journey', async () => {
    let interruptedAt = 0;
    const interrupted = await start({
      ports,
      duringJourney(child) {
        interruptedAt = performance.now();
        child.kill('SIGINT');
      },
    });
    expect(performance.now() - interruptedAt).toBeLessThan(STOPPED_WITHIN_MS);
    expect(interrupted).toMatchObject({ exitCode: 130, stdout: '' });
    await expectNothingLeftBehind(interrupted);
  }, 180_000);

  it('says how many invoices are held, and ends with 1, where one of the simulator is', async () => {
    const simulator = `http://127.0.0.1:${ports['SIMULATOR_PORT']}`;
    const failed = await start({
      ports,
      duringJourney: () => restateWithFault(simulator),
    });
    expect(failed).toMatchObject({ exitCode: 1, stdout: '' });
    expect(failed.output).toContain(
      `Of the simulator's ${expected.invoices} invoices ${expected.invoices - 1} are ingested and 1 are held`,
    );
    await expectNothingLeftBehind(failed);
  }, 180_000);

  it('writes none of its secrets to a log or to the store of workflows', async () => {
    const secrets = await readSecrets();
    const files = await keptFiles();
    expect(files).toEqual(
      expect.arrayContaining([
        'temporal.db',
        ...['api', 'worker', 'simulator', 'finance', 'postgres', 'temporal'].flatMap((name) => [
          `logs/${name}.log`,
          `logs/${name}.previous.log`,
        ]),
      ]),
    );
    for (const file of files) {
      const content = await readFile(path.join(dataFolder, file));
      const found = Object.entries(secrets).filter(([, secret]) => content.includes(secret));
      expect({ file, found: found.map(([name]) => name) }).toEqual({ file, found: [] });
    }
  }, 60_000);

  it('names a port that is in use and how to choose another one, and ends with 1', async () => {
    const occupied = createServer().listen(0, '127.0.0.1');
    await once(occupied, 'listening');
    const address = occupied.address();
    const port = typeof address === 'object' ? String(address?.port) : '';
    const refused = await start({ ports: { ...ports, API_PORT: port } });
    occupied.close();
    expect(refused).toMatchObject({ exitCode: 1, stdout: '', programs: [] });
    expect(refused.output).toContain(
      `Port ${port}, which the API needs, is in use by another program. Choose another one with API_PORT=<port>.`,
    );
  }, 60_000);
});
