import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Client } from '@temporalio/client';
import { createHttpTerminator } from 'http-terminator';
import { createApp } from './api/app.ts';
import { forgetOldKeys } from './api/idempotency.ts';
import { createMetrics, createMetricsServer } from './api/metrics.ts';
import { readApiConfig } from './config.ts';
import { ArcadiaError } from './domain/errors.ts';
import { createLog, sharedOutput } from './logging.ts';
import { startOrm } from './orm.ts';
import { listPrice } from './providers/digitalocean/listPrices.ts';
import { refuseUnsafeDatabaseRole } from './services/refuseUnsafeDatabaseRole.ts';
import { connectTemporal } from './temporalClient.ts';

/** PostgreSQL itself ends a statement that runs longer. */
const statementTimeoutMs = 10_000;
/** A connection that says nothing for longer is given up, so that each request is answered though PostgreSQL stands still. */
const silenceTimeoutMs = statementTimeoutMs + 2_000;
/** A file of a gigabyte takes a while to arrive; Node's own limit is 5 minutes. Headers still have to be there within one. */
const uploadMilliseconds = 30 * 60 * 1000;
/** Requests in flight get this long to be answered after SIGTERM. */
const drainMilliseconds = 30_000;
const cleaningMilliseconds = 60 * 60 * 1000;

async function main(): Promise<void> {
  const config = readApiConfig();
  const log = createLog(config.LOG_LEVEL, sharedOutput());
  const orm = await startOrm({
    url: config.DATABASE_URL,
    poolSize: config.DATABASE_POOL_SIZE,
    statementTimeoutMs,
    silenceTimeoutMs,
  });
  await refuseUnsafeDatabaseRole(orm);

  let connecting: ReturnType<typeof connectTemporal> | undefined;
  /** Connects on the first request that needs it, and again on the next one where that failed. */
  async function temporal(): Promise<Client> {
    connecting ??= connectTemporal(config);
    try {
      return (await connecting).client;
    } catch (error) {
      connecting = undefined;
      throw error;
    }
  }

  const metrics = createMetrics();
  const app = createApp({ orm, temporal, config, log, metrics, listPrice });
  const metricsServer = createMetricsServer(metrics);
  const metricsPort = await listen(metricsServer, config.METRICS_HOST, config.METRICS_PORT);
  const server = app.listen(config.API_PORT, config.API_HOST);
  server.requestTimeout = uploadMilliseconds;
  const port = await listening(server);
  const terminator = createHttpTerminator({ server, gracefulTerminationTimeout: drainMilliseconds });
  const cleaning = setInterval(() => {
    forgetOldKeys(orm, new Date()).catch((error: unknown) =>
      log.warn({ err: error }, 'old idempotency keys were not deleted'),
    );
  }, cleaningMilliseconds);

  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void stop(signal));
  log.info({ host: config.API_HOST, port, metrics_port: metricsPort }, 'ready');

  /** Takes no new connection, answers what is in flight, then closes what it opened. */
  async function stop(signal: string): Promise<void> {
    log.info({ signal }, 'stopping');
    clearInterval(cleaning);
    await terminator.terminate();
    metricsServer.close();
    metricsServer.closeAllConnections();
    await connecting?.then((connected) => connected.close()).catch(() => undefined);
    await orm.close(true);
    log.info('stopped');
  }
}

function listen(target: Server, host: string, wanted: number): Promise<number> {
  target.listen(wanted, host);
  return listening(target);
}

function listening(target: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    target.once('error', reject);
    target.once('listening', () => resolve((target.address() as AddressInfo).port));
  });
}

try {
  await main();
} catch (error) {
  console.error(error instanceof ArcadiaError ? error.message : error);
  process.exit(1);
}
