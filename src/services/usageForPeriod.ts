import type { EntityManager } from '@mikro-orm/postgresql';
import type { Day } from '../domain/calendar.ts';
import { type MeterKind, meterKindNames, meterKinds, toBaseQuantity } from '../domain/meters.ts';
import { Decimal, sum } from '../domain/money.ts';
import { nextPeriod, type Period } from '../domain/period.ts';
import type { ResourcePriceTerms } from '../domain/planTerms.ts';
import type { UsageTerms } from '../domain/quote.ts';
import { priceSpans } from '../domain/resourcePrices.ts';
import { kindsWithSources, listingIncomplete, usageGaps } from './usageSources.ts';

/** Days of one deployment, `until` excluded. Of one call, no two have the same deployment and first day. */
export interface DeploymentDays {
  readonly deploymentId: string;
  readonly from: Day;
  readonly until: Day;
}

/** Days whose usage is summed; resource prices are those of the currency, which is the plan's. */
export interface UsageRange extends DeploymentDays {
  readonly currency: string;
}

/** What was used of a kind on those days of a range on which one resource price was in force at the day's end. */
export interface UsageSum {
  readonly deploymentId: string;
  /** The range's first day. */
  readonly from: Day;
  readonly resourceKind: MeterKind;
  /** Names the resource price; null where none of that currency is in force. */
  readonly priceEffectiveFrom: Day | null;
  /** An integer of the kind's metered unit: the sum of the days, or their maximum, as the kind counts; never negative. */
  readonly metered: string;
}

/** Days of a deployment on which a kind is not known for good. */
export interface IncompleteUsage extends DeploymentDays {
  readonly resourceKind: MeterKind;
  /** `missing`: the day was never metered. */
  readonly state: 'missing' | 'open' | 'unknown';
  readonly days: number;
  readonly firstDay: Day;
  /** Why it is unknown. */
  readonly reason: string | null;
}

/** Sums metered and manual usage of many ranges in one statement; kinds without any usage have no row. */
export async function sumUsage(em: EntityManager, ranges: readonly UsageRange[]): Promise<UsageSum[]> {
  if (ranges.length === 0) return [];
  return em.execute<UsageSum[]>(sums, [JSON.stringify(ranges)]);
}

/** What was metered, and what was corrected, of a kind on the days of one span. */
const ofSpan = (rows: string) =>
  `${rows}.deployment_id = span."deploymentId" and ${rows}.resource_kind = span.resource_kind`;
const onItsDays = (rows: string) =>
  `${ofSpan(rows)} and ${rows}.day >= span.first_day and ${rows}.day < span.until`;

/**
 * A day is its metered rows and its corrections, and never less than nothing. Each kind is looked up by itself, in the order of the
 * index, on the days of one price. What is metered is never negative: of a kind that is added up, only days with corrections are looked
 * at one by one.
 */
const sums = `
  with range as materialized (
    select * from jsonb_to_recordset(?::jsonb) as range ("deploymentId" uuid, "from" date, "until" date, currency text)
  ),
  price as materialized (
    select resource_kind, currency, effective_from, starts_on,
      lead(starts_on, 1, 'infinity') over (partition by resource_kind, currency order by starts_on) as ends_on,
      resource_kind in (${kindsBy('max')}) as is_maximum
    from (
      select resource_kind, currency, null::date as effective_from, '-infinity'::date as starts_on
      from (values ${meterKindNames.map((kind) => `('${kind}')`).join(', ')}) as kind (resource_kind),
        (select distinct currency from range) as currency
      union all
      select resource_kind, currency, effective_from, effective_from from resource_prices
    ) as known
  ),
  span as materialized (
    select range."deploymentId", range."from", price.resource_kind, price.effective_from, price.is_maximum,
      greatest(range."from", price.starts_on) as first_day, least(range."until", price.ends_on) as until
    from range
    join price on price.currency = range.currency and price.starts_on < range."until" and price.ends_on > range."from"
  )
  select span."deploymentId", span."from"::text, span.resource_kind as "resourceKind",
    span.effective_from::text as "priceEffectiveFrom", total.metered::text
  from span,
  lateral (
    select case when span.is_maximum then (
      select max(daily.quantity)
      from (
        select sum(entry.quantity) as quantity
        from (
          select usage.day, usage.quantity from metered_usage usage where ${onItsDays('usage')}
          union all
          select manual.day, manual.quantity from manual_usage manual where ${onItsDays('manual')}
        ) as entry
        group by entry.day
      ) as daily
    ) else coalesce((
      select sum(usage.quantity) from metered_usage usage where ${onItsDays('usage')}
    ), 0) + coalesce((
      select sum(greatest(corrected.quantity, -corrected.metered))
      from (
        select sum(manual.quantity) as quantity, coalesce((
          select sum(usage.quantity) from metered_usage usage where ${ofSpan('usage')} and usage.day = manual.day
        ), 0) as metered
        from manual_usage manual where ${onItsDays('manual')}
        group by manual.day
      ) as corrected
    ), 0) end as metered
    offset 0
  ) as total
  where total.metered > 0
  order by 1, 2, 3, 4 nulls first`;

