import { z } from 'zod';
import type { Day } from '../domain/calendar.ts';
import { deploymentStates, pausers } from '../domain/lifecycle.ts';
import type { Membership } from '../domain/memberships.ts';
import { meterKinds } from '../domain/meters.ts';
import { type CloudDeployment, dunningStates } from '../entities/cloudDeployment.ts';
import { type CloudDeploymentEvent, deploymentEventTypes } from '../entities/cloudDeploymentEvent.ts';
import { subscriptionStatuses } from '../entities/subscription.ts';
import type { SubscriptionAddon } from '../entities/subscriptionAddon.ts';
import type { SubscribedVersion, SubscriptionDetails } from '../services/readSubscription.ts';
import { currency, instant, json, toInstant, toInstantOrNull, uuid } from './schemas.ts';

/** What the routes of deployments and subscriptions answer. */

const dayOut = z.iso.date();
const cents = z.int().meta({ description: 'In cents of the currency, before tax.' });

export const deployment = z
  .strictObject({
    id: uuid,
    tenant_id: z.string(),
    slug: z.string(),
    display_name: z.string(),
    region: z.string().nullable(),
    state: z.enum(deploymentStates),
    llm_mode: z.string(),
    billing_action_suspended: z
      .boolean()
      .meta({ description: 'No automatic billing action touches it, whatever is overdue.' }),
    template_code: z.string().nullable(),
    template_version: z.int().nullable(),
    dunning_state: z
      .enum(dunningStates)
      .nullable()
      .meta({ description: 'What an overdue invoice put it in; payment restores it.' }),
    dunning_since: dayOut.nullable(),
    paused_by: z.enum(pausers).nullable(),
    created_at: instant,
    updated_at: instant,
  })
  .meta({ id: 'Deployment' });

export const toDeployment = (row: CloudDeployment): z.input<typeof deployment> => ({
  id: row.id,
  tenant_id: row.tenantId,
  slug: row.slug,
  display_name: row.displayName,
  region: row.region ?? null,
  state: row.state,
  llm_mode: row.llmMode,
  billing_action_suspended: row.billingActionSuspended,
  template_code: row.templateCode ?? null,
  template_version: row.templateVersion ?? null,
  dunning_state: row.dunningState ?? null,
  dunning_since: row.dunningSince ?? null,
  paused_by: row.pausedBy ?? null,
  created_at: toInstant(row.createdAt),
  updated_at: toInstant(row.updatedAt),
});

const plan = z.strictObject({
  plan_code: z.string(),
  name: z.string(),
  version: z.int(),
  base_price_cents: cents,
  currency,
});

export const attachedAddon = z
  .strictObject({
    id: uuid.meta({ description: 'Of the attached addon: what DELETE takes.' }),
    code: z.string(),
    resource_kind: z.enum(Object.keys(meterKinds)),
    qty: z.string(),
    price_cents: cents,
    currency,
    starts_on: dayOut,
    ends_on: dayOut.nullable().meta({ description: 'The last day that counts.' }),
  })
  .meta({ id: 'SubscriptionAddon' });

export const toAttachedAddon = (row: SubscriptionAddon): z.input<typeof attachedAddon> => ({
  id: row.id,
  code: row.code,
  resource_kind: row.resourceKind,
  qty: row.qty,
  price_cents: row.priceCents,
  currency: row.currency,
  starts_on: row.startsOn,
  ends_on: row.endsOn ?? null,
});

export const subscription = z
  .strictObject({
    id: uuid,
    deployment_id: uuid,
    status: z.enum(subscriptionStatuses),
    starts_on: dayOut,
    trial_ends_at: instant.nullable(),
    cancelled_at: instant.nullable(),
    current_period_start: dayOut,
    current_period_end: dayOut.meta({ description: 'Exclusive.' }),
    plan: plan.meta({ description: 'In force today; before the first day, the first.' }),
    versions: z
      .array(z.strictObject({ starts_on: dayOut, ...plan.shape }))
      .meta({ description: 'Each plan version with the first day that it is in force on.' }),
    addons: z.array(attachedAddon),
    pauses: z
      .array(z.strictObject({ starts_on: dayOut, ends_on: dayOut.nullable() }))
      .meta({ description: 'Paused days; ends_on is the first that is not.' }),
    created_at: instant,
  })
  .meta({ id: 'Subscription' });

export function toSubscription(details: SubscriptionDetails, today: Day): z.input<typeof subscription> {
  const { subscription: row, versions, addons, pauses } = details;
  const inForce = versions.findLast(({ startsOn }) => startsOn <= today) ?? versions[0];
  if (inForce === undefined) throw new Error(`subscription ${row.id} has no plan version`);
  return {
    id: row.id,
    deployment_id: row.deployment,
    status: row.status,
    starts_on: row.startsOn,
    trial_ends_at: toInstantOrNull(row.trialEndsAt ?? null),
    cancelled_at: toInstantOrNull(row.cancelledAt ?? null),
    current_period_start: row.currentPeriodStart,
    current_period_end: row.currentPeriodEnd,
    plan: toPlan(inForce),
    versions: versions.map((version) => ({ starts_on: version.startsOn, ...toPlan(version) })),
    addons: addons.map(toAttachedAddon),
    pauses: pauses.map(({ startsOn, endsOn }) => ({ starts_on: startsOn, ends_on: endsOn ?? null })),
    created_at: toInstant(row.createdAt),
  };
}

const toPlan = (version: SubscribedVersion): z.input<typeof plan> => ({
  plan_code: version.planCode,
  name: version.planName,
  version: version.version,
  base_price_cents: version.basePriceCents,
  currency: version.currency,
});

export const deploymentEvent = z
  .strictObject({
    type: z.enum(deploymentEventTypes),
    from_state: z.enum(deploymentStates).nullable(),
    to_state: z.enum(deploymentStates).nullable(),
    role: z.string(),
    actor: z.string().nullable().meta({ description: "A tenant isn't told which operator it was." }),
    reason: z.string().nullable().meta({ description: "A tenant isn't told an operator's." }),
    details: z.record(z.string(), json),
    occurred_at: instant,
  })
  .meta({ id: 'DeploymentEvent' });

/** @param isTenant what operators say among themselves is left out */
export function toDeploymentEvent(
  row: CloudDeploymentEvent,
  isTenant: boolean,
): z.input<typeof deploymentEvent> {
  const isOperators = row.role.startsWith('platform_');
  return {
    type: row.type,
    from_state: row.fromState ?? null,
    to_state: row.toState ?? null,
    role: row.role,
    actor: isTenant && isOperators ? null : row.actor,
    reason: isTenant && isOperators ? null : (row.reason ?? null),
    details: row.details,
    occurred_at: toInstant(row.occurredAt),
  };
}

export const membership = z
  .strictObject({ deployment_id: uuid, starts_at: instant, ends_at: instant.nullable() })
  .meta({ id: 'ResourceMembership', description: 'Half-open; without end where it still belongs to it.' });

export const toMembership = (row: Membership): z.input<typeof membership> => ({
  deployment_id: row.deploymentId,
  starts_at: toInstant(row.startsAt),
  ends_at: toInstantOrNull(row.endsAt),
});
