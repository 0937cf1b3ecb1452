import type { EntityManager } from '@mikro-orm/postgresql';
import { addDays, type Day, dayOf } from '../domain/calendar.ts';
import { Conflict } from '../domain/errors.ts';
import { SubscriptionAddon } from '../entities/subscriptionAddon.ts';
import { datedOn, refuseInvoicedMonths } from './backdating.ts';
import { recordDeploymentChange } from './deploymentChange.ts';
import { lockSubscription } from './lockSubscription.ts';
import type { ChangeRequest } from './recordChange.ts';

/**
 * Ends an attached addon: `endsOn`, today where it is absent, is the last day that counts. Before its first day it is as if it had
 * never been attached.
 * @param addonId of the attached addon, not of the catalog's
 * @returns the addon with its last day; or what there is none of: the deployment, or the addon on it
 * @throws Conflict `not_subscribed`, `addon_ended`, `month_invoiced`; Forbidden
 */
export function detachAddon(
  em: EntityManager,
  deploymentId: string,
  addonId: string,
  wanted: { readonly endsOn?: Day | undefined },
  request: ChangeRequest,
): Promise<SubscriptionAddon | 'no_deployment' | 'no_addon'> {
  return em.transactional(async (transaction) => {
    const locked = await lockSubscription(transaction, deploymentId, request.actor);
    if (locked === null) return 'no_deployment';
    const { deployment, subscription } = locked;
    const addon = await transaction.findOne(SubscriptionAddon, {
      id: addonId,
      subscription: subscription.id,
    });
    if (addon === null) return 'no_addon';
    const endsOn = datedOn(wanted.endsOn, request);
    const earlier = addon.endsOn ?? null;
    if (earlier === endsOn) return addon;
    if (earlier !== null && earlier < endsOn) {
      throw new Conflict('addon_ended', `the addon ends on ${earlier} already`, {
        context: { ends_on: earlier },
      });
    }
    if (endsOn < dayOf(request.now.toISOString())) {
      await refuseInvoicedMonths(transaction, deployment.id, addDays(endsOn, 1));
    }
    if (endsOn < addon.startsOn) transaction.remove(addon);
    else addon.endsOn = endsOn;
    await transaction.flush();
    addon.endsOn = endsOn;
    await recordDeploymentChange(transaction, deployment, request, {
      type: 'addon_detached',
      details: { code: addon.code, ends_on: endsOn },
      action: 'subscription_addon.detach',
      subjectId: addon.id,
      before: { starts_on: addon.startsOn, ends_on: earlier },
      after: endsOn < addon.startsOn ? null : { starts_on: addon.startsOn, ends_on: endsOn },
    });
    return addon;
  });
}
