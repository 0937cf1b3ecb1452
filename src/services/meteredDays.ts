import { raw } from '@mikro-orm/core';
import type { EntityManager } from '@mikro-orm/postgresql';
import type { Day } from '../domain/calendar.ts';
import type { MeterKind } from '../domain/meters.ts';
import type { Session } from '../session.ts';
import { recordAudit } from './recordAudit.ts';
import { kindsWithSources, listingIncomplete, usageGaps } from './usageSources.ts';

/** Days that follow each other, `until` excluded. */
export interface DayRange {
  readonly from: Day;
  readonly until: Day;
}

/** Days of a kind that have ended and are not known for good, and the first of them with its reason. */
export interface UnknownDays {
  readonly unknown: number;
  readonly firstUnknown: {
    readonly day: Day;
    readonly resourceKind: MeterKind;
    readonly reason: string;
  } | null;
}

/** Before the reason of a day that an operator closed: such a day stays closed however often it is metered. */
const accepted = 'accepted: ';
/**
 * Records how far each kind is metered on the days of a range: open until the day has ended; then closed, if no resource of a deployment
 * has a gap (`usageGaps`); else unknown, with the code of the gap and how many resources have one.
 */
export async function recordMeteredDays(
  em: EntityManager,
  range: DayRange & { readonly now: Date },
): Promise<UnknownDays> {
  const unknown = await em.execute<{ day: Day; resource_kind: MeterKind; reason: string }[]>(
    raw(recordStates, { ...range }),
  );
  const [first] = unknown;
  return {
    unknown: unknown.length,
    firstUnknown:
      first === undefined
        ? null
        : { day: first.day, resourceKind: first.resource_kind, reason: first.reason },
  };
}

/** Where several things are missing, that of the listing is said: it holds up all resources of the kind. */
const gapsByDay = `
    select day, resource_kind, problem || ': ' || resources || ' of the resources in deployments' as reason
    from (
      select distinct on (day, resource_kind) day, resource_kind, problem, count(distinct resource_id) as resources
      from gap group by day, resource_kind, problem
      order by day, resource_kind, problem <> '${listingIncomplete}', problem
    ) as first_problem`;

const recordStates = `
  with ${kindsWithSources},
  every as materialized (
    select day::date as day, kind.resource_kind, day at time zone 'UTC' as starts_at, (day + interval '1 day') at time zone 'UTC' as ends_at,
      :now::timestamptz as as_of, false as was_unlisted
    from generate_series(:from::timestamp, :until::timestamp - interval '1 day', interval '1 day') as day, kind
    where day at time zone 'UTC' <= :now::timestamptz
  ),
  wanted as materialized (select * from every where ends_at <= as_of),
  ${usageGaps('true')},
  gaps as (${gapsByDay}),
  known as (
    select every.day, every.resource_kind, gaps.reason,
      case when every.ends_at > every.as_of then 'open' when gaps.day is null then 'closed' else 'unknown' end as state
    from every left join gaps using (day, resource_kind)
  ),
  written as (
    insert into metered_days as before (day, resource_kind, state, reason, metered_at, closed_at)
    select day, resource_kind, state, reason, :now, case when state = 'closed' then :now::timestamptz end from known
    on conflict (day, resource_kind) do update set metered_at = excluded.metered_at,
      state = case when before.reason like '${accepted}%' then 'closed' else excluded.state end,
      reason = case when before.reason like '${accepted}%' then before.reason else excluded.reason end,
      closed_at = case when before.state = 'closed' and (excluded.state = 'closed' or before.reason like '${accepted}%')
        then before.closed_at else excluded.closed_at end
    returning day, resource_kind, state, reason
  )
  select day::text, resource_kind, reason from written where state = 'unknown' order by day, resource_kind`;

/**
 * Marks closed days as unknown that some resources have gaps on, for who has put these resources into deployments; a day that an operator
 * closed stays.
 */
