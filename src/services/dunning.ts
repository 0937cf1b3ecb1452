import type { EntityManager } from '@mikro-orm/postgresql';
import { dayOf } from '../domain/calendar.ts';
import type { DeploymentState } from '../domain/lifecycle.ts';
import type { DunningState } from '../entities/cloudDeployment.ts';
import { systemSession } from '../session.ts';
import { arrayLiteral } from './arrayLiteral.ts';
import { setDeploymentState } from './setDeploymentState.ts';

/** After how many days in one state of dunning the next one follows. */
export interface DunningTimes {
  /** From past due to paused. */
  readonly pauseAfterDays: number;
  /** From paused to suspended. */
  readonly suspendAfterDays: number;
}

/** At most `limit` rows; what is done is dated `now`. */
export interface SweepBatch {
  readonly now: Date;
  readonly limit: number;
  readonly workflowId?: string | undefined;
}

/** The tenants that owe: what is issued and was due before today. The caller's `input` says when today is. */
const overdue = `
  overdue as (
    select invoice.tenant_id, min(invoice.due_on)::text as due_on, count(*)::int as invoices
    from input, tenant_invoices invoice
    where invoice.status = 'issued' and invoice.due_cents > 0 and invoice.due_on < input.today
    group by invoice.tenant_id
  )`;

/** Whom a step takes, of the deployments of tenants that owe. */
const taken: Readonly<Record<DunningState, string>> = {
  past_due: `deployment.state = 'active'`,
  paused: `deployment.state = 'past_due' and deployment.dunning_state = 'past_due' and deployment.dunning_since <= input.today - input.days`,
  suspended: `deployment.state = 'paused' and deployment.dunning_state = 'paused' and deployment.dunning_since <= input.today - input.days`,
};

/**
 * Takes the next deployments of tenants that owe one step further: active to past due, past due to paused, paused to suspended. Those
 * with billing actions suspended stay. Never dated back: where days were missed, the next step's time begins now.
 * @returns how many; none are left where it is zero
 */
export function dun(
  em: EntityManager,
  step: DunningState,
  batch: SweepBatch,
  times: DunningTimes,
): Promise<number> {
  const days = { past_due: 0, paused: times.pauseAfterDays, suspended: times.suspendAfterDays }[step];
  return em.transactional(async (transaction) => {
    await lockDunning(transaction, 'exclusive');
    const found = await transaction.execute<
      { id: string; state: DeploymentState; due_on: string; invoices: number }[]
    >(
      `with input as (select ?::date as today, ?::int as days), ${overdue}
       select deployment.id, deployment.state, overdue.due_on, overdue.invoices
       from input, overdue join cloud_deployments deployment on deployment.tenant_id = overdue.tenant_id
       where not deployment.billing_action_suspended and ${taken[step]}
       order by deployment.id limit ? for no key update of deployment`,
      [dayOf(batch.now.toISOString()), days, batch.limit],
    );
    return setDeploymentState(transaction, {
      deployments: found.map(({ id, state, due_on, invoices }) => ({
        id,
        from: state,
        details: { overdue_since: due_on, overdue_invoices: invoices },
      })),
      to: step,
      at: batch.now,
      actor: systemSession,
      dunningState: step,
      reason: 'an invoice is overdue',
      workflowId: batch.workflowId,
    });
  });
}

/**
 * Makes active again what dunning changed, of these tenants, where nothing of a tenant is overdue any more; what somebody else paused or
 * suspended stays, and so does what has billing actions suspended. To be called in the transaction that books a payment, after it.
 * @returns how many deployments
 */
export function restoreAfterPayment(
  em: EntityManager,
  tenantIds: readonly string[],
  now: Date,
): Promise<number> {
  return restore(em, { now, limit: 1_000_000 }, tenantIds);
}

/** The same for whoever nothing is overdue of, for what no payment announced: a credit note, an invoice that became void. */
export function restoreNext(em: EntityManager, batch: SweepBatch): Promise<number> {
  return restore(em, batch, null);
}

function restore(em: EntityManager, batch: SweepBatch, tenantIds: readonly string[] | null): Promise<number> {
  return em.transactional(async (transaction) => {
    await lockDunning(transaction, 'shared');
    const found = await transaction.execute<{ id: string; from: DeploymentState }[]>(
      `with input as (select ?::date as today, ?::text[] as tenants), ${overdue}
       select deployment.id, deployment.state as "from"
       from input, cloud_deployments deployment
       where deployment.dunning_state is not null and not deployment.billing_action_suspended
         and (input.tenants is null or deployment.tenant_id = any(input.tenants))
         and deployment.tenant_id not in (select tenant_id from overdue)
       order by deployment.id limit ? for no key update of deployment`,
      [dayOf(batch.now.toISOString()), tenantIds === null ? null : arrayLiteral(tenantIds), batch.limit],
    );
    return setDeploymentState(transaction, {
      deployments: found,
      to: 'active',
      at: batch.now,
      actor: systemSession,
      reason: 'nothing is overdue any more',
      workflowId: batch.workflowId,
    });
  });
}

/**
 * A payment that is booked while a sweep runs: either the sweep sees it, or the restoring that follows it sees what the sweep did.
 */
async function lockDunning(em: EntityManager, how: 'shared' | 'exclusive'): Promise<void> {
  const lock = how === 'shared' ? 'pg_advisory_xact_lock_shared' : 'pg_advisory_xact_lock';
  await em.execute(`select ${lock}(hashtext('dunning'))`);
}
