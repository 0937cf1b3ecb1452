import type { EntityManager } from '@mikro-orm/postgresql';
import { Unprocessable } from '../domain/errors.ts';
import { assign, type Membership } from '../domain/memberships.ts';
import { findDeployment } from './findDeployment.ts';
import { lockResource, moveResource } from './moveResource.ts';
import type { ChangeRequest } from './recordChange.ts';

/**
 * Gives a resource to a deployment for a time, which may lie in the past; what it belonged to then is shortened, split or replaced.
 * Its cost and usage follow, to the second.
 * @param wanted `from` is now where it is absent; without `to` it stays
 * @returns the resource's memberships by time; null where there is no such deployment
 * @throws Unprocessable `unknown_resource`, `invalid_membership`
 */
export function attachResource(
  em: EntityManager,
  deploymentId: string,
  wanted: {
    readonly resourceId: string;
    readonly from?: Date | undefined;
    readonly to?: Date | null | undefined;
  },
  request: ChangeRequest,
): Promise<readonly Membership[] | null> {
  return em.transactional(async (transaction) => {
    if ((await findDeployment(transaction, deploymentId, request.actor)) === null) return null;
    const given = membershipOf(deploymentId, wanted, request.now);
    const locked = await lockResource(transaction, wanted.resourceId);
    if (locked === null) {
      throw new Unprocessable('unknown_resource', `there is no resource ${wanted.resourceId}`, {
        field: 'resource_id',
      });
    }
    const memberships = assign(locked.memberships, given);
    if (JSON.stringify(memberships) === JSON.stringify(locked.memberships)) return memberships;
    const change = { action: 'attach', deploymentId, from: given.startsAt } as const;
    await moveResource(transaction, locked, memberships, change, request);
    return memberships;
  });
}

function membershipOf(
  deploymentId: string,
  { from, to }: { readonly from?: Date | undefined; readonly to?: Date | null | undefined },
  now: Date,
): Membership {
  const startsAt = wholeSecond(from ?? now);
  const endsAt = to == null ? null : wholeSecond(to);
  refuseFuture('from', startsAt, now);
  if (endsAt !== null) {
    refuseFuture('to', endsAt, now);
    if (endsAt <= startsAt) {
      throw new Unprocessable('invalid_membership', 'to must be after from, by a second at least', {
        field: 'to',
      });
    }
  }
  return { deploymentId, startsAt, endsAt };
}

/** Memberships change at whole seconds, which is how usage is metered. */
export function wholeSecond(moment: Date): Date {
  return new Date(Math.floor(moment.getTime() / 1000) * 1000);
}

/** What belongs to a deployment now is written with the resource, so nothing begins or ends later. @throws Unprocessable */
export function refuseFuture(field: string, moment: Date, now: Date): void {
  if (moment <= now) return;
  throw new Unprocessable('invalid_membership', `${field} must not be in the future`, { field });
}
