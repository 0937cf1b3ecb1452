import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { ArcadiaError } from '../../src/domain/errors.ts';
import { assertPortsFree } from './ports.ts';
import { postgresAccount } from './postgresAccount.ts';
import { ensureCluster, postgresPrograms, reachableDataFolder } from './postgresFiles.ts';
import { lastLogLines, type Program, startProgram } from './program.ts';

export interface PostgresOptions {
  /** Kept from run to run. */
  readonly dataDir: string;
  readonly port: number;
  /** The environment variable that chooses the port, for the message when it is in use. */
  readonly portVariable?: string;
  /** By default `logs/postgres.log` and `run` beside the data folder. */
  readonly logFile?: string;
  readonly runFolder?: string;
  /** Of the superuser `postgres`; set when the data folder is made. The server listens on the loopback address alone. */
  readonly password?: string;
  /** False only for tests, whose data may be lost with the machine: nothing is forced to disk. */
  readonly isDurable?: boolean;
  readonly maxConnections?: number;
}

export interface Postgres extends Program {
  /** Connection of the superuser to the database `postgres`. */
  readonly ownerUrl: string;
  readonly port: number;
}

const READY_WITHIN_MS = 60_000;

/**
 * Starts the packaged PostgreSQL, on data that it makes first where there is none. Throws `port_unavailable`,
 * `postgres_init_failed`, `postgres_not_ready`, or what postgresAccount.ts and postgresFiles.ts name.
 */
export async function startPostgres(options: PostgresOptions): Promise<Postgres> {
  const { port, portVariable = 'POSTGRES_PORT', password = 'arcadia-local' } = options;
  const besideData = path.dirname(path.resolve(options.dataDir));
  const {
    logFile = path.join(besideData, 'logs', 'postgres.log'),
    runFolder = path.join(besideData, 'run'),
  } = options;
  await assertPortsFree([{ port, wantedBy: 'PostgreSQL', variable: portVariable }]);
  const account = await postgresAccount();
  const programs = await postgresPrograms(account);
  const dataFolder = await reachableDataFolder(path.resolve(options.dataDir), account);
  await ensureCluster(dataFolder, { programs, account, password });

  const program = await startProgram({
    name: 'PostgreSQL',
    command: path.join(programs, 'bin', 'postgres'),
    args: [
      '-D',
      dataFolder,
      ...Object.entries(settings(options)).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ],
    // PostgreSQL's account may not be able to enter ours.
    cwd: path.dirname(dataFolder),
    logFile,
    runFolder,
    account,
    // A fast shutdown; SIGTERM would wait until the last client has left.
    stopSignal: 'SIGINT',
    stopWithinMs: 60_000,
  });
  const ownerUrl = `postgresql://postgres:${encodeURIComponent(password)}@127.0.0.1:${port}/postgres`;
  try {
    await untilReady(program, ownerUrl, logFile);
  } catch (error) {
    await program.stop();
    throw error;
  }
  return { ...program, ownerUrl, port };
}

/** Given at each start, so that older data gets them too. */
function settings({
  port,
  isDurable = true,
  maxConnections = 100,
}: PostgresOptions): Record<string, string | number> {
  const safety = isDurable ? 'on' : 'off';
  return {
    port,
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: maxConnections,
    timezone: 'UTC',
    log_timezone: 'UTC',
    fsync: safety,
    synchronous_commit: safety,
    full_page_writes: safety,
  };
}

async function untilReady(program: Program, ownerUrl: string, logFile: string): Promise<void> {
  let crash: ArcadiaError | undefined;
  void program.crashed.then((error) => {
    crash = error;
  });
  const deadline = Date.now() + READY_WITHIN_MS;
  for (;;) {
    const refusal = await connectionRefusal(ownerUrl);
    if (crash !== undefined) throw crash;
    if (refusal === undefined) return;
    if (Date.now() > deadline || isFinal(refusal)) {
      throw new ArcadiaError(
        'postgres_not_ready',
        `PostgreSQL runs, but does not let us in: ${refusal.message}. The end of ${logFile}:\n${await lastLogLines(logFile)}`,
        { cause: refusal },
      );
    }
    await delay(50);
  }
}

/** A wrong password stays wrong; everything else (not listening yet, recovering after a crash) passes. */
function isFinal(refusal: Error): boolean {
  return refusal instanceof pg.DatabaseError && refusal.code === '28P01';
}

async function connectionRefusal(connectionString: string): Promise<Error | undefined> {
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: 5_000 });
  try {
    await client.connect();
    await client.query('SELECT 1');
    return undefined;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  } finally {
    await client.end().catch(() => undefined);
  }
}
