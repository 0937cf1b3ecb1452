import type { EntityManager } from '@mikro-orm/postgresql';
import { addDays, type Day, dayOf, daysBetween } from '../domain/calendar.ts';
import { type MeterKind, meterKindNames, toBaseQuantity } from '../domain/meters.ts';
import { nextPeriod, type Period } from '../domain/period.ts';
import { CloudDeployment } from '../entities/cloudDeployment.ts';
import { ManualUsage } from '../entities/manualUsage.ts';
import type { MeteredDayState } from '../entities/meteredDay.ts';
import type { KeysetPage } from './listInventory.ts';
import { incompleteDays, sumUsage } from './usageForPeriod.ts';

/** Days of a month that have begun, by how far a kind is metered on them; a day that was never metered counts as open. */
export type DaysByState = Readonly<Record<MeteredDayState, number>>;

export interface KindUsage {
  readonly resourceKind: MeterKind;
  /** An integer of the kind's metered unit. */
  readonly metered: string;
  /** In the kind's base unit, rounded once to six decimals. */
  readonly qty: string;
  readonly days: DaysByState;
}

export interface DeploymentUsage {
  readonly deployment: CloudDeployment;
  readonly usage: readonly KindUsage[];
}

/**
 * What deployments used in a month so far, every kind, as far as the session of `em` sees them; one page by deployment id.
 * @param system sees how far each day is metered, which tenants' sessions don't
 */
export async function listUsage(
  em: EntityManager,
  system: EntityManager,
  query: {
    readonly period: Period;
    readonly deploymentId?: string | undefined;
    /** Every one of them must be the deployment's tenant. */
    readonly tenants: readonly string[];
    readonly now: Date;
  },
  page: KeysetPage<string>,
): Promise<DeploymentUsage[]> {
  const { period } = query;
  const deployments = await em.find(
    CloudDeployment,
    {
      $and: [
        ...query.tenants.map((tenantId) => ({ tenantId })),
        ...(query.deploymentId === undefined ? [] : [{ id: query.deploymentId }]),
        ...(page.after === undefined ? [] : [{ id: { $gt: page.after } }]),
      ],
    },
    { orderBy: { id: 'asc' }, limit: page.limit + 1 },
  );
  const until = endOfBegunDays(period, query.now);
  const ranges = deployments.map(({ id }) => ({ deploymentId: id, from: period, until, currency: '' }));
  const sums = Map.groupBy(await sumUsage(em, ranges), (entry) => entry.deploymentId);
  const incomplete = Map.groupBy(await incompleteDays(system, ranges), (entry) => entry.deploymentId);
  return deployments.map((deployment) => ({
    deployment,
    usage: meterKindNames.map((kind) => {
      const metered = sums.get(deployment.id)?.find((entry) => entry.resourceKind === kind)?.metered ?? '0';
      const notClosed = incomplete.get(deployment.id)?.filter((entry) => entry.resourceKind === kind) ?? [];
      const unknown = daysOf(notClosed.filter((entry) => entry.state === 'unknown'));
      const open = daysOf(notClosed) - unknown;
      return {
        resourceKind: kind,
        metered,
        qty: toBaseQuantity(kind, metered, period).toFixed(),
        days: { open, closed: daysBetween(period, until) - open - unknown, unknown },
      };
    }),
  }));
}

/** The end of a month's days that have begun; its first day where none has. */
function endOfBegunDays(period: Period, now: Date): Day {
  const tomorrow = addDays(dayOf(now.toISOString()), 1);
  const end = nextPeriod(period);
  if (tomorrow >= end) return end;
  if (tomorrow <= period) return period;
  return tomorrow;
}

const daysOf = (entries: readonly { readonly days: number }[]) =>
  entries.reduce((total, entry) => total + entry.days, 0);

/** Usage of one kind on one day. */
export interface UsageDay {
  readonly day: Day;
  readonly state: MeteredDayState;
  /** Why it is unknown. */
  readonly reason: string | null;
  /** What counts: what was metered and the corrections, never less than nothing. */
  readonly metered: string;
  /** How many resources it was metered from. */
  readonly resources: number;
  readonly corrections: readonly ManualUsage[];
}

/**
 * What a deployment used of a kind on each day of a month that has begun, as far as the session of `em` sees it.
 * @param system as for `listUsage`
 * @returns undefined where there is no such deployment
 */
export async function listUsageDays(
  em: EntityManager,
  system: EntityManager,
  query: {
    readonly deploymentId: string;
    readonly tenantId?: string | undefined;
    readonly resourceKind: MeterKind;
    readonly period: Period;
    readonly now: Date;
  },
): Promise<UsageDay[] | undefined> {
  const { deploymentId, resourceKind, period, tenantId } = query;
  const known = await em.count(CloudDeployment, {
    id: deploymentId,
    ...(tenantId === undefined ? {} : { tenantId }),
  });
  if (known === 0) return undefined;
  const until = endOfBegunDays(period, query.now);
  const days = Array.from({ length: daysBetween(period, until) }, (_, index) => addDays(period, index));
  const ranges = days.map((day) => ({ deploymentId, from: day, until: addDays(day, 1), currency: '' }));
  const ofKind = <Entry extends { resourceKind: MeterKind }>(entries: readonly Entry[]) =>
    entries.filter((entry) => entry.resourceKind === resourceKind);
  const sums = ofKind(await sumUsage(em, ranges));
  const incomplete = ofKind(await incompleteDays(system, ranges));
  const resources = await em.execute<{ day: Day; resources: number }[]>(
    `select day::text, count(*)::int as resources from metered_usage
     where deployment_id = ? and resource_kind = ? and day >= ? and day < ? group by day`,
    [deploymentId, resourceKind, period, until],
  );
  const corrections = await em.find(
    ManualUsage,
    { deployment: deploymentId, resourceKind, day: { $gte: period, $lt: until } },
    { orderBy: { createdAt: 'asc', id: 'asc' } },
  );
  return days.map((day) => {
    const pending = incomplete.find((entry) => entry.from === day);
    return {
      day,
      state: pending === undefined ? 'closed' : pending.state === 'unknown' ? 'unknown' : 'open',
      reason: pending?.reason ?? null,
      metered: sums.find((entry) => entry.from === day)?.metered ?? '0',
      resources: resources.find((entry) => entry.day === day)?.resources ?? 0,
      corrections: corrections.filter((entry) => entry.day === day),
    };
  });
}