export async function reopenDaysWithGaps(
  em: EntityManager,
  range: DayRange & { readonly now: Date; readonly resourceIds: readonly string[] },
): Promise<void> {
  await em.execute(raw(reopen, { ...range, resources: JSON.stringify(range.resourceIds) }));
}

const reopen = `
  with ${kindsWithSources},
  wanted as materialized (
    select day, resource_kind, day::timestamp at time zone 'UTC' as starts_at, (day::timestamp + interval '1 day') at time zone 'UTC' as ends_at,
      :now::timestamptz as as_of, false as was_unlisted
    from metered_days where state = 'closed' and reason is null and day >= :from::date and day < :until::date
  ),
  ${usageGaps('membership.resource_id in (select jsonb_array_elements_text(:resources::jsonb)::uuid)')},
  gaps as (${gapsByDay})
  update metered_days metered set state = 'unknown', closed_at = null, reason = gaps.reason from gaps
  where metered.day = gaps.day and metered.resource_kind = gaps.resource_kind`;

/**
 * Closes the unknown days of a kind as they are, on an operator's word, for what nobody will ever know: readings that the provider has
 * forgotten. Further metering may change their rows, and keeps them closed.
 * @returns how many days
 */
export async function acceptUnknownDays(
  em: EntityManager,
  days: DayRange & { readonly resourceKind: MeterKind },
  by: { readonly actor: Session; readonly reason: string; readonly at: Date; readonly requestId: string },
): Promise<number> {
  return em.transactional(async (transaction) => {
    const rows = await transaction.execute<{ day: Day; reason: string }[]>(
      `with before as (
         select day, resource_kind, reason from metered_days
         where resource_kind = ? and day >= ?::date and day < ?::date and state = 'unknown' for update
       ),
       closed as (
         update metered_days set state = 'closed', reason = ?, closed_at = ? from before
         where metered_days.day = before.day and metered_days.resource_kind = before.resource_kind
       )
       select day::text, reason from before order by day`,
      [days.resourceKind, days.from, days.until, `${accepted}${by.reason}`, by.at],
    );
    if (rows.length > 0) {
      await recordAudit(transaction, by.actor, {
        occurredAt: by.at,
        action: 'metered_day.accept',
        subjectType: 'metered_day',
        subjectId: `${days.resourceKind} ${rows[0]?.day ?? ''}`,
        reason: by.reason,
        before: rows.map((row) => ({ day: row.day, state: 'unknown', reason: row.reason })),
        after: { state: 'closed', days: rows.length },
        requestId: by.requestId,
      });
    }
    return rows.length;
  });
}

/** After a day has ended, late readings of its last hours may come for this long: hours are read again that many times, and then some. */
const lateReadingHours = 8;

/**
 * The days that an hourly metering has to do: from the first day that a resource was in a deployment or a subscription began, each of
 * which some kind is not closed, the running day, and the one before for as long as its readings may change.
 */
export async function findDaysToMeter(em: EntityManager, now: Date): Promise<DayRange[]> {
  return em.execute<DayRange[]>(
    `with ${kindsWithSources},
     input as (select ?::timestamptz as now, (?::timestamptz at time zone 'UTC')::date as today),
     beginning as (
       select least((select min(starts_at at time zone 'UTC')::date from cloud_resource_memberships),
         (select min(starts_on) from subscriptions), input.today) as first_day
       from input
     ),
     wanted as (
       select every.day::date as day
       from input, beginning, generate_series(beginning.first_day::timestamp, input.today::timestamp, interval '1 day') as every (day)
       where every.day + interval '1 day' + interval '${lateReadingHours} hours' > input.now at time zone 'UTC'
         or exists (select from kind where not exists (
           select from metered_days metered
           where metered.day = every.day::date and metered.resource_kind = kind.resource_kind and metered.state = 'closed'))
     )
     select min(day)::text as "from", (max(day) + 1)::text as "until"
     from (select day, day - (row_number() over (order by day))::int as run from wanted) as numbered
     group by run order by 1`,
    [now, now],
  );
}
