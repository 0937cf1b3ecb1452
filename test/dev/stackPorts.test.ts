import { once } from 'node:events';
import { createServer } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { assertPortsFree, freePort } from '../../dev/stack/ports.ts';

describe('assertPortsFree', () => {
  it('is content with ports that nobody listens on, and leaves them free', async () => {
    const wanted = [{ port: await freePort(), wantedBy: 'the API', variable: 'PORT' }];
    await assertPortsFree(wanted);
    await assertPortsFree(wanted);
  });

  it('names every port in use, also one that is listened on at all addresses', async () => {
    const everywhere = createServer().listen(0, '0.0.0.0');
    await once(everywhere, 'listening');
    const address = everywhere.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    try {
      const refused = assertPortsFree([
        { port, wantedBy: 'the API', variable: 'PORT' },
        { port: await freePort(), wantedBy: 'PostgreSQL', variable: 'POSTGRES_PORT' },
        { port, wantedBy: 'the simulator', variable: 'SIMULATOR_PORT' },
      ]);
      await expect(refused).rejects.toMatchObject({
        code: 'port_unavailable',
        message: [
          `Port ${port}, which the API needs, is in use by another program. Choose another one with PORT=<port>.`,
          `Port ${port}, which the simulator needs, is in use by another program. Choose another one with SIMULATOR_PORT=<port>.`,
        ].join('\n'),
      });
    } finally {
      everywhere.close();
    }
  });
});
