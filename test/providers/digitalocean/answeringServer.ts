import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import {
  createDigitalOceanProvider,
  type DigitalOceanOptions,
} from '../../../src/providers/digitalocean/provider.ts';
import { createMemoryLimiter, type ProviderLimiter } from '../../../src/providers/limiter.ts';
import type { Provider } from '../../../src/providers/provider.ts';

export interface AnsweringServer {
  readonly url: string;
  readonly requests: readonly IncomingMessage[];
  readonly close: () => Promise<void>;
}

/** A real HTTP server on this machine that answers as the test says. */
export async function startAnsweringServer(answer: RequestListener): Promise<AnsweringServer> {
  const requests: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    requests.push(request);
    answer(request, response);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new TypeError('the server has no TCP port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    requests,
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

/** Answers each path with its JSON; the query is left out. */
export function answerJson(bodies: Readonly<Record<string, unknown>>): RequestListener {
  return (request, response) => {
    const body = bodies[new URL(request.url ?? '', 'http://localhost').pathname];
    response.writeHead(body === undefined ? 404 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(body ?? { id: 'not_found', message: 'not found' }));
  };
}

export const testToken = 'dop_v1_canary_of_the_token';

/** A limiter that lets everything through and remembers the pauses. */
export function openLimiter(): ProviderLimiter & { readonly pauses: number[] } {
  const pauses: number[] = [];
  const limiter = createMemoryLimiter({ perMinute: 100_000, perHour: 100_000, key: 'test' });
  return {
    pauses,
    acquire: limiter.acquire,
    pauseFor: async (seconds) => {
      pauses.push(seconds);
    },
  };
}

export function providerAt(url: string, options: Partial<DigitalOceanOptions> = {}): Provider {
  return createDigitalOceanProvider({
    apiUrl: url,
    token: testToken,
    limiter: openLimiter(),
    timeoutMs: 5000,
    maxAnswerBytes: 1_000_000,
    allowLoopback: true,
    ...options,
  });
}

/** What a promise was rejected with; fails where it wasn't. */
export async function rejectionOf(promise: Promise<unknown>): Promise<unknown> {
  const outcome = await promise.then(
    (value) => ({ value }),
    (reason: unknown) => ({ reason }),
  );
  if ('reason' in outcome) return outcome.reason;
  throw new Error('expected a rejection, and it was fulfilled');
}
