import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Connection } from '@temporalio/client';
import { ArcadiaError } from '../../src/domain/errors.ts';
import {
  ensureSearchAttributes,
  type SearchAttributeTypes,
} from '../../src/temporalSetup/searchAttributes.ts';
import { assertPortsFree, type WantedPort } from './ports.ts';
import { lastLogLines, type Program, startProgram } from './program.ts';
import { temporalExecutable } from './temporalExecutable.ts';

export interface TemporalOptions {
  /** SQLite file that keeps workflows from run to run; without it they live in memory. */
  readonly dbFile?: string;
  readonly port: number;
  /** Without it there is no Web UI. */
  readonly uiPort?: number;
  /** The environment variables that choose the ports, for the message when one is in use. */
  readonly portVariable?: string;
  readonly uiPortVariable?: string;
  readonly namespace?: string;
  readonly searchAttributes: SearchAttributeTypes;
  /** Settings of the server beside those that it always has here, each as `key=JSON value`. */
  readonly dynamicConfig?: readonly string[];
  readonly logFile: string;
  readonly runFolder: string;
}

export interface Temporal extends Program {
  /** Host and port of the gRPC service. */
  readonly address: string;
  readonly uiUrl: string | undefined;
}

const READY_WITHIN_MS = 60_000;

/** Fair queues: the backlog of one tenant must not hold up another's first task. */
const DYNAMIC_CONFIG = ['matching.useNewMatcher=true', 'matching.enableFairness=true'];

/**
 * Starts Temporal's development server, and answers once the namespace and its search attributes are there.
 * Throws `port_unavailable`, `temporal_server_missing`, `temporal_not_ready`, `search_attribute_conflict`.
 */
export async function startTemporal(options: TemporalOptions): Promise<Temporal> {
  const { dbFile, port, uiPort, namespace = 'default' } = options;
  await assertPortsFree(wantedPorts(options));
  if (dbFile !== undefined) await mkdir(path.dirname(dbFile), { recursive: true });
  const program = await startProgram({
    name: 'Temporal',
    command: temporalExecutable(),
    args: serverArguments(options, namespace),
    env: environmentWithoutProfile(),
    logFile: options.logFile,
    runFolder: options.runFolder,
  });
  const address = `127.0.0.1:${port}`;
  try {
    await untilReady(program, { ...options, namespace, address });
  } catch (error) {
    await program.stop();
    throw error;
  }
  return { ...program, address, uiUrl: uiPort === undefined ? undefined : `http://127.0.0.1:${uiPort}` };
}

function wantedPorts(options: TemporalOptions): WantedPort[] {
  const { port, uiPort, portVariable = 'TEMPORAL_PORT', uiPortVariable = 'TEMPORAL_UI_PORT' } = options;
  const wanted = [{ port, wantedBy: 'Temporal', variable: portVariable }];
  if (uiPort !== undefined)
    wanted.push({ port: uiPort, wantedBy: "Temporal's Web UI", variable: uiPortVariable });
  return wanted;
}

function serverArguments(
  { dbFile, port, uiPort, searchAttributes, dynamicConfig = [] }: TemporalOptions,
  namespace: string,
): string[] {
  return [
    ...['server', 'start-dev', '--ip', '127.0.0.1', '--port', String(port), '--namespace', namespace],
    ...(uiPort === undefined ? ['--headless'] : ['--ui-port', String(uiPort)]),
    ...(dbFile === undefined ? [] : ['--db-filename', dbFile, '--sqlite-pragma', 'journal_mode=WAL']),
    ...[...DYNAMIC_CONFIG, ...dynamicConfig].flatMap((setting) => ['--dynamic-config-value', setting]),
    ...Object.entries(searchAttributes).flatMap(([name, type]) => ['--search-attribute', `${name}=${type}`]),
  ];
}

/** Variables that point the CLI at some other server would also be read by `server start-dev`. */
function environmentWithoutProfile(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('TEMPORAL_')));
}

async function untilReady(
  program: Program,
  options: TemporalOptions & { readonly namespace: string; readonly address: string },
): Promise<void> {
  let crash: ArcadiaError | undefined;
  void program.crashed.then((error) => {
    crash = error;
  });
  const deadline = Date.now() + READY_WITHIN_MS;
  let refusal: unknown;
  while (Date.now() < deadline) {
    if (crash !== undefined) throw crash;
    try {
      await checkNamespace(options);
      return;
    } catch (error) {
      if (error instanceof ArcadiaError) throw error;
      refusal = error;
      await delay(100);
    }
  }
  throw new ArcadiaError(
    'temporal_not_ready',
    `Temporal did not answer at ${options.address} within a minute. The end of ${options.logFile}:\n${await lastLogLines(options.logFile)}`,
    { cause: refusal },
  );
}

async function checkNamespace(options: {
  readonly address: string;
  readonly namespace: string;
  readonly searchAttributes: SearchAttributeTypes;
}): Promise<void> {
  const connection = await Connection.connect({ address: options.address, connectTimeout: '2s' });
  try {
    await connection.workflowService.describeNamespace({ namespace: options.namespace });
    // The flags of the server reach a new namespace only; data of an earlier run may lack some.
    await ensureSearchAttributes(connection, options.namespace, options.searchAttributes);
  } finally {
    await connection.close();
  }
}
