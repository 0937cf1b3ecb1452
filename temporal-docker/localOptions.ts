import { parseArgs } from 'node:util';
import { ArcadiaError } from '../src/domain/errors.ts';

export interface LocalClusterOptions {
  /** The port of the Temporal frontend; the server's other ports are the ones right after it. */
  readonly port: number;
  readonly uiPort: number;
  readonly postgresPort: number;
  /** Run the project's journey on the cluster, then stop everything and end with the journey's exit code. */
  readonly once: boolean;
}

export const usage = `Usage: npm run cluster:local -- [options]

Runs a Temporal server on PostgreSQL on this machine, without Docker, and stays up until Ctrl-C.

  --port <number>      Temporal frontend (default 7243); the next 8 ports are the server's own
  --ui-port <number>   Temporal Web UI (default 8243)
  --pg-port <number>   PostgreSQL (default 5533)
  --once, --journey    run the journey on the cluster, then stop; the exit code is the journey's
  --help               this text`;

/** How many ports the server takes, from `port` on: gRPC and HTTP of the frontend, three services, four memberships. */
export const serverPortCount = 9;

/**
 * Reads the flags of `npm run cluster:local`; `undefined` asks for the usage text.
 * @throws {ArcadiaError} `invalid_option` that names the flag and what it may be
 */
export function readLocalOptions(args: readonly string[]): LocalClusterOptions | undefined {
  const flags = parse(args);
  if (flags.help) return undefined;
  const options = {
    port: portOf('--port', flags.port, 65_535 - serverPortCount + 1),
    uiPort: portOf('--ui-port', flags['ui-port'], 65_535),
    postgresPort: portOf('--pg-port', flags['pg-port'], 65_535),
    once: flags.once || flags.journey,
  };
  for (const [flag, port] of [
    ['--ui-port', options.uiPort],
    ['--pg-port', options.postgresPort],
  ] as const) {
    if (port >= options.port && port < options.port + serverPortCount) {
      const last = options.port + serverPortCount - 1;
      throw invalidOption(
        `${flag} ${port} is among the server's own ports ${options.port} to ${last}; choose another`,
      );
    }
  }
  if (options.uiPort === options.postgresPort) {
    throw invalidOption(`--ui-port and --pg-port are both ${options.uiPort}; they must differ`);
  }
  return options;
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        port: { type: 'string', default: '7243' },
        'ui-port': { type: 'string', default: '8243' },
        'pg-port': { type: 'string', default: '5533' },
        once: { type: 'boolean', default: false },
        journey: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }).values;
  } catch (error) {
    throw invalidOption(error instanceof Error ? error.message : String(error));
  }
}

function portOf(flag: string, text: string, highest: number): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port < 1024 || port > highest) {
    throw invalidOption(`${flag} is "${text}"; it must be a whole number from 1024 to ${highest}`);
  }
  return port;
}

function invalidOption(message: string): ArcadiaError {
  return new ArcadiaError('invalid_option', message);
}
