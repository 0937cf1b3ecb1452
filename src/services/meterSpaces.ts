import { livesByName, seconds, spans } from './meteredSpans.ts';

/**
 * Byte-seconds of each bucket: what was measured holds until the next measurement, and before the first there is nothing. A bucket that
 * came again under its name starts anew.
 */
export const spaces = `
  ${livesByName('spaces_bucket')},
  ${spans},
  -- A measurement may take until the day after it began on, so those that began two days before may fall into the range.
  measured as (
    select bucket.resource_id, usage.bytes, usage.measured_at
    from (select distinct resource_id from span) as bucket, lateral (
      select bytes, measured_at from cloud_spaces_usage
      where resource_id = bucket.resource_id and measured_on >= (:from::date - 2) and measured_on < :until::date
      union all
      (select bytes, measured_at from cloud_spaces_usage
       where resource_id = bucket.resource_id and measured_on < (:from::date - 2)
       order by measured_on desc limit 1)
    ) as usage
  ),
  size as materialized (
    select resource_id, bytes, starts_at, lead(starts_at, 1, 'infinity') over (partition by resource_id order by starts_at) as ends_at
    from (select resource_id, bytes, date_trunc('second', measured_at) as starts_at from measured) as measured
  ),
  computed as (
    select span.tenant_id, span.deployment_id, span.resource_id, day.day,
      sum(size.bytes::numeric * ${seconds(
        'greatest(span.starts_at, day.starts_at, size.starts_at)',
        'least(span.ends_at, day.ends_at, size.ends_at)',
      )}) as quantity
    from span
    join day on span.starts_at < day.ends_at and span.ends_at > day.starts_at
    join size on size.resource_id = span.resource_id and size.starts_at < least(span.ends_at, day.ends_at)
      and size.ends_at > greatest(span.starts_at, day.starts_at) and size.starts_at >= span.born_at
    where span.starts_at < span.ends_at and size.bytes > 0
    group by 1, 2, 3, 4
  )`;