function kindsBy(aggregation: 'sum' | 'max'): string {
  const kinds = meterKindNames.filter((kind) => meterKinds[kind].aggregation === aggregation);
  return kinds.map((kind) => `'${kind}'`).join(', ');
}

/**
 * The days of the ranges on which usage may still change or is unknown, in one statement; none means that all can be billed. A day that
 * was not metered to its end holds up everybody; one that is unknown only the deployments whose resources have gaps.
 */
export async function incompleteDays(
  em: EntityManager,
  ranges: readonly DeploymentDays[],
): Promise<IncompleteUsage[]> {
  if (ranges.length === 0) return [];
  return em.execute<IncompleteUsage[]>(incomplete, [JSON.stringify(ranges)]);
}

/** What is unknown is judged by what was known when the day was metered last: its rows know no more. */
const incomplete = `
  with range as materialized (
    select * from jsonb_to_recordset(?::jsonb) as range ("deploymentId" uuid, "from" date, "until" date)
  ),
  ${kindsWithSources},
  pending as materialized (
    select every.day::date as day, kind.resource_kind, coalesce(metered.state, 'missing') as state, metered.reason,
      metered.metered_at, every.day at time zone 'UTC' as starts_at, (every.day + interval '1 day') at time zone 'UTC' as ends_at
    from (select min("from") as first_day, max("until") as until from range) as bound
    cross join generate_series(bound.first_day::timestamp, bound.until::timestamp - interval '1 day', interval '1 day') as every (day)
    cross join kind
    left join metered_days metered on metered.day = every.day::date and metered.resource_kind = kind.resource_kind
    where metered.state is distinct from 'closed'
  ),
  wanted as materialized (
    select day, resource_kind, starts_at, ends_at, metered_at as as_of, reason like '${listingIncomplete}:%' as was_unlisted
    from pending where state = 'unknown'
  ),
  ${usageGaps(`membership.deployment_id in (select "deploymentId" from range)`)},
  concerned as (
    select range."deploymentId", range."from", range."until", pending.day, pending.resource_kind, pending.state, pending.reason
    from range join pending on pending.day >= range."from" and pending.day < range."until"
    where pending.state <> 'unknown'
      or (pending.day, pending.resource_kind, range."deploymentId") in (
        select day, resource_kind, deployment_id from gap)
  )
  select "deploymentId", "from"::text, "until"::text, resource_kind as "resourceKind", state, count(*)::int as days, min(day)::text as "firstDay",
    min(reason) as reason
  from concerned
  group by "deploymentId", "from", "until", resource_kind, state
  order by 1, 2, min(day), resource_kind`;

/**
 * The usage of one range in base units, as `quoteVersion` takes it; each sum is rounded once, to six decimals, half up.
 * @param sums those of this range
 * @param planKinds the kinds that the plan has an item for: one slice without a price each; every other kind has one for each span of
 *   days with one resource price
 * @param prices every resource price of the range's currency, by kind
 */
export function toUsageTerms(
  range: UsageRange,
  sums: readonly UsageSum[],
  options: {
    readonly period: Period;
    readonly planKinds: ReadonlySet<MeterKind>;
    readonly prices: ReadonlyMap<MeterKind, readonly ResourcePriceTerms[]>;
  },
): UsageTerms[] {
  const byKind = Map.groupBy(sums, (entry) => entry.resourceKind);
  return meterKindNames.flatMap((kind) => {
    const entries = byKind.get(kind);
    // Of two versions on one day, the first may have no days: what is listed under that day is the other's.
    if (entries === undefined || range.from >= range.until) return [];
    const prices = options.planKinds.has(kind) ? [] : (options.prices.get(kind) ?? []);
    const spans = priceSpans(prices, range.from, range.until);
    return {
      resourceKind: kind,
      slices: spans.map((span) => ({
        qty: toBaseQuantity(
          kind,
          total(
            kind,
            prices.length === 0
              ? entries
              : entries.filter((entry) => entry.priceEffectiveFrom === (span.price?.effectiveFrom ?? null)),
          ),
          options.period,
        ).toFixed(),
        days: span.days,
        price: span.price,
      })),
    };
  });
}

function total(kind: MeterKind, sums: readonly UsageSum[]): Decimal {
  const quantities = sums.map((entry) => new Decimal(entry.metered));
  return meterKinds[kind].aggregation === 'max' ? Decimal.max(0, ...quantities) : sum(quantities);
}

/** What a deployment used in a month of each kind that it used: in metered units, and in base units rounded once. */
export async function usageForPeriod(
  em: EntityManager,
  query: { readonly deploymentId: string; readonly period: Period },
): Promise<{ readonly resourceKind: MeterKind; readonly metered: string; readonly qty: string }[]> {
  const { deploymentId, period } = query;
  // Without a currency no resource price divides the month.
  const range = { deploymentId, from: period, until: nextPeriod(period), currency: '' };
  return (await sumUsage(em, [range])).map(({ resourceKind, metered }) => ({
    resourceKind,
    metered,
    qty: toBaseQuantity(resourceKind, metered, period).toFixed(),
  }));
}
