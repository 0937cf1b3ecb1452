import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../dev/stack/ports.ts';

export interface Prism {
  readonly url: string;
  readonly stop: () => Promise<void>;
}

/**
 * The judge of a contract: a proxy in front of `upstream` that checks each request and each answer against
 * DigitalOcean's published document, and answers a violation with an error of its own. Takes some seconds to start.
 */
export async function startPrism(upstream: string): Promise<Prism> {
  const root = fileURLToPath(new URL('../../', import.meta.url));
  const port = await freePort();
  const prism = spawn(
    process.execPath,
    [
      `${root}node_modules/@stoplight/prism-cli/dist/index.js`,
      'proxy',
      '--errors',
      `${root}dev/simulator/openapi/digitalocean.yaml`,
      upstream,
      '--port',
      String(port),
    ],
    // A group of its own, so that its end takes whatever it starts with it.
    { detached: true, stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const ended = once(prism, 'exit');
  await new Promise<void>((resolve, reject) => {
    let output = '';
    prism.stdout.on('data', (chunk) => {
      output += String(chunk);
      if (output.includes('Prism is listening')) resolve();
    });
    prism.once('exit', () => reject(new Error(`prism ended before it was ready: ${output}`)));
  });
  return {
    url: `http://127.0.0.1:${port}`,
    async stop() {
      if (prism.pid !== undefined && prism.exitCode === null) process.kill(-prism.pid, 'SIGTERM');
      await ended;
    },
  };
}
