import type { EntityManager } from '@mikro-orm/postgresql';
import { type Membership, release } from '../domain/memberships.ts';
import { refuseFuture, wholeSecond } from './attachResource.ts';
import { findDeployment } from './findDeployment.ts';
import { lockResource, moveResource } from './moveResource.ts';
import type { ChangeRequest } from './recordChange.ts';

/**
 * Takes a resource from a deployment: it belongs to it until `to`, now where it is absent, and not after. In the past, its cost and usage
 * follow, to the second. Of no effect where it left before.
 * @returns the resource's memberships by time; null where there is no such deployment, or the resource never belonged to it
 * @throws Unprocessable `invalid_membership`
 */
export function detachResource(
  em: EntityManager,
  deploymentId: string,
  wanted: { readonly resourceId: string; readonly to?: Date | undefined },
  request: ChangeRequest,
): Promise<readonly Membership[] | null> {
  return em.transactional(async (transaction) => {
    if ((await findDeployment(transaction, deploymentId, request.actor)) === null) return null;
    const to = wholeSecond(wanted.to ?? request.now);
    refuseFuture('to', to, request.now);
    const locked = await lockResource(transaction, wanted.resourceId);
    if (locked === null) return null;
    if (!locked.memberships.some((membership) => membership.deploymentId === deploymentId)) return null;
    const memberships = release(locked.memberships, deploymentId, to);
    if (JSON.stringify(memberships) === JSON.stringify(locked.memberships)) return memberships;
    const change = { action: 'detach', deploymentId, from: to } as const;
    await moveResource(transaction, locked, memberships, change, request);
    return memberships;
  });
}
