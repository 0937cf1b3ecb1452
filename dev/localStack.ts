import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { migrateDatabase } from '../src/services/migrateDatabase.ts';
import { connectTemporal, temporalConnection } from '../src/temporalClient.ts';
import { setUpTemporal } from '../src/temporalSetup/setUpTemporal.ts';
import { searchAttributeTypes } from '../src/workflows/searchAttributes.ts';
import type { LocalSecrets } from './localSecrets.ts';
import type { LocalSettings } from './settings.ts';
import { ensureDatabase } from './stack/databaseRoles.ts';
import { assertPortsFree, type WantedPort } from './stack/ports.ts';
import { startPostgres } from './stack/postgres.ts';
import { startProgram } from './stack/program.ts';
import type { Supervisor } from './stack/supervisor.ts';
import { startTemporal } from './stack/temporal.ts';

/** Where the parts that run are to be found. */
export interface LocalStack {
  readonly apiUrl: string;
  readonly temporalAddress: string;
  readonly temporalUiUrl: string;
  readonly simulatorUrl: string | null;
  /** The finance simulator's; null where the operator has a finance system of their own. */
  readonly financeUrl: string | null;
  /** Seeds the catalog as a deploy does. @returns what the command says */
  readonly seedCatalog: () => Promise<string>;
}

/** One step of the start, as the operator sees it. */
export interface StackStep {
  readonly title: string;
  readonly run: () => Promise<void>;
}

const run = promisify(execFile);

const appRole = 'arcadia_app';

/**
 * The steps that bring everything up, in order; each part goes to the supervisor as soon as it runs. What the settings say is found
 * elsewhere is not started.
 */
export function localStackSteps(
  settings: LocalSettings,
  secrets: LocalSecrets,
  supervisor: Supervisor,
): { readonly steps: readonly StackStep[]; readonly stack: LocalStack } {
  const { ports, dataFolder } = settings;
  const logFile = (name: string) => path.join(dataFolder, 'logs', `${name}.log`);
  const runFolder = path.join(dataFolder, 'run');
  const stack: LocalStack = {
    apiUrl: `http://127.0.0.1:${ports.api}`,
    temporalAddress: settings.temporalAddress ?? `127.0.0.1:${ports.temporal}`,
    temporalUiUrl: process.env['TEMPORAL_UI_URL'] ?? `http://127.0.0.1:${ports.temporalUi}`,
    simulatorUrl: settings.digitalOceanToken === null ? `http://127.0.0.1:${ports.simulator}` : null,
    financeUrl: simulatesFinance(settings) ? `http://127.0.0.1:${ports.finance}` : null,
    async seedCatalog() {
      const command = [path.join(settings.root, 'src/cli.ts'), 'seed-catalog'];
      const { stdout } = await run(process.execPath, command, { env: environment() });
      return stdout.trim().replaceAll('\n', ', ');
    },
  };
  let database = settings.database;

  const environment = (): NodeJS.ProcessEnv => ({
    ...process.env,
    DATABASE_URL: database?.appUrl,
    TEMPORAL_ADDRESS: stack.temporalAddress,
    TEMPORAL_UI_URL: stack.temporalUiUrl,
    ...(stack.simulatorUrl === null ? {} : simulatorEnvironment(stack.simulatorUrl, secrets)),
    ...(stack.financeUrl === null ? {} : financeEnvironment(stack.financeUrl, secrets)),
    ...(stack.simulatorUrl !== null && process.env['INVOICE_ISSUER_NAME'] === undefined ? demoIssuer : {}),
    GATEWAY_WEBHOOK_SECRET: process.env['GATEWAY_WEBHOOK_SECRET'] ?? secrets.gatewayWebhookSecret,
    ENCRYPTION_KEYS: process.env['ENCRYPTION_KEYS'] ?? secrets.encryptionKey,
  });
  // Its own configuration, not that of the programs that it starts, decides where this process connects to.
  const temporalConfig = {
    TEMPORAL_ADDRESS: stack.temporalAddress,
    TEMPORAL_NAMESPACE: process.env['TEMPORAL_NAMESPACE'] ?? 'default',
    TEMPORAL_UI_URL: stack.temporalUiUrl,
  };

  const steps: (StackStep | null)[] = [
    {
      title: 'Ports are free',
      run: () => assertPortsFree(wantedPorts(settings)),
    },
    database !== null
      ? null
      : {
          title: `PostgreSQL on port ${ports.postgres}`,
          run: async () => {
            const postgres = supervisor.add(
              await startPostgres({
                dataDir: path.join(dataFolder, 'postgres'),
                port: ports.postgres,
                logFile: logFile('postgres'),
                runFolder,
              }),
            );
            database = await ensureDatabase(postgres.ownerUrl, {
              database: 'arcadia',
              ownerRole: 'arcadia_owner',
              ownerPassword: secrets.ownerPassword,
              appRole,
              appPassword: secrets.appPassword,
            });
          },
        },
    {
      title: 'Database schema',
      run: async () => {
        if (database === null) throw new Error('there is no database to migrate');
        await migrateDatabase(database.ownerUrl, new URL(database.appUrl).username);
      },
    },
    settings.temporalAddress !== null
      ? null
      : {
          title: `Temporal on port ${ports.temporal}, its Web UI on ${ports.temporalUi}`,
          run: async () => {
            supervisor.add(
              await startTemporal({
                dbFile: path.join(dataFolder, 'temporal.db'),
                port: ports.temporal,
                uiPort: ports.temporalUi,
                searchAttributes: searchAttributeTypes,
                logFile: logFile('temporal'),
                runFolder,
              }),
            );
          },
        },
    {
      title: 'Temporal namespace, search attributes and schedules',
      run: async () => {
        const temporal = await connectTemporal(temporalConfig);
        try {
          await setUpTemporal(temporal, temporalConnection(temporalConfig).namespace);
        } finally {
          await temporal.close();
        }
      },
    },
    stack.simulatorUrl === null
      ? null
      : {
          title: `DigitalOcean simulator on port ${ports.simulator}`,
          run: () =>
            startNode('simulator', 'dev/simulator/main.ts', [
              '--port',
              String(ports.simulator),
              // In one word: a token may begin with a hyphen, and would be taken for a flag.
              `--token=${secrets.simulatorToken}`,
            ]),
        },
    stack.financeUrl === null
      ? null
      : {
          title: `Finance simulator on port ${ports.finance}`,
          run: () =>
            startNode('finance', 'dev/finance/main.ts', [
              '--port',
              String(ports.finance),
              '--api-url',
              stack.apiUrl,
            ]),
        },
    { title: 'Worker', run: () => startNode('worker', 'src/worker.ts', []) },
    {
      title: `API on port ${ports.api}`,
      run: async () => {
        await startNode('api', 'src/server.ts', []);
        await untilReady(`${stack.apiUrl}/api/ready`, supervisor);
      },
    },
  ];
  return { steps: steps.filter((step) => step !== null), stack };

  async function startNode(name: string, file: string, args: readonly string[]): Promise<void> {
    supervisor.add(
      await startProgram({
        name,
        command: process.execPath,
        args: [path.join(settings.root, file), ...args],
        cwd: settings.root,
        env: { ...environment(), JWT_SECRET: process.env['JWT_SECRET'] ?? secrets.jwtSecret },
        logFile: logFile(name),
        runFolder,
        stopWithinMs: 50_000,
      }),
    );
  }
}

