import type { EntityManager } from '@mikro-orm/postgresql';
import type { Day } from '../domain/calendar.ts';
import { Subscription } from '../entities/subscription.ts';
import { SubscriptionAddon } from '../entities/subscriptionAddon.ts';
import { SubscriptionPause } from '../entities/subscriptionPause.ts';

/** Which plan version a subscription is on from a day on. */
export interface SubscribedVersion {
  readonly startsOn: Day;
  readonly planCode: string;
  readonly planName: string;
  readonly version: number;
  readonly basePriceCents: number;
  readonly currency: string;
}

/** A subscription with all that decides what it costs, each list by day. */
export interface SubscriptionDetails {
  readonly subscription: Subscription;
  readonly versions: readonly SubscribedVersion[];
  readonly addons: readonly SubscriptionAddon[];
  readonly pauses: readonly SubscriptionPause[];
}

/** The subscription of a deployment, null where it has none. */
export async function readSubscription(
  em: EntityManager,
  deployment: string,
): Promise<SubscriptionDetails | null> {
  const subscription = await em.findOne(Subscription, { deployment });
  if (subscription === null) return null;
  const ofSubscription = { subscription: subscription.id };
  const byDay = { orderBy: { startsOn: 'asc', id: 'asc' } } as const;
  const versions = await em.execute<
    {
      starts_on: string;
      code: string;
      name: string;
      version: number;
      base_price_cents: string;
      currency: string;
    }[]
  >(
    `select changed.starts_on::text, plan.code, plan.name, terms.version, terms.base_price_cents, terms.currency
     from subscription_versions changed
     join plan_versions terms on terms.id = changed.plan_version_id
     join plans plan on plan.id = terms.plan_id
     where changed.subscription_id = ? order by changed.starts_on`,
    [subscription.id],
  );
  return {
    subscription,
    versions: versions.map((row) => ({
      startsOn: row.starts_on,
      planCode: row.code,
      planName: row.name,
      version: row.version,
      basePriceCents: Number(row.base_price_cents),
      currency: row.currency,
    })),
    addons: await em.find(SubscriptionAddon, ofSubscription, byDay),
    pauses: await em.find(SubscriptionPause, ofSubscription, byDay),
  };
}
