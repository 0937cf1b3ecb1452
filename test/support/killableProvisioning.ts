import { randomUUID } from 'node:crypto';
import { workflowIds } from '../../src/workflows/ids.ts';
import type { decommissionDeployment, provisionDeployment } from '../../src/workflows/index.ts';
import { taskQueues } from '../../src/workflows/taskQueues.ts';
import {
  operator,
  parametersOf,
  standing,
  type TemplateCode,
  templateOf,
  testTimes,
} from '../workflows/provisioningWorld.ts';
import type { KillableStack } from './killableStack.ts';
import { until } from './killableWait.ts';

/** A step may take longer than it takes to see that a worker is dead. */
const times = { ...testTimes, settleMs: 3_000, stepMs: 300_000, destroyMs: 300_000 };

export async function newDeployment(stack: KillableStack, slug: string): Promise<string> {
  const id = randomUUID();
  await stack.query(
    `insert into cloud_deployments (id, tenant_id, slug, display_name, created_at, updated_at) values ($1, 'tenant-a', $2, $2, now(), now())`,
    [id, slug],
  );
  return id;
}

export const startProvisioning = (
  stack: KillableStack,
  deploymentId: string,
  code: TemplateCode,
  name: string,
) =>
  stack.withTemporal((client) =>
    client.workflow.start<typeof provisionDeployment>('provisionDeployment', {
      workflowId: workflowIds.provisionDeployment(deploymentId),
      taskQueue: taskQueues.provisioning,
      args: [
        {
          deploymentId,
          template: templateOf(code),
          parameters: parametersOf(code, name),
          request: operator,
          times,
        },
      ],
    }),
  );

export const provisioningResult = (stack: KillableStack, deploymentId: string) =>
  stack.withTemporal((client) =>
    client.workflow.result<typeof provisionDeployment>(workflowIds.provisionDeployment(deploymentId)),
  );

export async function startDecommission(stack: KillableStack, deploymentId: string): Promise<void> {
  await stack.query(`update cloud_deployments set state = 'cancelled' where id = $1`, [deploymentId]);
  await stack.withTemporal((client) =>
    client.workflow.start<typeof decommissionDeployment>('decommissionDeployment', {
      workflowId: workflowIds.decommissionDeployment(deploymentId),
      taskQueue: taskQueues.provisioning,
      args: [{ deploymentId, graceMs: 0, request: operator, times }],
    }),
  );
}

export const decommissionResult = (stack: KillableStack, deploymentId: string) =>
  stack.withTemporal((client) =>
    client.workflow.result<typeof decommissionDeployment>(workflowIds.decommissionDeployment(deploymentId)),
  );

/** Kills the worker while the provider has a request of its in hand, which works after that, and starts it again. */
export async function killInRequest(
  stack: KillableStack,
  request: { readonly method: string; readonly path: string; readonly skip: number },
  begin: () => Promise<unknown>,
): Promise<void> {
  const { method, path, skip } = request;
  const rule = stack.simulator.faults.add({
    match: { method, path },
    skip,
    fault: { kind: 'stall', ms: 2_000 },
  });
  await begin();
  await until(`${method} ${path} is in hand`, async () => (rule.hits > 0 ? true : undefined));
  await stack.worker.end('SIGKILL');
  await stack.worker.start();
}

/** What stands at the provider and what is stored as created, both by kind and id. */
export async function stands(stack: KillableStack, deploymentId: string, name: string) {
  const rows = await stack.query<{ item: string; has_spec: boolean; is_inventoried: boolean }>(
    `select item.kind || ' ' || item.external_id as item, item.kind <> 'domain_record' as is_inventoried,
       exists (select from cloud_provisioned provisioned join cloud_resources resource on resource.id = provisioned.resource_id
         where resource.external_id = item.external_id and resource.deployment_id = item.deployment_id
           and provisioned.withdrawn_at is null and resource.gone_at is null) as has_spec
     from provisioned_items item where item.deployment_id = $1 and item.state = 'created'`,
    [deploymentId],
  );
  return {
    atProvider: standing(stack.simulator.state.account, deploymentId, name).toSorted(),
    stored: rows.map(({ item }) => item).toSorted(),
    isRecorded: rows.every(
      ({ has_spec: hasSpec, is_inventoried: isInventoried }) => hasSpec === isInventoried,
    ),
  };
}
