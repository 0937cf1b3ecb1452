import type { EntityManager } from '@mikro-orm/postgresql';
import type { DeploymentState } from '../domain/lifecycle.ts';
import { CloudDeployment } from '../entities/cloudDeployment.ts';
import { CloudDeploymentEvent } from '../entities/cloudDeploymentEvent.ts';
import type { KeysetPage } from './listInventory.ts';

/** Conditions of the caller; what is absent restricts nothing. */
export interface DeploymentFilter {
  readonly state?: DeploymentState | undefined;
  readonly slug?: string | undefined;
  /** Every one of them must be the deployment's tenant. */
  readonly tenants?: readonly string[] | undefined;
}

/** Deployments by id, as far as the session sees them. */
export function listDeployments(
  em: EntityManager,
  filter: DeploymentFilter,
  page: KeysetPage<string>,
): Promise<CloudDeployment[]> {
  return em.find(
    CloudDeployment,
    {
      ...(filter.state === undefined ? {} : { state: filter.state }),
      ...(filter.slug === undefined ? {} : { slug: filter.slug }),
      ...(page.after === undefined ? {} : { id: { $gt: page.after } }),
      $and: (filter.tenants ?? []).map((tenantId) => ({ tenantId })),
    },
    { orderBy: { id: 'asc' }, limit: page.limit + 1 },
  );
}

/** What happened to a deployment, newest first, at most `limit`. */
export function listDeploymentEvents(em: EntityManager, deployment: string, limit: number) {
  return em.find(CloudDeploymentEvent, { deployment }, { orderBy: { id: 'desc' }, limit });
}
