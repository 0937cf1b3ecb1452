import { startSimulator } from '../../dev/simulator/simulator.ts';
import { createDeployment } from '../../src/services/createDeployment.ts';
import { systemSession } from '../../src/session.ts';
import { workflowIds } from '../../src/workflows/ids.ts';
import {
  type DecommissionDeploymentInput,
  type ProvisioningPhase,
  type ProvisioningProgress,
  provisioningMessages,
} from '../../src/workflows/provisioningMessages.ts';
import { taskQueues } from '../../src/workflows/taskQueues.ts';
import { until } from '../support/killableWait.ts';
import { simulatedProvider } from '../support/simulator.ts';
import { startTestWorker, type TestWorker } from '../support/worker.ts';
import { operator, parametersOf, templateOf, testTimes } from '../workflows/provisioningWorld.ts';

/**
 * Deployments with resources at a provider, each where one route can do something about it. A worker of its own serves them until it is
 * stopped.
 */
export async function seedProvisioned(worker: TestWorker, appUrl: string) {
  const simulator = await startSimulator({ actionMilliseconds: 50 });
  const serving = await startTestWorker({
    appUrl,
    providers: [simulatedProvider(simulator)],
    namespace: worker.namespace,
    queues: [taskQueues.provisioning],
  });
  const { client } = worker;

  const create = async (slug: string) => {
    const request = { actor: systemSession, now: new Date() };
    return (await createDeployment(worker.em(), { tenantId: 'tenant-a', slug }, request)).id;
  };
  const provision = (deploymentId: string, name: string) =>
    client.workflow.start('provisionDeployment', {
      workflowId: workflowIds.provisionDeployment(deploymentId),
      taskQueue: taskQueues.provisioning,
      args: [
        {
          deploymentId,
          template: templateOf('droplet-app'),
          parameters: parametersOf('droplet-app', name),
          request: operator,
          times: testTimes,
        },
      ],
    });
  const cancelled = async (slug: string) => {
    const id = await create(slug);
    await (await provision(id, slug)).result();
    await worker.em().execute(`update cloud_deployments set state = 'cancelled' where id = ?`, [id]);
    return id;
  };
  const decommission = async (deploymentId: string, graceMs: number) => {
    const input: DecommissionDeploymentInput = { deploymentId, graceMs, request: operator, times: testTimes };
    return client.workflow.start('decommissionDeployment', {
      workflowId: workflowIds.decommissionDeployment(deploymentId),
      taskQueue: taskQueues.provisioning,
      args: [input],
    });
  };
  const phaseOf = (workflowId: string, phase: ProvisioningPhase) =>
    until(`${workflowId} is ${phase}`, async () => {
      const progress = await client.workflow
        .getHandle(workflowId)
        .query<ProvisioningProgress>(provisioningMessages.progressQuery);
      return progress.phase === phase && (phase !== 'destroying' || progress.setAside.length > 0)
        ? true
        : undefined;
    });

  const bare = await create('to-preview');
  const [toDecommission, toCallOff, toHold, stuck] = await Promise.all(
    ['to-decommission', 'to-call-off', 'to-hold', 'stuck'].map(cancelled),
  );
  if (
    toDecommission === undefined ||
    toCallOff === undefined ||
    toHold === undefined ||
    stuck === undefined
  ) {
    throw new Error('not all deployments were provisioned');
  }
  for (const waiting of [toCallOff, toHold]) {
    const { workflowId } = await decommission(waiting, 3_600_000);
    await phaseOf(workflowId, 'waiting');
  }
  // Somebody took it over: it is not destroyed.
  for (const droplet of simulator.state.account.droplets) {
    if (droplet.tags.some((tag) => tag.includes(stuck))) droplet.tags = [];
  }
  await phaseOf((await decommission(stuck, 0)).workflowId, 'destroying');
  simulator.faults.add({
    match: { method: 'POST', path: '/v2/droplets$' },
    fault: { kind: 'stall' },
    times: null,
  });
  const toCancel = await create('to-cancel');
  await phaseOf((await provision(toCancel, 'to-cancel')).workflowId, 'creating');
  return {
    simulator,
    bare,
    toDecommission,
    toCallOff,
    toHold,
    stuck,
    toCancel,
    async stop() {
      simulator.faults.clear();
      await serving.stop();
      await simulator.close();
    },
  };
}
