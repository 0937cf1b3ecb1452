import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { type Program, startProgram } from '../dev/stack/program.ts';
import { whenHealthy } from './localHealth.ts';

/** How the Temporal server and its SQL tool reach PostgreSQL. */
export interface PostgresLogin {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
}

/** Takes a `postgres://user:password@host:port/…` address apart; its database doesn't matter here. */
export function postgresLogin(url: string): PostgresLogin {
  const { hostname, port, username, password } = new URL(url);
  return {
    host: hostname,
    port: Number(port || 5432),
    user: decodeURIComponent(username),
    password: decodeURIComponent(password),
  };
}

/** The settings that the server has in compose.yaml as well. */
export async function serverSettings(): Promise<NodeJS.ProcessEnv> {
  return parseEnv(await readFile(join(import.meta.dirname, 'server.env'), 'utf8'));
}

/**
 * The environment of a server whose four services share this machine's loopback, so each port is given:
 * gRPC of the frontend at `port`, its HTTP at the next, then the other services, then the four membership ports.
 */
export function serverEnvironment(
  settings: NodeJS.ProcessEnv,
  login: PostgresLogin,
  port: number,
): NodeJS.ProcessEnv {
  return {
    ...settings,
    POSTGRES_SEEDS: login.host,
    DB_PORT: String(login.port),
    POSTGRES_USER: login.user,
    POSTGRES_PWD: login.password,
    BIND_ON_IP: '127.0.0.1',
    TEMPORAL_BROADCAST_ADDRESS: '127.0.0.1',
    DYNAMIC_CONFIG_FILE_PATH: join(import.meta.dirname, 'dynamicConfig.yaml'),
    FRONTEND_GRPC_PORT: String(port),
    FRONTEND_HTTP_PORT: String(port + 1),
    HISTORY_GRPC_PORT: String(port + 2),
    MATCHING_GRPC_PORT: String(port + 3),
    WORKER_GRPC_PORT: String(port + 4),
    FRONTEND_MEMBERSHIP_PORT: String(port + 5),
    HISTORY_MEMBERSHIP_PORT: String(port + 6),
    MATCHING_MEMBERSHIP_PORT: String(port + 7),
    WORKER_MEMBERSHIP_PORT: String(port + 8),
  };
}

export interface TemporalServerOptions {
  readonly binary: string;
  readonly env: NodeJS.ProcessEnv;
  /** Where its log goes. */
  readonly folder: string;
  readonly runFolder: string;
}

/** Starts the server by environment variables alone and waits until its frontend answers. */
export async function startTemporalServer(
  options: TemporalServerOptions,
  signal: AbortSignal,
): Promise<Program> {
  const server = await startProgram({
    name: 'Temporal server',
    command: options.binary,
    args: ['start'],
    env: options.env,
    logFile: join(options.folder, 'server.log'),
    runFolder: options.runFolder,
  });
  return whenHealthy(
    server,
    `http://127.0.0.1:${options.env['FRONTEND_HTTP_PORT']}/api/v1/cluster-info`,
    120,
    signal,
  );
}
