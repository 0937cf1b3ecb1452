import type { EntityManager } from '@mikro-orm/postgresql';
import { Conflict, type JsonValue } from '../../domain/errors.ts';
import { type DeploymentState, subscriptionStatuses } from '../../domain/lifecycle.ts';
import type { PlannedItem } from '../../domain/templates/plannedItem.ts';
import { planItems } from '../../domain/templates/templates.ts';
import type { CloudDeployment } from '../../entities/cloudDeployment.ts';
import { systemSession } from '../../session.ts';
import { recordDeploymentChange } from '../deploymentChange.ts';
import { lockDeployment } from '../findDeployment.ts';
import { beginRun, findOwnRun } from './beginRun.ts';
import { type ItemOfRun, listItems, listLeftovers } from './provisionedItems.ts';
import type { ProvisioningRequest } from './provisioningRequest.ts';

export interface NewProvisioning {
  readonly deploymentId: string;
  readonly provider: string;
  readonly template: { readonly code: string; readonly version: number };
  readonly parameters: { readonly [name: string]: JsonValue };
  /** Of the workflow's first run. */
  readonly runId: string;
}

/** What is to be done: items in the order of their creation. */
export interface BegunProvisioning {
  readonly provisioningId: string;
  readonly items: readonly ItemOfRun[];
  /** What a run that was ended by force may have left; it is destroyed before anything is created. */
  readonly leftovers: readonly ItemOfRun[];
}

/**
 * Writes down the run and everything that it is going to create, before any of it is. Tried again, it finds what it wrote.
 * @throws Conflict `deployment_ended`, `already_provisioned`, `provisioning_running`, `decommission_running`; Unprocessable for template
 *   and parameters
 */
export function beginProvisioning(
  em: EntityManager,
  wanted: NewProvisioning,
  request: ProvisioningRequest,
): Promise<BegunProvisioning> {
  return em.transactional(async (transaction) => {
    const own = await findOwnRun(transaction, request.workflowId, wanted.runId);
    if (own !== null) {
      return {
        provisioningId: own.id,
        items: await listItems(transaction, own.id),
        leftovers: await listLeftovers(transaction, wanted.deploymentId, own.id),
      };
    }
    const deployment = await lockDeployment(transaction, wanted.deploymentId, systemSession);
    if (deployment === null) {
      throw new Conflict('deployment_not_found', `there is no deployment ${wanted.deploymentId}`);
    }
    const items = planItems(wanted.template, wanted.parameters, wanted.deploymentId);
    await refuseProvisioning(transaction, deployment);
    const { template, parameters, runId } = wanted;
    const run = { type: 'provision', runId, template, parameters, notBefore: null } as const;
    const provisioningId = await beginRun(transaction, deployment, run, request);
    const leftovers = await listLeftovers(transaction, deployment.id, provisioningId);
    await insertItems(transaction, { provisioningId, deployment, provider: wanted.provider }, items);
    await nameTemplate(transaction, deployment, template, request);
    return { provisioningId, items: await listItems(transaction, provisioningId), leftovers };
  });
}

/**
 * Refuses what the API refuses before a process is started, too.
 * @throws Conflict `deployment_ended`, `already_provisioned`
 */
export async function refuseProvisioning(
  em: EntityManager,
  deployment: Pick<CloudDeployment, 'id' | 'state'>,
): Promise<void> {
  const state: DeploymentState = deployment.state;
  if (subscriptionStatuses[state] === 'cancelled') {
    throw new Conflict('deployment_ended', `the deployment is ${deployment.state}`);
  }
  const standing = await em.execute<{ key: string }[]>(
    `select item.key from provisioned_items item join provisioning_runs run on run.id = item.run_id
     where item.deployment_id = ? and item.state = 'created' and run.state = 'done' order by item.position`,
    [deployment.id],
  );
  if (standing.length === 0) return;
  throw new Conflict(
    'already_provisioned',
    `the deployment has been provisioned: ${standing.map(({ key }) => key).join(', ')}`,
    { context: { items: standing.map(({ key }) => key) } },
  );
}

async function insertItems(
  em: EntityManager,
  run: {
    readonly provisioningId: string;
    readonly deployment: Pick<CloudDeployment, 'id' | 'tenantId'>;
    readonly provider: string;
  },
  items: readonly PlannedItem[],
): Promise<void> {
  await em.execute(
    `insert into provisioned_items (run_id, deployment_id, tenant_id, position, key, kind, provider, tag, wanted, state)
     select ?, ?, ?, position, key, kind, ?, tag, wanted, 'planned'
     from jsonb_to_recordset(?::jsonb) as item (position int, key text, kind text, tag text, wanted jsonb)
     order by position`,
    [
      run.provisioningId,
      run.deployment.id,
      run.deployment.tenantId,
      run.provider,
      JSON.stringify(
        items.map(({ key, kind, tag, wanted }, position) => ({ position, key, kind, tag, wanted })),
      ),
    ],
  );
}

/** The deployment says by which template it was provisioned last. */
async function nameTemplate(
  em: EntityManager,
  deployment: CloudDeployment,
  template: { readonly code: string; readonly version: number },
  request: ProvisioningRequest,
): Promise<void> {
  const before = {
    template_code: deployment.templateCode ?? null,
    template_version: deployment.templateVersion ?? null,
  };
  const after = { template_code: template.code, template_version: template.version };
  if (JSON.stringify(before) === JSON.stringify(after)) return;
  deployment.templateCode = template.code;
  deployment.templateVersion = template.version;
  deployment.updatedAt = request.now;
  await em.flush();
  await recordDeploymentChange(em, deployment, request, {
    type: 'updated',
    details: after,
    action: 'cloud_deployment.update',
    subjectId: deployment.id,
    before,
    after,
  });
}
