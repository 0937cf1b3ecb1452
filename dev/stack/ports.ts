import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { ArcadiaError } from '../../src/domain/errors.ts';

/** A TCP port on the loopback address that a part of the stack is going to listen on. */
export interface WantedPort {
  readonly port: number;
  /** Who wants it, for the message: "PostgreSQL". */
  readonly wantedBy: string;
  /** The environment variable that chooses another one. */
  readonly variable: string;
}

/** Throws `port_unavailable` naming all wanted ports that cannot be listened on, who wanted each, and how to choose another. */
export async function assertPortsFree(wanted: readonly WantedPort[]): Promise<void> {
  const faults: string[] = [];
  for (const { port, wantedBy, variable } of wanted) {
    const fault = await listenFault(port);
    if (fault !== undefined) {
      faults.push(
        `Port ${port}, which ${wantedBy} needs, ${fault}. Choose another one with ${variable}=<port>.`,
      );
    }
  }
  if (faults.length === 0) return;
  throw new ArcadiaError('port_unavailable', faults.join('\n'), {
    context: { ports: wanted.map(({ port }) => port) },
  });
}

/**
 * A port that nobody listens on at this moment, from below the range in which systems put outgoing connections: what stops
 * listening on it for a while finds it free again.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(15_000, 32_000);
    if ((await listenFault(port)) === undefined) return port;
  }
}

async function listenFault(port: number): Promise<string | undefined> {
  const server = createServer();
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE') return 'is in use by another program';
    return code === 'EACCES' ? 'is not allowed for this user' : `cannot be listened on (${code ?? error})`;
  }
  server.close();
  await once(server, 'close');
  return undefined;
}
