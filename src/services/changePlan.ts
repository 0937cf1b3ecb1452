import type { EntityManager } from '@mikro-orm/postgresql';
import { type Day, dayOf } from '../domain/calendar.ts';
import { datedOn, refuseInvoicedMonths } from './backdating.ts';
import { lockTenantCurrency, readBillingProfile } from './billingProfile.ts';
import { recordDeploymentChange } from './deploymentChange.ts';
import { lockSubscription, refuseOutside } from './lockSubscription.ts';
import { findPlanForSale } from './planForSale.ts';
import type { ChangeRequest } from './recordChange.ts';

/**
 * Puts a subscription on the active version of a plan, from a day on; what was asked for that day before is replaced. Where that
 * version is in force on the day anyway, nothing changes.
 * @returns false where there is no such deployment
 * @throws Conflict `not_subscribed`, `subscription_cancelled`, `month_invoiced`; Forbidden; Unprocessable for the plan and the day
 */
export function changePlan(
  em: EntityManager,
  deploymentId: string,
  wanted: { readonly planCode: string; readonly startsOn?: Day | undefined },
  request: ChangeRequest,
): Promise<boolean> {
  return em.transactional(async (transaction) => {
    const locked = await lockSubscription(transaction, deploymentId, request.actor);
    if (locked === null) return false;
    const { deployment, subscription } = locked;
    const startsOn = datedOn(wanted.startsOn, request);
    refuseOutside(subscription, startsOn);
    await lockTenantCurrency(transaction, deployment.tenantId);
    const { currency } = await readBillingProfile(transaction, deployment.tenantId);
    const plan = await findPlanForSale(transaction, wanted.planCode, currency);
    const before = await versionsAround(transaction, subscription.id, startsOn);
    if ((before.onDay ?? before.earlier) === plan.planVersionId) return true;
    if (startsOn < dayOf(request.now.toISOString())) {
      await refuseInvoicedMonths(transaction, deployment.id, startsOn);
    }
    if (before.earlier === plan.planVersionId) {
      await transaction.execute(
        'delete from subscription_versions where subscription_id = ? and starts_on = ?',
        [subscription.id, startsOn],
      );
    } else {
      await transaction.execute(
        `insert into subscription_versions (subscription_id, tenant_id, plan_version_id, starts_on, created_at)
         values (?, ?, ?, ?, ?)
         on conflict (subscription_id, starts_on)
         do update set plan_version_id = excluded.plan_version_id, created_at = excluded.created_at`,
        [subscription.id, deployment.tenantId, plan.planVersionId, startsOn, request.now],
      );
    }
    const details = { plan_code: plan.planCode, version: plan.version, starts_on: startsOn };
    await recordDeploymentChange(transaction, deployment, request, {
      type: 'plan_changed',
      details,
      action: 'subscription.change_plan',
      subjectId: subscription.id,
      before: { plan_version_id: before.onDay ?? before.earlier },
      after: { plan_version_id: plan.planVersionId, ...details },
    });
    return true;
  });
}

/** The version that a row of the day names, and the one that was in force the day before. */
async function versionsAround(
  em: EntityManager,
  subscriptionId: string,
  day: Day,
): Promise<{ onDay: string | null; earlier: string | null }> {
  const rows = await em.execute<{ plan_version_id: string; is_on_day: boolean }[]>(
    `select plan_version_id, starts_on = ? as is_on_day from subscription_versions
     where subscription_id = ? and starts_on <= ? order by starts_on desc limit 2`,
    [day, subscriptionId, day],
  );
  return {
    onDay: rows.find((row) => row.is_on_day)?.plan_version_id ?? null,
    earlier: rows.find((row) => !row.is_on_day)?.plan_version_id ?? null,
  };
}
