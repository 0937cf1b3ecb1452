import { randomUUID } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Client, Connection } from '@temporalio/client';
import pg from 'pg';
import { workerFlags } from '../../bench/workerFlags.ts';
import type { Account } from '../../dev/simulator/account.ts';
import { type Simulator, startSimulator } from '../../dev/simulator/simulator.ts';
import { connectionUrl, ensureDatabase } from '../../dev/stack/databaseRoles.ts';
import { freePort } from '../../dev/stack/ports.ts';
import { startPostgres } from '../../dev/stack/postgres.ts';
import { type Program, startProgram } from '../../dev/stack/program.ts';
import { startTemporal } from '../../dev/stack/temporal.ts';
import { migrateDatabase } from '../../src/services/migrateDatabase.ts';
import { workflowIds } from '../../src/workflows/ids.ts';
import type { discoverInvoices } from '../../src/workflows/index.ts';
import type { DiscoverInvoicesResult } from '../../src/workflows/messages.ts';
import { searchAttributeTypes } from '../../src/workflows/searchAttributes.ts';
import { taskQueues } from '../../src/workflows/taskQueues.ts';
import { type Killable, killable } from './killable.ts';

export interface KillableStackOptions {
  /** The golden account unless given. */
  readonly account?: Account;
  /** How long the provider takes for each answer; with 300, the default, the 137 invoices take some 15 seconds. */
  readonly delayMilliseconds?: number;
  /** Further settings of the workers. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Stands between the worker and the simulator; @returns the address that the worker is given */
  readonly throughProxy?: (simulatorUrl: string) => Promise<string>;
}

/** A whole stack of its own, of real processes with data on disk, of which each can be killed and started again. */
export interface KillableStack {
  readonly simulator: Simulator;
  /** The database as the service's own role reaches it. */
  readonly databaseUrl: string;
  readonly worker: Killable;
  /** A second one, not started yet. */
  readonly otherWorker: Killable;
  readonly postgres: Killable;
  readonly temporal: Killable;
  /** A new connection of the superuser, whom row level security does not bind. */
  connect(): Promise<pg.Client>;
  query<Row extends pg.QueryResultRow>(sql: string, values?: readonly unknown[]): Promise<Row[]>;
  startDiscovery(): Promise<void>;
  discoveryResult(): Promise<DiscoverInvoicesResult>;
  withTemporal<Answer>(use: (client: Client) => Promise<Answer>): Promise<Answer>;
  /** Ends everything that still runs and removes the data. */
  stop(): Promise<void>;
}

const projectFolder = path.resolve(import.meta.dirname, '..', '..');
/** Where the set-up of the next run of Jest looks for what a killed one left behind. */
const runFolder = path.join(projectFolder, '.data', 'test', 'run');
const database = 'arcadia';
const password = 'arcadia-test';
const roles = {
  database,
  ownerRole: 'arcadia_owner',
  ownerPassword: password,
  appRole: 'arcadia_app',
  appPassword: password,
};

/** PostgreSQL (migrated), Temporal, the simulator and a worker, all running. */
export async function startKillableStack(options: KillableStackOptions = {}): Promise<KillableStack> {
  const folder = path.join(tmpdir(), `arcadia-cloud-kill-${randomUUID()}`);
  await mkdir(folder, { mode: 0o755 });
  const [postgresPort, temporalPort] = [await freePort(), await freePort()];
  const simulator = await startSimulator({
    delayMilliseconds: options.delayMilliseconds ?? 300,
    ...(options.account === undefined ? {} : { account: options.account }),
  });
  const adminUrl = `postgresql://postgres:${password}@127.0.0.1:${postgresPort}/postgres`;
  const apiUrl = (await options.throughProxy?.(simulator.url)) ?? simulator.url;

  const postgres = killable(() =>
    startPostgres({
      dataDir: path.join(folder, 'postgres'),
      port: postgresPort,
      password,
      logFile: path.join(folder, 'postgres.log'),
      runFolder,
    }),
  );
  const temporal = killable(() =>
    startTemporal({
      dbFile: path.join(folder, 'temporal.db'),
      port: temporalPort,
      searchAttributes: searchAttributeTypes,
      logFile: path.join(folder, 'temporal.log'),
      runFolder,
    }),
  );
  const configuration = {
    DATABASE_URL: connectionUrl(adminUrl, database, roles.appRole, password),
    TEMPORAL_ADDRESS: `127.0.0.1:${temporalPort}`,
    DIGITALOCEAN_TOKEN: simulator.token,
    DIGITALOCEAN_API_URL: apiUrl,
    ...options.settings,
  };
  const worker = killable(() => startWorker(path.join(folder, 'worker.log'), configuration));
  const otherWorker = killable(() => startWorker(path.join(folder, 'otherWorker.log'), configuration));

  const stack: KillableStack = {
    simulator,
    databaseUrl: configuration.DATABASE_URL,
    worker,
    otherWorker,
    postgres,
    temporal,
    async connect() {
      const client = new pg.Client({
        connectionString: connectionUrl(adminUrl, database, 'postgres', password),
      });
      // A test that ends PostgreSQL also ends this connection; its next query says so.
      client.on('error', () => undefined);
      await client.connect();
      return client;
    },
    async query<Row extends pg.QueryResultRow>(sql: string, values: readonly unknown[] = []) {
      const client = await stack.connect();
      try {
        return (await client.query<Row>(sql, [...values])).rows;
      } finally {
        await client.end();
      }
    },
    async startDiscovery() {
      await stack.withTemporal((client) =>
        client.workflow.start<typeof discoverInvoices>('discoverInvoices', {
          workflowId: workflowIds.discoverInvoices(),
          taskQueue: taskQueues.billing,
          args: [{ provider: 'digitalocean' }],
        }),
      );
    },
    discoveryResult: () =>
      stack.withTemporal((client) =>
        client.workflow.result<typeof discoverInvoices>(workflowIds.discoverInvoices()),
      ),
    async withTemporal(use) {
      const connection = await Connection.connect({ address: `127.0.0.1:${temporalPort}` });
      try {
        return await use(new Client({ connection }));
      } finally {
        await connection.close();
      }
    },
    async stop() {
      await Promise.all([worker, otherWorker, temporal, postgres].map((part) => part.stop()));
      await simulator.close();
      await rm(folder, { recursive: true, force: true });
    },
  };

  try {
    await Promise.all([
      temporal.start(),
      postgres.start().then(async () => {
        const { ownerUrl } = await ensureDatabase(adminUrl, roles);
        await migrateDatabase(ownerUrl, roles.appRole);
      }),
    ]);
    await worker.start();
    return stack;
  } catch (error) {
    await stack.stop();
    throw error;
  }
}

/** The service's own program, as operators start it. */
function startWorker(logFile: string, configuration: Readonly<Record<string, string>>): Promise<Program> {
  return startProgram({
    name: 'worker',
    command: process.execPath,
    args: [...workerFlags, path.join(projectFolder, 'src', 'worker.ts')],
    cwd: projectFolder,
    env: {
      PATH: process.env['PATH'],
      WORKER_METRICS_PORT: '0',
      // Not what is tested here, and the account's own would make a run take minutes.
      DIGITALOCEAN_REQUESTS_PER_MINUTE: '100000',
      DIGITALOCEAN_REQUESTS_PER_HOUR: '1000000',
      ...configuration,
    },
    logFile,
    runFolder,
    stopWithinMs: 45_000,
  });
}
