import { createServer } from 'node:net';
import { ArcadiaError } from '../src/domain/errors.ts';

/** A port that the cluster wants, and the flag by which another one is chosen. */
export interface WantedPort {
  readonly port: number;
  readonly what: string;
  readonly flag: string;
}

/**
 * Makes sure, before anything is started, that every port is free on loopback.
 * @throws {ArcadiaError} `port_in_use` that names every taken port and the flag that moves it
 */
export async function requireFreePorts(wanted: readonly WantedPort[]): Promise<void> {
  const faults: string[] = [];
  for (const { port, what, flag } of wanted) {
    const problem = await listenProblem(port);
    if (problem !== undefined) faults.push(`port ${port} (${what}) ${problem}; choose another with ${flag}`);
  }
  if (faults.length > 0) throw new ArcadiaError('port_in_use', faults.join('\n'));
}

function listenProblem(port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', (error: NodeJS.ErrnoException) => {
      resolve(error.code === 'EADDRINUSE' ? 'is in use' : `can't be opened (${error.code ?? error.message})`);
    });
    probe.listen({ port, host: '127.0.0.1', exclusive: true }, () => probe.close(() => resolve(undefined)));
  });
}
