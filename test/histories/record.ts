import { writeFile } from 'node:fs/promises';
import type { Client } from '@temporalio/client';
import { type Simulator, startSimulator } from '../../dev/simulator/simulator.ts';
import { schedulesFor } from '../../src/schedules.ts';
import { workflowIds } from '../../src/workflows/ids.ts';
import { taskQueues } from '../../src/workflows/taskQueues.ts';
import { createTestDatabase } from '../support/database.ts';
import { startTestServers } from '../support/servers.ts';
import { invoiceOf, keepNewestInvoices, simulatedProvider } from '../support/simulator.ts';
import { historyToPlain } from '../support/workflowHistory.ts';
import { startTestWorker } from '../support/worker.ts';
import { retryAtOnce } from '../workflows/retryAtOnce.ts';

/**
 * Records one real run of each workflow beside this file, over the ones that are there, for test/workflows/replay.test.ts. Once
 * runs in production may be open while a workflow changes, keep the old file under another name: it must go on replaying.
 */
async function recordHistories(): Promise<void> {
  const servers = await startTestServers();
  const database = await createTestDatabase();
  const simulator = await startSimulator();
  keepNewestInvoices(simulator.state.account, 3);
  const worker = await startTestWorker({
    appUrl: database.appUrl,
    providers: [simulatedProvider(simulator)],
    namespace: 'histories',
  });
  try {
    await runEach(simulator, worker.client);
  } finally {
    await worker.stop();
    await simulator.close();
    await database.drop();
    await servers.stop();
  }
}

async function runEach(simulator: Simulator, client: Client): Promise<void> {
  const launches = schedulesFor('digitalocean')
    .filter((schedule) => schedule.launcher === undefined)
    .map((schedule) => schedule.launch);
  for (const launch of launches) {
    await run('launch', { workflowId: `launch:${launch.workflowId}`, args: [launch] });
    await client.workflow.getHandle(launch.workflowId).result();
  }
  await save('launch', `launch:${workflowIds.snapshotBalance()}`);
  await save('snapshotBalance', workflowIds.snapshotBalance());
  // Without the suffix: runs of before apps and networks were listed, which must go on replaying.
  await save('syncInventory-fast-apps-and-networks', workflowIds.syncInventory('fast'));
  await save('syncInventory-full-apps-and-networks', workflowIds.syncInventory('full'));
  await save('syncInventory-slow-apps-and-networks', workflowIds.syncInventory('slow'));
  await save('estimateMonth', workflowIds.estimateMonth());
  await save('measureBandwidth', workflowIds.measureBandwidth());
  await save('meterUsage', workflowIds.meterUsage());
  await run('meterUsage', {
    workflowId: workflowIds.meterUsage(),
    args: [{ days: [{ from: '2026-04-01', until: '2026-04-20' }] }],
  });
  await save('meterUsage-days', workflowIds.meterUsage());
  await save('discoverInvoices', workflowIds.discoverInvoices());
  const newest = invoiceOf(simulator.state.account, '2026-04');
  await save('ingestInvoice', workflowIds.ingestInvoice('digitalocean', newest.uuid));

  // Restated under the same amount: only a check of the lines finds it.
  for (const [index, line] of newest.lines.slice(0, 2).entries()) line.amountCents += index === 0 ? 50 : -50;
  await run('discoverInvoices', {
    workflowId: workflowIds.discoverInvoices(),
    args: [{ provider: 'digitalocean' }],
  });
  await save('discoverInvoices-restated', workflowIds.discoverInvoices());

  simulator.faults.add({ match: { path: '/volumes$' }, fault: { kind: 'html_page' }, times: null });
  const sync = await client.workflow.start('syncInventory', {
    taskQueue: taskQueues.billing,
    workflowId: workflowIds.syncInventory('fast'),
    args: [{ provider: 'digitalocean', speed: 'fast' }],
  });
  await retryAtOnce(client, sync);
  simulator.faults.clear();
  await save('syncInventory-unknown', workflowIds.syncInventory('fast'));

  simulator.state.account.buckets.push({
    name: 'several-pages',
    region: 'syd1',
    createdAt: '2026-05-01T00:00:00Z',
    objects: Array.from({ length: 2100 }, (_, index) => ({
      key: String(index),
      size: 1,
      modifiedAt: '2026-05-02T00:00:00Z',
    })),
  });
  await run('syncInventory', {
    workflowId: workflowIds.syncInventory('slow'),
    args: [{ provider: 'digitalocean', speed: 'slow' }],
  });
  await run('measureSpaces', {
    workflowId: workflowIds.measureSpaces(),
    args: [{ provider: 'digitalocean', pagesAtOnce: 1 }],
  });
  await save('measureSpaces', workflowIds.measureSpaces());

  const held = invoiceOf(simulator.state.account, '2026-02');
  held.lines.splice(0, 1);
  const ingest = {
    workflowId: workflowIds.ingestInvoice('digitalocean', held.uuid),
    args: [{ provider: 'digitalocean', invoiceUuid: held.uuid }],
  };
  await run('ingestInvoice', ingest);
  await save('ingestInvoice-held', ingest.workflowId);

  simulator.faults.add({ fault: { kind: 'truncated_csv' } });
  await run('ingestInvoice', ingest);
  await save('ingestInvoice-unreadable', ingest.workflowId);

  function run(workflow: string, options: { workflowId: string; args: readonly unknown[] }): Promise<unknown> {
    return client.workflow.execute(workflow, {
      taskQueue: taskQueues.billing,
      workflowId: options.workflowId,
      args: [...options.args],
    });
  }

  async function save(name: string, workflowId: string): Promise<void> {
    const history = await client.workflow.getHandle(workflowId).fetchHistory();
    const plain = JSON.stringify(historyToPlain(history), withoutThisMachine, 1);
    await writeFile(new URL(`${name}.json`, import.meta.url), `${plain}\n`);
    console.log(`${name}: ${history.events?.length ?? 0} events`);
  }
}

/** Process, host and folders of whoever recorded it are nobody's business. */
function withoutThisMachine(key: string, value: unknown): unknown {
  if (key === 'identity') return 'worker';
  if (key === 'stackTrace') return '';
  // A worker's own queue is named after its process and host.
  if (key === 'name' && typeof value === 'string' && /^\d+@/.test(value)) return 'sticky';
  return value;
}

await recordHistories();
