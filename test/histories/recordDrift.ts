import { startSimulator } from '../../dev/simulator/simulator.ts';
import type { SyncSpeed } from '../../src/domain/resourceKind.ts';
import { workflowIds } from '../../src/workflows/ids.ts';
import { syncQueues, taskQueues } from '../../src/workflows/taskQueues.ts';
import { createTestDatabase } from '../support/database.ts';
import { startTestServers } from '../support/servers.ts';
import { simulatedProvider } from '../support/simulator.ts';
import { startTestWorker } from '../support/worker.ts';
import { retryAtOnce } from '../workflows/retryAtOnce.ts';
import { saveHistory } from './saveHistory.ts';

/** Records two real sweeps of drift: one by several batches without sizes, most kinds unknown; and one that finds everything. */
const servers = await startTestServers();
const database = await createTestDatabase();
const simulator = await startSimulator();
const worker = await startTestWorker({
  appUrl: database.appUrl,
  providers: [simulatedProvider(simulator)],
  namespace: 'drift-histories',
  queues: [...Object.values(syncQueues), taskQueues.provisioning],
});
try {
  await sync('fast');
  simulator.faults.add({ match: { path: '/sizes$' }, fault: { kind: 'html_page' }, times: null });
  await sweep('sweepDrift-unknown', { batchSize: 4 });
  simulator.faults.clear();
  await sync('full');
  await sync('slow');
  await sweep('sweepDrift', {});
} finally {
  await worker.stop();
  await simulator.close();
  await database.drop();
  await servers.stop();
}

async function sync(speed: SyncSpeed): Promise<void> {
  await worker.client.workflow.execute('syncInventory', {
    workflowId: workflowIds.syncInventory(speed),
    taskQueue: syncQueues[speed],
    args: [{ provider: 'digitalocean', speed }],
  });
}

async function sweep(name: string, options: { readonly batchSize?: number }): Promise<void> {
  const workflowId = workflowIds.sweepDrift();
  const handle = await worker.client.workflow.start('sweepDrift', {
    workflowId,
    taskQueue: taskQueues.provisioning,
    args: [{ provider: 'digitalocean', ...options }],
  });
  await retryAtOnce(worker.client, handle);
  await saveHistory(worker.client, name, workflowId);
}
