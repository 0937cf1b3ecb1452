import { randomUUID } from 'node:crypto';
import type { EntityManager } from '@mikro-orm/postgresql';
import { type Day, dayOf } from '../domain/calendar.ts';
import type { Addon } from '../entities/addon.ts';
import type { Subscription } from '../entities/subscription.ts';
import { SubscriptionAddon } from '../entities/subscriptionAddon.ts';
import { datedOn, refuseInvoicedMonths } from './backdating.ts';
import { lockTenantCurrency, readBillingProfile } from './billingProfile.ts';
import { recordDeploymentChange } from './deploymentChange.ts';
import { lockSubscription, refuseOutside } from './lockSubscription.ts';
import { findAddonsForSale } from './planForSale.ts';
import type { ChangeRequest } from './recordChange.ts';

/**
 * Attaches an addon to a deployment's subscription, at the price and quantity that the catalog has now.
 * @returns null where there is no such deployment
 * @throws Conflict `not_subscribed`, `subscription_cancelled`, `month_invoiced`; Forbidden; Unprocessable for the addon and the day
 */
export function attachAddon(
  em: EntityManager,
  deploymentId: string,
  wanted: { readonly code: string; readonly startsOn?: Day | undefined },
  request: ChangeRequest,
): Promise<SubscriptionAddon | null> {
  return em.transactional(async (transaction) => {
    const locked = await lockSubscription(transaction, deploymentId, request.actor);
    if (locked === null) return null;
    const { deployment, subscription } = locked;
    const startsOn = datedOn(wanted.startsOn, request);
    refuseOutside(subscription, startsOn);
    await lockTenantCurrency(transaction, deployment.tenantId);
    const { currency } = await readBillingProfile(transaction, deployment.tenantId);
    const addons = await findAddonsForSale(transaction, [wanted.code], currency, () => 'code');
    if (startsOn < dayOf(request.now.toISOString())) {
      await refuseInvoicedMonths(transaction, deployment.id, startsOn);
    }
    const [attached] = snapshotAddons(transaction, subscription, addons, startsOn);
    if (attached === undefined) throw new Error('one addon was asked for');
    await transaction.flush();
    const details = {
      code: attached.code,
      qty: attached.qty,
      price_cents: attached.priceCents,
      currency: attached.currency,
      starts_on: startsOn,
    };
    await recordDeploymentChange(transaction, deployment, request, {
      type: 'addon_attached',
      details,
      action: 'subscription_addon.attach',
      subjectId: attached.id,
      after: { deployment_id: deployment.id, ...details },
    });
    return attached;
  });
}

/** Adds addons as they are in the catalog now: what it says later reprices none of them. */
export function snapshotAddons(
  em: EntityManager,
  subscription: Pick<Subscription, 'id' | 'tenantId'>,
  addons: readonly Addon[],
  startsOn: Day,
): SubscriptionAddon[] {
  return addons.map((addon) =>
    em.create(SubscriptionAddon, {
      id: randomUUID(),
      subscription: subscription.id,
      tenantId: subscription.tenantId,
      addon: addon.id,
      code: addon.code,
      resourceKind: addon.resourceKind,
      qty: addon.qty,
      priceCents: addon.priceCents,
      currency: addon.currency,
      startsOn,
      endsOn: null,
    }),
  );
}
