import type { EntityManager } from '@mikro-orm/postgresql';
import { dayOf } from '../domain/calendar.ts';
import type { JsonValue } from '../domain/errors.ts';
import { type DeploymentState, type Pauser, subscriptionStatuses } from '../domain/lifecycle.ts';
import type { DunningState } from '../entities/cloudDeployment.ts';
import type { Session } from '../session.ts';

/** A deployment that goes to another state, and what its event says of it. */
export interface LeavingDeployment {
  readonly id: string;
  readonly from: DeploymentState;
  readonly details?: { readonly [key: string]: JsonValue };
}

export interface StateChange {
  readonly deployments: readonly LeavingDeployment[];
  readonly to: DeploymentState;
  readonly at: Date;
  readonly actor: Session;
  /** Set where dunning does it: only what dunning did is restored by a payment. */
  readonly dunningState?: DunningState;
  readonly reason?: string | undefined;
  readonly requestId?: string | undefined;
  readonly workflowId?: string | undefined;
}

/**
 * The one place that changes the state of deployments, of as many as it is given, in one statement: with an event and an audit row
 * each, the subscription's status, its pauses by day, the cancel, and the end of a trial that ends early. The caller has checked each
 * transition and holds the rows' locks; one that is no longer in its `from` is passed over.
 * @returns how many changed
 */
export async function setDeploymentState(em: EntityManager, change: StateChange): Promise<number> {
  const [row] = await em.execute<{ changed: number }[]>(changeStates, [
    JSON.stringify(change.deployments),
    JSON.stringify({
      to_state: change.to,
      status: subscriptionStatuses[change.to],
      at: change.at,
      today: dayOf(change.at.toISOString()),
      actor: change.actor.subject,
      role: change.actor.role,
      actor_tenant: change.actor.tenantId === '' ? null : change.actor.tenantId,
      dunning_state: change.dunningState ?? null,
      paused_by: change.to === 'paused' ? pauserOf(change) : null,
      reason: change.reason ?? null,
      request_id: change.requestId ?? null,
      workflow_id: change.workflowId ?? null,
    }),
  ]);
  return row?.changed ?? 0;
}

function pauserOf(change: StateChange): Pauser {
  if (change.dunningState !== undefined) return 'dunning';
  return change.actor.role === 'tenant' ? 'tenant' : 'operator';
}

const changeStates = `
  with leaving as materialized (
    select * from jsonb_to_recordset(?::jsonb) as leaving (id uuid, "from" text, details jsonb)
  ),
  change as materialized (
    select * from jsonb_to_record(?::jsonb) as change (to_state text, status text, at timestamptz, today date,
      actor text, role text, actor_tenant text, dunning_state text, paused_by text, reason text, request_id text, workflow_id text)
  ),
  changed as (
    update cloud_deployments deployment
    set state = change.to_state, paused_by = change.paused_by, dunning_state = change.dunning_state,
      dunning_since = case when change.dunning_state is not null then change.today end, updated_at = change.at
    from leaving, change
    -- The list as an array, too: the planner thinks little of what row level security lets through, and would read the whole table for each.
    where deployment.id = any (array(select id from leaving)) and deployment.id = leaving.id and deployment.state = leaving."from"
    returning deployment.id, deployment.tenant_id, leaving."from" as from_state, coalesce(leaving.details, '{}') as details
  ),
  event as (
    insert into cloud_deployment_events
      (deployment_id, tenant_id, type, from_state, to_state, actor, role, reason, details, occurred_at)
    select id, tenant_id, 'transition', from_state, change.to_state, change.actor, change.role, change.reason, details, change.at
    from changed, change order by id
  ),
  audited as (
    insert into audit_log (occurred_at, actor, role, tenant_id, action, subject_type, subject_id, reason, before, after,
      request_id, workflow_id)
    select change.at, change.actor, change.role, change.actor_tenant, 'cloud_deployment.transition', 'cloud_deployment', id,
      change.reason, jsonb_build_object('state', from_state), jsonb_build_object('state', change.to_state), change.request_id,
      change.workflow_id
    from changed, change order by id
  ),
  subscribed as (
    update subscriptions subscription
    set status = change.status,
      cancelled_at = case when change.to_state = 'cancelled' then change.at else subscription.cancelled_at end,
      trial_ends_at = case
        when changed.from_state = 'trial' and change.to_state = 'active' and subscription.trial_ends_at > change.at then change.at
        else subscription.trial_ends_at end
    from changed, change
    where subscription.deployment_id = changed.id
    returning subscription.id, subscription.tenant_id, changed.from_state
  ),
  begun_pause as (
    insert into subscription_pauses (subscription_id, tenant_id, starts_on)
    select id, tenant_id, change.today from subscribed, change
    where change.status = 'paused' and from_state not in ('paused', 'suspended')
  ),
  ended_pause as (
    update subscription_pauses pause set ends_on = change.today
    from subscribed, change
    where pause.subscription_id = subscribed.id and pause.ends_on is null and change.status = 'active' and pause.starts_on < change.today
  ),
  empty_pause as (
    delete from subscription_pauses pause using subscribed, change
    where pause.subscription_id = subscribed.id and pause.ends_on is null and change.status = 'active' and pause.starts_on >= change.today
  )
  select count(*)::int as changed from changed`;