/** The simulator's own address and credentials, and a pace that only a simulator allows. */
function simulatorEnvironment(simulatorUrl: string, secrets: LocalSecrets): NodeJS.ProcessEnv {
  return {
    DIGITALOCEAN_API_URL: simulatorUrl,
    DIGITALOCEAN_TOKEN: secrets.simulatorToken,
    DIGITALOCEAN_REQUESTS_PER_MINUTE: '12000',
    DIGITALOCEAN_REQUESTS_PER_HOUR: '500000',
    SPACES_ENDPOINT: `${simulatorUrl}/s3/{region}`,
    SPACES_REGIONS: 'syd1',
    SPACES_ACCESS_KEY_ID: 'simulator-spaces-key',
    SPACES_SECRET_ACCESS_KEY: 'simulator-spaces-secret',
  };
}

/** Who issues the demo's invoices; the ABN is the tax office's own, whose check digits hold. */
const demoIssuer: NodeJS.ProcessEnv = {
  INVOICE_ISSUER_NAME: 'Arcadia Cloud Demonstration',
  INVOICE_ISSUER_ABN: '51 824 753 556',
  INVOICE_ISSUER_ADDRESS: '1 Example Street\\nSydney NSW 2000',
  INVOICE_ISSUER_EMAIL: 'billing@example.com',
};

/** A real account has a real finance system, or none. */
const simulatesFinance = ({ digitalOceanToken }: LocalSettings) =>
  digitalOceanToken === null && !process.env['FINANCE_URL'];

const financeEnvironment = (url: string, secrets: LocalSecrets): NodeJS.ProcessEnv => ({
  FINANCE_URL: url,
  FINANCE_WEBHOOK_SECRET: secrets.financeWebhookSecret,
});

/** The ports of what starts here; PostgreSQL and Temporal check theirs themselves. */
function wantedPorts(settings: LocalSettings): WantedPort[] {
  const { ports, digitalOceanToken } = settings;
  return [
    { port: ports.api, wantedBy: 'the API', variable: 'API_PORT' },
    { port: ports.apiMetrics, wantedBy: "the API's metrics", variable: 'METRICS_PORT' },
    { port: ports.workerMetrics, wantedBy: "the worker's metrics", variable: 'WORKER_METRICS_PORT' },
    ...(digitalOceanToken === null
      ? [{ port: ports.simulator, wantedBy: 'the DigitalOcean simulator', variable: 'SIMULATOR_PORT' }]
      : []),
    ...(simulatesFinance(settings)
      ? [{ port: ports.finance, wantedBy: 'the finance simulator', variable: 'FINANCE_PORT' }]
      : []),
  ];
}

async function untilReady(url: string, supervisor: Supervisor): Promise<void> {
  const deadline = Date.now() + 60_000;
  let answer = 'no answer';
  while (Date.now() < deadline) {
    try {
      const response = await Promise.race([fetch(url), supervisor.crashed]);
      answer = await response.text();
      if (response.ok) return;
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error(`the API is not ready after a minute: ${answer}`);
}
