import type { EntityManager } from '@mikro-orm/postgresql';
import type { Day } from '../domain/calendar.ts';
import { Conflict, Unprocessable } from '../domain/errors.ts';
import type { CloudDeployment } from '../entities/cloudDeployment.ts';
import { Subscription } from '../entities/subscription.ts';
import type { Session } from '../session.ts';
import { lockDeployment } from './findDeployment.ts';

/**
 * A deployment with its subscription, both as they stay until the transaction ends.
 * @returns null where there is no such deployment
 * @throws Conflict `not_subscribed`
 */
export async function lockSubscription(
  em: EntityManager,
  deploymentId: string,
  actor: Session,
): Promise<{ deployment: CloudDeployment; subscription: Subscription } | null> {
  const deployment = await lockDeployment(em, deploymentId, actor);
  if (deployment === null) return null;
  const subscription = await em.findOne(Subscription, { deployment: deployment.id });
  if (subscription === null)
    throw new Conflict('not_subscribed', 'the deployment is not subscribed to a plan');
  return { deployment, subscription };
}

/** @throws Conflict `subscription_cancelled`; Unprocessable `before_subscription` for a day before its first */
export function refuseOutside(subscription: Subscription, startsOn: Day): void {
  if (subscription.status === 'cancelled') {
    throw new Conflict(
      'subscription_cancelled',
      'the subscription is cancelled: nothing of it can change any more',
    );
  }
  if (startsOn < subscription.startsOn) {
    throw new Unprocessable(
      'before_subscription',
      `starts_on must not be before ${subscription.startsOn}, the first day of the subscription`,
      { field: 'starts_on', context: { subscription_starts_on: subscription.startsOn } },
    );
  }
}
