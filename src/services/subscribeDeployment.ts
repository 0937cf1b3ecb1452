import { randomUUID } from 'node:crypto';
import type { EntityManager } from '@mikro-orm/postgresql';
import { type Day, dayOf, periodOf } from '../domain/calendar.ts';
import { Conflict, Forbidden, Unprocessable } from '../domain/errors.ts';
import { type DeploymentState, subscriptionStatuses } from '../domain/lifecycle.ts';
import { pausesSince } from '../domain/pauses.ts';
import { nextPeriod } from '../domain/period.ts';
import type { CloudDeployment } from '../entities/cloudDeployment.ts';
import { CloudDeploymentEvent } from '../entities/cloudDeploymentEvent.ts';
import { Subscription } from '../entities/subscription.ts';
import { SubscriptionPause } from '../entities/subscriptionPause.ts';
import { SubscriptionVersion } from '../entities/subscriptionVersion.ts';
import { snapshotAddons } from './attachAddon.ts';
import { datedOn, noteLateMonths } from './backdating.ts';
import { lockTenantCurrency, readBillingProfile } from './billingProfile.ts';
import { recordDeploymentChange } from './deploymentChange.ts';
import { lockDeployment } from './findDeployment.ts';
import { findAddonsForSale, findPlanForSale } from './planForSale.ts';
import type { ChangeRequest } from './recordChange.ts';

export interface NewSubscription {
  /** The plan's active version is what it is bound to. */
  readonly planCode: string;
  /** Codes; one that comes twice is attached twice. */
  readonly addons: readonly string[];
  /** The first day that counts; today where it is absent. */
  readonly startsOn?: Day | undefined;
  /** Only admins; required while the deployment is on trial. */
  readonly trialEndsAt?: Date | undefined;
}

/**
 * Binds a deployment to the active version of a plan, and attaches addons. Where it starts on an earlier day, it has the pauses that
 * the deployment had since, and months that were rolled up already are settled by the next invoice.
 * @returns false where there is no such deployment
 * @throws Conflict `already_subscribed`, `deployment_ended`; Forbidden; Unprocessable for plan, addons, currency and trial
 */
export function subscribeDeployment(
  em: EntityManager,
  deploymentId: string,
  wanted: NewSubscription,
  request: ChangeRequest,
): Promise<boolean> {
  return em.transactional(async (transaction) => {
    const deployment = await lockDeployment(transaction, deploymentId, request.actor);
    if (deployment === null) return false;
    const startsOn = datedOn(wanted.startsOn, request);
    refuseTrial(deployment, startsOn, wanted.trialEndsAt, request);
    const state: DeploymentState = deployment.state;
    if (subscriptionStatuses[state] === 'cancelled') {
      throw new Conflict('deployment_ended', `the deployment is ${state}`);
    }
    if ((await transaction.count(Subscription, { deployment: deployment.id })) > 0) {
      throw new Conflict(
        'already_subscribed',
        'the deployment is subscribed already; change its plan instead',
      );
    }
    await lockTenantCurrency(transaction, deployment.tenantId);
    const { currency } = await readBillingProfile(transaction, deployment.tenantId);
    const plan = await findPlanForSale(transaction, wanted.planCode, currency);
    const addons = await findAddonsForSale(
      transaction,
      wanted.addons,
      currency,
      (index) => `addons/${index}`,
    );
    const today = dayOf(request.now.toISOString());
    const isLater = startsOn > today;
    const period = periodOf(isLater ? startsOn : today);
    const subscription = transaction.create(Subscription, {
      id: randomUUID(),
      deployment: deployment.id,
      tenantId: deployment.tenantId,
      status: subscriptionStatuses[state],
      startsOn,
      trialEndsAt: wanted.trialEndsAt ?? null,
      currentPeriodStart: period,
      currentPeriodEnd: nextPeriod(period),
      createdAt: request.now,
    });
    transaction.create(SubscriptionVersion, {
      subscription: subscription.id,
      tenantId: deployment.tenantId,
      planVersion: plan.planVersionId,
      startsOn,
      createdAt: request.now,
    });
    snapshotAddons(transaction, subscription, addons, startsOn);
    for (const pause of await pausesOf(transaction, deployment, startsOn)) {
      transaction.create(SubscriptionPause, {
        subscription: subscription.id,
        tenantId: deployment.tenantId,
        ...pause,
      });
    }
    await transaction.flush();
    const details = {
      plan_code: plan.planCode,
      version: plan.version,
      addons: [...wanted.addons],
      starts_on: startsOn,
      trial_ends_at: wanted.trialEndsAt?.toISOString() ?? null,
    };
    await recordDeploymentChange(transaction, deployment, request, {
      type: 'subscribed',
      details,
      action: 'subscription.create',
      subjectId: subscription.id,
      after: { deployment_id: deployment.id, ...details },
    });
    if (startsOn < today) {
      await noteLateMonths(transaction, deployment.id, { from: startsOn, now: request.now });
    }
    return true;
  });
}

function refuseTrial(
  deployment: CloudDeployment,
  startsOn: Day,
  endsAt: Date | undefined,
  { actor, now }: ChangeRequest,
): void {
  const fault = (message: string) => new Unprocessable('invalid_trial', message, { field: 'trial_ends_at' });
  if (endsAt === undefined) {
    if (deployment.state !== 'trial') return;
    throw fault(
      'trial_ends_at is required: the deployment is on trial; let it become active first, or say when its trial ends',
    );
  }
  if (actor.role === 'tenant') throw new Forbidden('only admins give a trial');
  if (endsAt <= new Date(`${startsOn}T00:00:00Z`)) {
    throw fault(`trial_ends_at must be after the beginning of ${startsOn}, the first day`);
  }
  if (deployment.state !== 'trial' && endsAt > now) {
    throw fault(
      `trial_ends_at must not be in the future: the deployment is ${deployment.state}, not on trial`,
    );
  }
}

async function pausesOf(em: EntityManager, deployment: CloudDeployment, startsOn: Day) {
  const events = await em.find(
    CloudDeploymentEvent,
    { deployment: deployment.id, toState: { $ne: null } },
    { orderBy: { id: 'asc' } },
  );
  return pausesSince(
    startsOn,
    events.flatMap(({ toState, occurredAt }) =>
      toState == null ? [] : [{ to: toState, on: dayOf(occurredAt.toISOString()) }],
    ),
  );
}
