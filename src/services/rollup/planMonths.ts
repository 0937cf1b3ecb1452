import { addDays } from '../../domain/calendar.ts';
import { ArcadiaError } from '../../domain/errors.ts';
import type { Period } from '../../domain/period.ts';
import { monthOfSubscription } from '../../domain/subscriptionDays.ts';
import type { DeploymentInputs } from '../../domain/tenantInvoice.ts';
import { toUsageTerms, type UsageRange, type UsageSum } from '../usageForPeriod.ts';
import type { DeploymentTerms, ResourcePrices } from './billingTerms.ts';
import { type LateMonth, monthKey } from './lateMonths.ts';

/** A deployment in a month, before its usage is known. */
export interface PlannedMonth {
  readonly period: Period;
  readonly deployment: DeploymentInputs;
  /** The days whose usage each version is billed for, in the order of the deployment's versions. */
  readonly ranges: readonly UsageRange[];
  /** From what an invoice was priced from, whose days were complete then. */
  readonly isStored: boolean;
}

/** A plan or addon in another currency than the tenant is billed in. */
export class MixedCurrency extends ArcadiaError {
  constructor(slug: string, currency: string, others: readonly string[]) {
    super(
      'mixed_currency',
      `deployment ${slug} is priced in ${others.join(' and ')}, but its tenant is billed in ${currency}`,
      { context: { slug, currency, others } },
    );
  }
}

/**
 * A deployment's days of a month by plan version; null where nothing of it is billed.
 * @throws MixedCurrency
 */
export function planMonth(
  deployment: DeploymentTerms,
  period: Period,
  currency: string,
): PlannedMonth | null {
  const { deploymentId, slug, timeline } = deployment;
  const month = timeline === null ? null : monthOfSubscription(timeline, period);
  if (timeline === null || month === null || month.versions.length === 0) return null;
  const attached = new Set(month.versions.flatMap(({ addons }) => addons.map(({ code }) => code)));
  const others = new Set([
    ...month.versions.map(({ plan }) => plan.currency),
    ...timeline.addons.filter(({ code }) => attached.has(code)).map((addon) => addon.currency),
  ]);
  others.delete(currency);
  if (others.size > 0) throw new MixedCurrency(slug, currency, [...others].toSorted());
  return {
    period,
    isStored: false,
    deployment: {
      deploymentId,
      slug,
      versions: month.versions.map(({ from, until, plan, addons, days }) => ({
        from,
        until,
        quote: { plan, addons, usage: [], days },
      })),
    },
    ranges: month.versions.map(({ usageFrom, usageUntil }) => ({
      deploymentId,
      from: usageFrom,
      until: usageUntil,
      currency,
    })),
  };
}

/** A late month: as its invoice was priced, else as a rollup would; null where nothing of it is billed. @throws MixedCurrency */
export function planLateMonth(
  month: LateMonth,
  stored: DeploymentInputs | undefined,
  deployment: DeploymentTerms,
  currency: string,
): PlannedMonth | null {
  if (stored === undefined) return planMonth(deployment, month.usageMonth, currency);
  return {
    period: month.usageMonth,
    isStored: true,
    deployment: stored,
    // Trial days come first, so those that count are the last ones.
    ranges: stored.versions.map(({ until, quote }) => ({
      deploymentId: month.deploymentId,
      from: addDays(until, -quote.days.usage),
      until,
      currency: quote.plan.currency,
    })),
  };
}

/** The month with its usage as it is now. @param sums by `monthKey` of deployment and first day */
export function withUsage(
  month: PlannedMonth,
  sums: ReadonlyMap<string, readonly UsageSum[]>,
  prices: ReadonlyMap<string, ResourcePrices>,
): DeploymentInputs {
  return {
    ...month.deployment,
    versions: month.deployment.versions.map((version, index) => {
      const range = month.ranges[index];
      if (range === undefined) throw new Error('a version has no days');
      const usage = toUsageTerms(range, sums.get(monthKey(range.deploymentId, range.from)) ?? [], {
        period: month.period,
        planKinds: new Set(version.quote.plan.items.map(({ resourceKind }) => resourceKind)),
        prices: prices.get(range.currency) ?? new Map(),
      });
      return { ...version, quote: { ...version.quote, usage } };
    }),
  };
}
