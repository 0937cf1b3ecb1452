import type { EntityManager } from '@mikro-orm/postgresql';
import type { ResourceKind } from '../domain/resourceKind.ts';
import { CloudInventoryListing } from '../entities/cloudInventoryListing.ts';
import { CloudProject } from '../entities/cloudProject.ts';
import { CloudResource } from '../entities/cloudResource.ts';
import { CloudResourceEvent } from '../entities/cloudResourceEvent.ts';

/** One page by key: the rows after `after`, one more than `limit` so that the caller sees whether there are others. */
export interface KeysetPage<Key> {
  readonly after?: Key | undefined;
  readonly limit: number;
}

/** Conditions of the caller; what is absent restricts nothing. */
export interface InventoryFilter {
  readonly kind?: ResourceKind | undefined;
  readonly region?: string | undefined;
  readonly project?: string | undefined;
  readonly deployment?: string | undefined;
  /** Every one of them must be the resource's tenant. */
  readonly tenants?: readonly string[] | undefined;
  readonly isGone?: boolean | undefined;
}

/** Resources by id, as far as the session sees them. */
export function listInventory(
  em: EntityManager,
  filter: InventoryFilter,
  page: KeysetPage<string>,
): Promise<CloudResource[]> {
  return em.find(
    CloudResource,
    {
      ...(filter.kind === undefined ? {} : { kind: filter.kind }),
      ...(filter.region === undefined ? {} : { region: filter.region }),
      ...(filter.project === undefined ? {} : { project: filter.project }),
      ...(filter.deployment === undefined ? {} : { deploymentId: filter.deployment }),
      ...(filter.isGone === undefined ? {} : { goneAt: filter.isGone ? { $ne: null } : null }),
      ...(page.after === undefined ? {} : { id: { $gt: page.after } }),
      $and: (filter.tenants ?? []).map((tenantId) => ({ tenantId })),
    },
    { orderBy: { id: 'asc' }, limit: page.limit + 1 },
  );
}

/** One resource, null where there is none or the session doesn't see it. */
export function findResource(em: EntityManager, id: string): Promise<CloudResource | null> {
  return em.findOne(CloudResource, { id });
}

/** What was seen to happen to a resource, newest first, at most `limit`. */
export function listResourceEvents(em: EntityManager, resource: string, limit: number) {
  return em.find(CloudResourceEvent, { resource }, { orderBy: { occurredAt: 'desc', id: 'desc' }, limit });
}

/** How fresh our knowledge of each kind is. */
export function readListings(em: EntityManager): Promise<CloudInventoryListing[]> {
  return em.find(CloudInventoryListing, {}, { orderBy: { provider: 'asc', kind: 'asc' } });
}

/** Projects by id, as far as the session sees them. */
export function listProjects(em: EntityManager, page: KeysetPage<string>): Promise<CloudProject[]> {
  return em.find(CloudProject, page.after === undefined ? {} : { id: { $gt: page.after } }, {
    orderBy: { id: 'asc' },
    limit: page.limit + 1,
  });
}
