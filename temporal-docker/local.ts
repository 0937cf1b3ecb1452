/** `npm run cluster:local`: the cluster of compose.yaml on this machine, where there is no Docker engine. */
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { startPostgres } from '../dev/stack/postgres.ts';
import { ArcadiaError } from '../src/domain/errors.ts';
import { ensureBinaries } from './localBinaries.ts';
import { type LocalClusterOptions, readLocalOptions, serverPortCount, usage } from './localOptions.ts';
import { requireFreePorts } from './localPorts.ts';
import { runOrFail, runToEnd } from './localProcess.ts';
import { postgresLogin, serverEnvironment, serverSettings, startTemporalServer } from './localServer.ts';
import { startWebUi } from './localUi.ts';
import { ensureSqlSchema } from './sqlSchema.ts';

const namespace = 'arcadia';
const projectFolder = resolve(import.meta.dirname, '..');
const dataFolder = join(projectFolder, '.data', 'cluster');

function say(line: string): void {
  console.log(line);
}

async function main(args: readonly string[], signal: AbortSignal): Promise<number> {
  const options = readLocalOptions(args);
  if (options === undefined) {
    say(usage);
    return 0;
  }
  await requireFreePorts(wantedPorts(options));
  const binaries = await ensureBinaries(say, signal);
  await mkdir(dataFolder, { recursive: true });

  // Stopped in the opposite order: the database outlives what writes to it.
  await using started = new AsyncDisposableStack();
  say(`Starting PostgreSQL on port ${options.postgresPort}, data in ${join(dataFolder, 'postgres')}`);
  const postgres = await startPostgres({ dataDir: join(dataFolder, 'postgres'), port: options.postgresPort });
  started.defer(() => postgres.stop());
  signal.throwIfAborted();

  say('Bringing the schemas of temporal and temporal_visibility up to date');
  const settings = await serverSettings();
  const login = postgresLogin(postgres.ownerUrl);
  await ensureSqlSchema(login, binaries.sqlTool, settings, join(dataFolder, 'schema.log'), signal);

  say(`Starting the Temporal server with ${settings['NUM_HISTORY_SHARDS']} history shards`);
  const server = await startTemporalServer(
    binaries.server,
    serverEnvironment(settings, login, options.port),
    join(dataFolder, 'server.log'),
    signal,
  );
  started.defer(() => server.stop());
  const temporalAddress = `127.0.0.1:${options.port}`;
  const ui = await startWebUi(
    { binary: binaries.ui, port: options.uiPort, temporalAddress, namespace, folder: dataFolder },
    signal,
  );
  started.defer(() => ui.stop());

  const clientEnvironment = {
    ...process.env,
    TEMPORAL_ADDRESS: temporalAddress,
    TEMPORAL_NAMESPACE: namespace,
  };
  const node = (name: string, ...script: string[]) => ({
    name,
    file: process.execPath,
    args: script,
    env: clientEnvironment,
  });
  say(`Setting up the namespace ${namespace}: retention, search attributes, schedules`);
  await runOrFail(
    node('the set-up of the namespace', join(projectFolder, 'src/cli.ts'), 'temporal:setup'),
    signal,
  );

  if (options.once) {
    return await runToEnd(node('the journey', join(projectFolder, 'dev/start.ts'), '--once'), signal);
  }
  say(addresses(options, temporalAddress));
  await Promise.race([interruption(signal), server.unexpectedEnd, ui.unexpectedEnd]);
  say('Stopping');
  return 0;
}

function wantedPorts(options: LocalClusterOptions) {
  return [
    { port: options.postgresPort, what: 'PostgreSQL', flag: '--pg-port' },
    { port: options.uiPort, what: 'the Temporal Web UI', flag: '--ui-port' },
    ...Array.from({ length: serverPortCount }, (_, index) => ({
      port: options.port + index,
      what: 'the Temporal server',
      flag: '--port',
    })),
  ];
}

function addresses(options: LocalClusterOptions, temporalAddress: string): string {
  return `
The cluster is up. Ctrl-C stops it; its data stays in ${dataFolder}.

  Temporal         ${temporalAddress}, namespace ${namespace}
  Temporal Web UI  http://127.0.0.1:${options.uiPort}/namespaces/${namespace}/workflows
  PostgreSQL       127.0.0.1:${options.postgresPort}, databases temporal and temporal_visibility
  Logs             ${join(dataFolder, 'server.log')}

Run the program on it:
  TEMPORAL_ADDRESS=${temporalAddress} TEMPORAL_NAMESPACE=${namespace} npm start`;
}

/** Ends when the user asks; an interruption is how this program is meant to end once it is up. */
function interruption(signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    if (signal.aborted) done();
    signal.addEventListener('abort', () => done(), { once: true });
  });
}

const interrupted = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => interrupted.abort());

try {
  process.exitCode = await main(process.argv.slice(2), interrupted.signal);
} catch (error) {
  if (interrupted.signal.aborted) {
    say('Interrupted; what had been started is stopped.');
    process.exitCode = 130;
  } else if (error instanceof ArcadiaError) {
    console.error(`${error.code}: ${error.message}`);
    process.exitCode = 1;
  } else {
    throw error;
  }
}
