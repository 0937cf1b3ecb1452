import type { Pool, PoolClient } from 'pg';
import { startOrm } from '../src/orm.ts';
import { listPrice } from '../src/providers/digitalocean/listPrices.ts';
import { type SweptBatch, sweepBatch } from '../src/services/drift/sweepBatch.ts';
import { forSession, systemSession } from '../src/session.ts';
import { provider } from './fillDriftBooks.ts';
import { serverCpuSeconds } from './serverCpu.ts';

/** As the workflow does. */
const batchSize = 5_000;

/** One sweep; times in seconds. */
export interface SweepReport {
  readonly seconds: number;
  /** Processor time of this process and the server; null where the server's is unknown. */
  readonly cpuSeconds: number | null;
  readonly resources: number;
  readonly opened: number;
  readonly changed: number;
  readonly batches: number;
  readonly statements: number;
  readonly longestBatchSeconds: number;
}

export interface SweepsReport {
  /** Finds everything. */
  readonly first: SweepReport;
  /** Finds that it is all still there. */
  readonly second: SweepReport;
  readonly rssBeforeMb: number;
  readonly peakRssMb: number;
}

/** Sweeps all droplets twice, by the activity's own service, batch by batch. */
export async function sweepTwice(appUrl: string): Promise<SweepsReport> {
  const orm = await startOrm({ url: appUrl, poolSize: 2 });
  try {
    const pool = await orm.em.getConnection().getNativeClient();
    const statements = countStatements(pool);
    const rssBeforeMb = process.memoryUsage.rss() / 2 ** 20;
    const sweep = async (): Promise<SweepReport> => {
      const cpuBefore = await cpuSeconds(pool);
      const [began, before] = [performance.now(), statements()];
      const report = { resources: 0, opened: 0, changed: 0, batches: 0, longestBatchSeconds: 0 };
      let after: string | null = null;
      do {
        const batchBegan = performance.now();
        const batch: SweptBatch = await sweepBatch(forSession(orm, systemSession), {
          provider,
          kind: 'droplet',
          after,
          limit: batchSize,
          maxAgeMinutes: 90,
          listPrice,
          now: new Date(),
          workflowId: 'bench',
        });
        if (batch.unknown !== null) throw new Error(batch.unknown.message);
        report.resources += batch.resources;
        report.opened += batch.opened;
        report.changed += batch.changed;
        report.batches += 1;
        report.longestBatchSeconds = Math.max(
          report.longestBatchSeconds,
          (performance.now() - batchBegan) / 1000,
        );
        after = batch.after;
      } while (after !== null);
      const [seconds, sent] = [(performance.now() - began) / 1000, statements() - before];
      const cpuAfter = await cpuSeconds(pool);
      const used = cpuBefore === null || cpuAfter === null ? null : cpuAfter - cpuBefore;
      return { ...report, seconds, cpuSeconds: used, statements: sent };
    };
    const first = await sweep();
    const second = await sweep();
    return { first, second, rssBeforeMb, peakRssMb: process.resourceUsage().maxRSS / 1024 };
  } finally {
    await orm.close(true);
  }
}

async function cpuSeconds(pool: Pool): Promise<number | null> {
  const server = await serverCpuSeconds(pool);
  const { user, system } = process.cpuUsage();
  return server === null ? null : server + (user + system) / 1e6;
}

/** Counts what goes to the server on each connection, transactions' begin and end included. */
function countStatements(pool: Pool): () => number {
  let count = 0;
  const watched = new WeakSet<PoolClient>();
  pool.on('acquire', (client) => {
    if (watched.has(client)) return;
    watched.add(client);
    const { query } = client;
    client.query = ((...parameters: Parameters<typeof query>) => {
      count += 1;
      return query.apply(client, parameters);
    }) as typeof query;
  });
  return () => count;
}
