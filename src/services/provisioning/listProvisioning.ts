import type { EntityManager } from '@mikro-orm/postgresql';
import { ProvisionedItem } from '../../entities/provisionedItem.ts';
import { ProvisioningRun } from '../../entities/provisioningRun.ts';

/** The runs of a deployment, newest first. */
export function listProvisioningRuns(
  em: EntityManager,
  deployment: string,
  limit: number,
): Promise<ProvisioningRun[]> {
  return em.find(ProvisioningRun, { deployment }, { orderBy: { createdAt: 'desc', id: 'desc' }, limit });
}

/** What templates made of a deployment, or are to make: what stands first, then the rest, newest first. */
export function listProvisionedItems(
  em: EntityManager,
  deploymentId: string,
  limit: number,
): Promise<ProvisionedItem[]> {
  return em.find(ProvisionedItem, { deploymentId }, { orderBy: { id: 'desc' }, limit });
}
