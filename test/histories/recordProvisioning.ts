import { startSimulator } from '../../dev/simulator/simulator.ts';
import { workflowIds } from '../../src/workflows/ids.ts';
import {
  type ProvisionDeploymentInput,
  type ProvisioningProgress,
  provisioningMessages,
} from '../../src/workflows/provisioningMessages.ts';
import { taskQueues } from '../../src/workflows/taskQueues.ts';
import { createTestDatabase } from '../support/database.ts';
import { until } from '../support/killableWait.ts';
import { startTestServers } from '../support/servers.ts';
import { simulatedProvider } from '../support/simulator.ts';
import { startTestWorker } from '../support/worker.ts';
import {
  cancelDeployment,
  newDeployment,
  operator,
  parametersOf,
  templateOf,
  testTimes,
} from '../workflows/provisioningWorld.ts';
import { saveHistory } from './saveHistory.ts';

/**
 * Records real runs of provisioning and of its reverse beside this file, for the replay test: with a lost answer, undone with an item set
 * aside, cancelled, held and released, and a sweep that finds a decommission that nobody began.
 */
const servers = await startTestServers();
const database = await createTestDatabase();
const simulator = await startSimulator({ actionMilliseconds: 50 });
const worker = await startTestWorker({
  appUrl: database.appUrl,
  providers: [simulatedProvider(simulator)],
  namespace: 'provisioning-histories',
  queues: [taskQueues.provisioning, taskQueues.billing],
});
const { client } = worker;

async function provision(name: string) {
  const deploymentId = await newDeployment(worker.em(), name);
  const input: ProvisionDeploymentInput = {
    deploymentId,
    template: templateOf('web-app'),
    parameters: parametersOf('web-app', name),
    request: operator,
    times: testTimes,
  };
  const handle = await client.workflow.start('provisionDeployment', {
    workflowId: workflowIds.provisionDeployment(deploymentId),
    taskQueue: taskQueues.provisioning,
    args: [input],
  });
  return { deploymentId, handle };
}

const message = (workflowId: string, update: string, argument: object = {}) =>
  client.workflow.getHandle(workflowId).executeUpdate(update, { args: [{ request: operator, ...argument }] });

const untilSetAside = (workflowId: string) =>
  until('an item is set aside, and the rest is done', async () => {
    const progress = await client.workflow
      .getHandle(workflowId)
      .query<ProvisioningProgress>(provisioningMessages.progressQuery);
    return progress.setAside.length > 0 && progress.item === null ? true : undefined;
  });

try {
  simulator.faults.add({ match: { method: 'POST', path: '/v2/droplets$' }, fault: { kind: 'lost_answer' } });
  const whole = await provision('whole');
  await whole.handle.result();
  await saveHistory(client, 'provisionDeployment', whole.handle.workflowId);

  simulator.faults.add({ match: { method: 'POST', path: '/records$' }, fault: { kind: 'refuse' } });
  simulator.faults.add({ match: { method: 'DELETE', path: '/v2/load_balancers/' }, fault: { kind: 'refuse' } });
  const undone = await provision('undone');
  await untilSetAside(undone.handle.workflowId);
  await message(undone.handle.workflowId, provisioningMessages.retryItemsUpdate);
  await undone.handle.result();
  await saveHistory(client, 'provisionDeployment-undone', undone.handle.workflowId);

  const slow = simulator.faults.add({
    match: { method: 'POST', path: '/v2/load_balancers$' },
    fault: { kind: 'stall', ms: 500 },
  });
  const cancelled = await provision('cancelled');
  await until('it is asked for', async () => (slow.hits > 0 ? true : undefined));
  await message(cancelled.handle.workflowId, provisioningMessages.cancelUpdate);
  await cancelled.handle.result();
  await saveHistory(client, 'provisionDeployment-cancelled', cancelled.handle.workflowId);

  await cancelDeployment(worker.em(), whole.deploymentId);
  simulator.faults.add({ match: { method: 'DELETE', path: '/v2/droplets/' }, fault: { kind: 'refuse' } });
  const decommission = await client.workflow.start('decommissionDeployment', {
    workflowId: workflowIds.decommissionDeployment(whole.deploymentId),
    taskQueue: taskQueues.provisioning,
    args: [{ deploymentId: whole.deploymentId, graceMs: 1_000, request: operator, times: testTimes }],
  });
  await message(decommission.workflowId, provisioningMessages.holdUpdate, { held: true });
  await message(decommission.workflowId, provisioningMessages.holdUpdate, { held: false });
  await untilSetAside(decommission.workflowId);
  await message(decommission.workflowId, provisioningMessages.retryItemsUpdate);
  await decommission.result();
  await saveHistory(client, 'decommissionDeployment', decommission.workflowId);

  const missed = await provision('missed');
  await missed.handle.result();
  await cancelDeployment(worker.em(), missed.deploymentId);
  await client.workflow.execute('sweepLifecycle', {
    workflowId: workflowIds.sweepLifecycle(),
    taskQueue: taskQueues.billing,
    args: [{}],
  });
  await saveHistory(client, 'sweepLifecycle-decommission', workflowIds.sweepLifecycle());
  const { workflowId } = client.workflow.getHandle(workflowIds.decommissionDeployment(missed.deploymentId));
  await message(workflowId, provisioningMessages.cancelUpdate);
  await client.workflow.result(workflowId);
  await saveHistory(client, 'decommissionDeployment-called-off', workflowId);
} finally {
  await worker.stop();
  await simulator.close();
  await database.drop();
  await servers.stop();
}
