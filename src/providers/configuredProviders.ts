import type { Pool } from 'pg';
import type { WorkerConfig } from '../config.ts';
import { createDigitalOceanProvider } from './digitalocean/provider.ts';
import { createPostgresLimiter, limiterKeyOf } from './limiter.ts';
import type { Provider } from './provider.ts';

const mebibyte = 1024 * 1024;

/** Every provider that the configuration names, by name, behind limiters that all workers share. */
export function configuredProviders(
  config: WorkerConfig,
  pool: Pool,
  log: { readonly warn: (context: object, message: string) => void },
): ReadonlyMap<string, Provider> {
  const digitalOcean = createDigitalOceanProvider({
    apiUrl: config.DIGITALOCEAN_API_URL,
    token: config.DIGITALOCEAN_TOKEN,
    limiter: createPostgresLimiter({
      pool,
      tableName: 'rate_limits',
      key: limiterKeyOf(config.DIGITALOCEAN_TOKEN),
      perMinute: config.DIGITALOCEAN_REQUESTS_PER_MINUTE,
      perHour: config.DIGITALOCEAN_REQUESTS_PER_HOUR,
    }),
    timeoutMs: 30_000,
    maxAnswerBytes: 64 * mebibyte,
    maxDocumentBytes: 4096 * mebibyte,
    // A loopback address is somebody's simulator, and they said so by configuring it.
    allowLoopback: isLoopback(config.DIGITALOCEAN_API_URL),
    log,
    ...spaces(config),
  });
  return new Map([[digitalOcean.name, digitalOcean]]);
}

function spaces(config: WorkerConfig) {
  const { SPACES_ACCESS_KEY_ID: accessKeyId, SPACES_SECRET_ACCESS_KEY: secretAccessKey } = config;
  if (accessKeyId === undefined || secretAccessKey === undefined) return {};
  return {
    spaces: {
      accessKeyId,
      secretAccessKey,
      endpointTemplate: config.SPACES_ENDPOINT,
      regions: config.SPACES_REGIONS,
    },
  };
}

function isLoopback(url: string): boolean {
  return ['127.0.0.1', 'localhost', '[::1]'].includes(new URL(url).hostname);
}
