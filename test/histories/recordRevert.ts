import { startSimulator } from '../../dev/simulator/simulator.ts';
import { taskQueues } from '../../src/workflows/taskQueues.ts';
import { createTestDatabase } from '../support/database.ts';
import { startTestServers } from '../support/servers.ts';
import { simulatedProvider } from '../support/simulator.ts';
import { startTestWorker } from '../support/worker.ts';
import { revertWorld } from '../workflows/revertDriftWorld.ts';
import { saveHistory } from './saveHistory.ts';

/** Records real reverts of drift: one that is done, one that is taken back, one that an operator cancels, one that is refused. */
const servers = await startTestServers();
const database = await createTestDatabase();
const simulator = await startSimulator({ actionMilliseconds: 50 });
const worker = await startTestWorker({
  appUrl: database.appUrl,
  providers: [simulatedProvider(simulator)],
  namespace: 'revert-histories',
  queues: [taskQueues.provisioning],
});
const world = revertWorld({ simulator, em: () => worker.em(), client: worker.client });
try {
  const drifted = async () => {
    const droplet = world.droplet({ size: 's-2vcpu-4gb' });
    return { droplet, revert: await world.plan(await world.drift('droplet', droplet.id, 'size_slug', 's-1vcpu-2gb')) };
  };
  const done = await drifted();
  await done.revert.approve();
  await done.revert.result();
  await saveHistory(worker.client, 'revertDrift', done.revert.handle.workflowId);

  const failed = await drifted();
  const path = `/droplets/${failed.droplet.id}/actions$`;
  simulator.faults.add({ match: { path, type: 'power_on' }, fault: { kind: 'action_errors' } });
  simulator.faults.add({ match: { path, type: 'resize' }, skip: 1, fault: { kind: 'refuse' } });
  await failed.revert.approve();
  await failed.revert.result();
  await saveHistory(worker.client, 'revertDrift-undone', failed.revert.handle.workflowId);

  const cancelled = await drifted();
  simulator.faults.add({
    match: { path: `/droplets/${cancelled.droplet.id}/actions$`, type: 'resize' },
    fault: { kind: 'action_hangs', ms: 2_000 },
  });
  await cancelled.revert.approve();
  await world.untilRunning(String(cancelled.droplet.id), 'resize');
  await cancelled.revert.cancel();
  await cancelled.revert.result();
  await saveHistory(worker.client, 'revertDrift-cancelled', cancelled.revert.handle.workflowId);

  const refused = await world.plan(await world.drift('droplet', world.droplet().id, 'region', 'nyc3'));
  await refused.result();
  await saveHistory(worker.client, 'revertDrift-refused', refused.handle.workflowId);
} finally {
  await worker.stop();
  await simulator.close();
  await database.drop();
  await servers.stop();
}
