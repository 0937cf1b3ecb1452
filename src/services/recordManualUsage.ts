import { LockMode } from '@mikro-orm/core';
import type { EntityManager } from '@mikro-orm/postgresql';
import { type Day, dayOf } from '../domain/calendar.ts';
import { Unprocessable } from '../domain/errors.ts';
import type { MeterKind } from '../domain/meters.ts';
import { CloudDeployment } from '../entities/cloudDeployment.ts';
import { ManualUsage } from '../entities/manualUsage.ts';
import { Subscription } from '../entities/subscription.ts';
import type { Session } from '../session.ts';
import { recordAudit } from './recordAudit.ts';
import { beginUsageChange, noteLateUsage } from './usageChanges.ts';

export interface ManualUsageEntry {
  readonly deploymentId: string;
  readonly resourceKind: MeterKind;
  readonly day: Day;
  /** An integer of the kind's metered unit, as text; negative takes away. */
  readonly quantity: string;
  readonly reason: string;
  readonly actor: Session;
  readonly at: Date;
  readonly requestId: string;
}

/**
 * Adds usage that an operator states: a correction of what was metered, or a kind without a source. With an audit row, and noted as
 * late where the day's month is rolled up, in one transaction.
 * @returns undefined where there is no such deployment
 * @throws Unprocessable `usage_day_in_future`, `usage_outside_deployment` (before the deployment or its subscription began, or after the
 *   cancel day), `usage_below_zero` (the day's usage of the kind would be negative)
 */
export function recordManualUsage(
  em: EntityManager,
  entry: ManualUsageEntry,
): Promise<ManualUsage | undefined> {
  return em.transactional(async (transaction) => {
    await beginUsageChange(transaction);
    // Of two corrections of one deployment, the second sees the first.
    const deployment = await transaction.findOne(
      CloudDeployment,
      { id: entry.deploymentId },
      { lockMode: LockMode.PESSIMISTIC_WRITE },
    );
    if (deployment === null) return undefined;
    const subscription = await transaction.findOne(Subscription, { deployment: deployment.id });
    refuseOtherDays(entry, deployment, subscription);
    await refuseNegativeDay(transaction, entry);

    const usage = transaction.create(ManualUsage, {
      tenantId: deployment.tenantId,
      deployment: deployment.id,
      resourceKind: entry.resourceKind,
      day: entry.day,
      quantity: entry.quantity,
      reason: entry.reason,
      actor: entry.actor.subject,
      createdAt: entry.at,
    });
    await transaction.persist(usage).flush();
    await transaction.execute(
      `with changed as (select ?::uuid as deployment_id, ?::text as tenant_id, ?::date as day),
       ${noteLateUsage('changed', '?::timestamptz')}
       select 1`,
      [deployment.id, deployment.tenantId, entry.day, entry.at],
    );
    await recordAudit(transaction, entry.actor, {
      occurredAt: entry.at,
      action: 'manual_usage.create',
      subjectType: 'manual_usage',
      subjectId: usage.id,
      reason: entry.reason,
      after: {
        deployment_id: deployment.id,
        resource_kind: entry.resourceKind,
        day: entry.day,
        quantity: entry.quantity,
      },
      requestId: entry.requestId,
    });
    return usage;
  });
}

function refuseOtherDays(
  entry: ManualUsageEntry,
  deployment: CloudDeployment,
  subscription: Subscription | null,
): void {
  const today = dayOf(entry.at.toISOString());
  if (entry.day > today) {
    throw new Unprocessable('usage_day_in_future', `day is ${entry.day}, after today (${today})`, {
      field: 'day',
      context: { day: entry.day, today },
    });
  }
  const created = dayOf(deployment.createdAt.toISOString());
  const first = subscription?.startsOn ?? created;
  const last = subscription?.cancelledAt == null ? today : dayOf(subscription.cancelledAt.toISOString());
  if (entry.day < first || entry.day > last) {
    throw new Unprocessable(
      'usage_outside_deployment',
      `day is ${entry.day}; usage of this deployment counts from ${first} to ${last}`,
      { field: 'day', context: { day: entry.day, first, last } },
    );
  }
}

async function refuseNegativeDay(em: EntityManager, entry: ManualUsageEntry): Promise<void> {
  const of = [entry.deploymentId, entry.resourceKind, entry.day];
  const [row] = await em.execute<{ used: string; is_negative: boolean }[]>(
    `select used::text, used + ?::numeric < 0 as is_negative
     from (
       select coalesce(sum(quantity), 0) as used
       from (
         select quantity from metered_usage where deployment_id = ? and resource_kind = ? and day = ?
         union all
         select quantity from manual_usage where deployment_id = ? and resource_kind = ? and day = ?
       ) as entry
     ) as total`,
    [entry.quantity, ...of, ...of],
  );
  if (row?.is_negative === true) {
    throw new Unprocessable(
      'usage_below_zero',
      `quantity is ${entry.quantity}, but only ${row.used} of ${entry.resourceKind} was used on ${entry.day}`,
      { field: 'quantity', context: { quantity: entry.quantity, used: row.used } },
    );
  }
}
