import { once } from 'node:events';
import { createServer } from 'node:http';
import { freePort } from '../../dev/stack/ports.ts';

export interface StallingProxy {
  readonly url: string;
  /** Fulfilled once half of the document has been sent. */
  readonly stalled: Promise<void>;
  close(): Promise<void>;
}

/** Passes everything on, but of one document sends only the first half, and then nothing more; the next time it comes whole. */
export async function startStallingProxy(target: string, stallingPath: string): Promise<StallingProxy> {
  const { promise: stalled, resolve: reportStall } = Promise.withResolvers<void>();
  let hasStalled = false;
  const port = await freePort();
  const server = createServer(async ({ method = 'GET', url = '/', headers }, response) => {
    const answer = await fetch(`${target}${url}`, {
      method,
      headers: { authorization: headers.authorization ?? '', accept: headers.accept ?? '' },
    });
    const body = Buffer.from(await answer.arrayBuffer());
    response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? '' });
    if (url !== stallingPath || hasStalled) {
      response.end(body);
      return;
    }
    hasStalled = true;
    response.write(body.subarray(0, body.length / 2), () => reportStall());
  }).listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${port}`,
    stalled,
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
