/** `npm run cluster:local`: the cluster of compose.yaml on this machine, where there is no Docker engine. */
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { localSecrets } from '../dev/localSecrets.ts';
import { ensureDatabase } from '../dev/stack/databaseRoles.ts';
import { assertPortsFree } from '../dev/stack/ports.ts';
import { startPostgres } from '../dev/stack/postgres.ts';
import type { StackPart } from '../dev/stack/program.ts';
import { claimRunFolder } from '../dev/stack/runFolder.ts';
import { ArcadiaError } from '../src/domain/errors.ts';
import { ensureBinaries } from './localBinaries.ts';
import { runOrFail, runToEnd } from './localCommand.ts';
import { type LocalClusterOptions, readLocalOptions, serverPortCount, usage } from './localOptions.ts';
import { postgresLogin, serverEnvironment, serverSettings, startTemporalServer } from './localServer.ts';
import { startWebUi } from './localUi.ts';
import { ensureSqlSchema } from './sqlSchema.ts';

const namespace = 'arcadia';
const projectFolder = resolve(import.meta.dirname, '..');
const dataFolder = join(projectFolder, '.data', 'cluster');
const runFolder = join(dataFolder, 'run');

async function main(args: readonly string[], signal: AbortSignal): Promise<number> {
  const options = readLocalOptions(args);
  if (options === undefined) {
    console.log(usage);
    return 0;
  }
  await claimRunFolder(runFolder);
  await assertPortsFree(wantedPorts(options));

  // Stopped in the opposite order: the database outlives what writes to it.
  await using started = new AsyncDisposableStack();
  const { parts, superuserUrl } = await startCluster(options, signal, started);
  const temporalAddress = `127.0.0.1:${options.port}`;
  const uiUrl = `http://localhost:${options.uiPort}`;
  const environment: NodeJS.ProcessEnv = {
    ...process.env,
    TEMPORAL_ADDRESS: temporalAddress,
    TEMPORAL_NAMESPACE: namespace,
    TEMPORAL_UI_URL: uiUrl,
  };
  const ownProgram = (name: string, file: string, argument: string, env: NodeJS.ProcessEnv) => ({
    name,
    file: process.execPath,
    args: [join(projectFolder, file), argument],
    env,
  });
  console.log(`Setting up the namespace ${namespace}: retention, search attributes, schedules`);
  await runOrFail(
    ownProgram('the set-up of the namespace', 'src/cli.ts', 'temporal:setup', environment),
    signal,
  );

  if (options.once) {
    const env = { ...environment, ...(await journeyDatabase(superuserUrl)) };
    // Awaited here: a promise handed out would let the cluster stop under the journey.
    return await runToEnd(ownProgram('the journey', 'dev/start.ts', '--once', env), signal);
  }

  console.log(addresses(options, temporalAddress, uiUrl));
  const crash = await Promise.race([interruption(signal), ...parts.map((part) => part.crashed)]);
  if (crash !== undefined) throw crash;
  console.log('Stopping');
  return 0;
}

/** Starts PostgreSQL, the server and the Web UI, and puts each of them on the stack of what has to be stopped. */
async function startCluster(
  options: LocalClusterOptions,
  signal: AbortSignal,
  started: AsyncDisposableStack,
): Promise<{ readonly parts: readonly StackPart[]; readonly superuserUrl: string }> {
  const binaries = await ensureBinaries((line) => console.log(line), signal);
  await mkdir(dataFolder, { recursive: true });

  const dataDir = join(dataFolder, 'postgres');
  console.log(`Starting PostgreSQL on port ${options.postgresPort}, its data in ${dataDir}`);
  const postgres = await startPostgres({
    dataDir,
    port: options.postgresPort,
    portVariable: '--pg-port',
    logFile: join(dataFolder, 'postgres.log'),
    runFolder,
    // The server's four services open up to 20 each, and the program may use this PostgreSQL as well.
    maxConnections: 250,
  });
  started.defer(() => postgres.stop());
  signal.throwIfAborted();

  console.log('Bringing the schemas of temporal and temporal_visibility up to date');
  const settings = await serverSettings();
  const login = postgresLogin(postgres.ownerUrl);
  await ensureSqlSchema(login, binaries.sqlTool, settings, join(dataFolder, 'schema.log'), signal);

  console.log(`Starting the Temporal server with ${settings['NUM_HISTORY_SHARDS']} history shards`);
  const env = serverEnvironment(settings, login, options.port);
  const server = await startTemporalServer(
    { binary: binaries.server, env, folder: dataFolder, runFolder },
    signal,
  );
  started.defer(() => server.stop());

  const temporalAddress = `127.0.0.1:${options.port}`;
  const ui = await startWebUi(
    { binary: binaries.ui, port: options.uiPort, temporalAddress, namespace, folder: dataFolder, runFolder },
    signal,
  );
  started.defer(() => ui.stop());
  return { parts: [postgres, server, ui], superuserUrl: postgres.ownerUrl };
}

/** A database beside Temporal's own, so that the journey does its work here and doesn't find what `npm start` did. */
async function journeyDatabase(superuserUrl: string): Promise<NodeJS.ProcessEnv> {
  const { ownerPassword, appPassword } = await localSecrets(dataFolder);
  const { ownerUrl, appUrl } = await ensureDatabase(superuserUrl, {
    database: 'arcadia',
    ownerRole: 'arcadia_owner',
    ownerPassword,
    appRole: 'arcadia_app',
    appPassword,
  });
  return { DATABASE_OWNER_URL: ownerUrl, DATABASE_URL: appUrl };
}

function wantedPorts(options: LocalClusterOptions) {
  return [
    { port: options.postgresPort, wantedBy: 'PostgreSQL', variable: '--pg-port' },
    { port: options.uiPort, wantedBy: 'the Temporal Web UI', variable: '--ui-port' },
    ...Array.from({ length: serverPortCount }, (_, index) => ({
      port: options.port + index,
      wantedBy: 'the Temporal server',
      variable: '--port',
    })),
  ];
}

function addresses(options: LocalClusterOptions, temporalAddress: string, uiUrl: string): string {
  return `
The cluster is up. Ctrl-C stops it; its data stays in ${dataFolder}.

  Temporal         ${temporalAddress}, namespace ${namespace}
  Temporal Web UI  ${uiUrl}/namespaces/${namespace}/workflows
  PostgreSQL       127.0.0.1:${options.postgresPort}, databases temporal and temporal_visibility
  Logs             ${join(dataFolder, 'server.log')}

Run the program on it:
  TEMPORAL_ADDRESS=${temporalAddress} TEMPORAL_NAMESPACE=${namespace} npm start`;
}

/** Ends when the user asks, which is how this program is meant to end once it is up. */
function interruption(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolvePromise) => {
    if (signal.aborted) resolvePromise(undefined);
    signal.addEventListener('abort', () => resolvePromise(undefined), { once: true });
  });
}

const interrupted = new AbortController();
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(name, () => {
    // The second Ctrl-C is impatient: leave at once; every started program is still asked to stop.
    if (interrupted.signal.aborted) process.exit(130);
    interrupted.abort();
  });
}

try {
  process.exitCode = await main(process.argv.slice(2), interrupted.signal);
} catch (error) {
  if (interrupted.signal.aborted) {
    console.log('Interrupted; what had been started is stopped.');
    process.exitCode = 130;
  } else if (error instanceof ArcadiaError) {
    console.error(`${error.code}: ${error.message}`);
    process.exitCode = 1;
  } else {
    throw error;
  }
}
