import type { EntityManager } from '@mikro-orm/postgresql';
import { Conflict } from '../../domain/errors.ts';
import type { CloudDeployment } from '../../entities/cloudDeployment.ts';
import { systemSession } from '../../session.ts';
import { lockDeployment } from '../findDeployment.ts';
import { beginRun, findOwnRun } from './beginRun.ts';
import { type ItemOfRun, listStanding } from './provisionedItems.ts';
import type { ProvisioningRequest } from './provisioningRequest.ts';

export interface BegunDecommission {
  readonly provisioningId: string;
  /** In the order of destruction. */
  readonly items: readonly ItemOfRun[];
  readonly notBefore: Date;
  readonly attachedByHand: readonly AttachedByHand[];
}

/** A resource of a deployment that no template made. */
export interface AttachedByHand {
  readonly resourceId: string;
  readonly kind: string;
  readonly name: string;
}

/**
 * Writes down that a cancelled deployment is to be taken apart, and when that begins. Tried again, it finds what it wrote.
 * @throws Conflict `deployment_not_cancelled`, `provisioning_running`, `decommission_running`
 */
export function beginDecommission(
  em: EntityManager,
  wanted: { readonly deploymentId: string; readonly runId: string; readonly notBefore: Date },
  request: ProvisioningRequest,
): Promise<BegunDecommission> {
  const { deploymentId, runId, notBefore } = wanted;
  return em.transactional(async (transaction) => {
    const deployment = await lockDeployment(transaction, deploymentId, systemSession);
    if (deployment === null) {
      throw new Conflict('deployment_not_found', `there is no deployment ${deploymentId}`);
    }
    const own = await findOwnRun(transaction, request.workflowId, runId);
    if (own === null) refuseDecommission(deployment);
    const run = { type: 'decommission', runId, notBefore } as const;
    const provisioningId = own?.id ?? (await beginRun(transaction, deployment, run, request));
    return {
      provisioningId,
      items: await listStanding(transaction, deploymentId),
      notBefore: own?.notBefore ?? notBefore,
      attachedByHand: await listAttachedByHand(transaction, deploymentId),
    };
  });
}

/**
 * Refuses what the API refuses before a process is started, too.
 * @throws Conflict `deployment_not_cancelled`
 */
export function refuseDecommission({ state }: Pick<CloudDeployment, 'state'>): void {
  if (state === 'cancelled') return;
  throw new Conflict(
    'deployment_not_cancelled',
    `the deployment is ${state}: only a cancelled one is decommissioned`,
    { context: { state } },
  );
}

/** The live resources of a deployment that no template made. */
export async function listAttachedByHand(em: EntityManager, deploymentId: string): Promise<AttachedByHand[]> {
  return em.execute<AttachedByHand[]>(
    `select resource.id as "resourceId", resource.kind, resource.name from cloud_resources resource
     where resource.deployment_id = ? and resource.gone_at is null
       and not exists (select from provisioned_items item where item.resource_id = resource.id and item.state in ('planned', 'created'))
     order by resource.kind, resource.name, resource.id`,
    [deploymentId],
  );
}

/**
 * Cancelled deployments that still have something that a template made, and of which nobody began or stopped a decommission: the
 * sweep starts what was missed.
 * @param after the last one of the page before
 */
export async function deploymentsToDecommission(
  em: EntityManager,
  page: { readonly after: string | null; readonly limit: number },
): Promise<string[]> {
  const rows = await em.execute<{ id: string }[]>(
    `select deployment.id from cloud_deployments deployment
     where deployment.state = 'cancelled' and (?::uuid is null or deployment.id > ?::uuid)
       and exists (select from provisioned_items item where item.deployment_id = deployment.id and item.state in ('planned', 'created'))
       and not exists (select from provisioning_runs run where run.deployment_id = deployment.id
         and (run.state in ('waiting', 'running', 'undoing', 'held') or run.type = 'decommission' and run.state = 'cancelled'))
     order by deployment.id limit ?`,
    [page.after, page.after, page.limit],
  );
  return rows.map(({ id }) => id);
}

/** Whether anything that a template made may still be there. */
export async function hasStandingItems(em: EntityManager, deploymentId: string): Promise<boolean> {
  return (await listStanding(em, deploymentId)).length > 0;
}
