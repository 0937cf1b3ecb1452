import { bytesPerGb } from '../domain/meters.ts';
import { livesById, seconds, spans, wasSeen } from './meteredSpans.ts';

/** The size that the provider says, in GB, of what the attributes `attributes` say of a resource. */
export const sizeIn = (attributes: string) => `(${attributes}->>'size_gigabytes')::numeric`;

/**
 * Byte-seconds by the provider's GB, of 2^30 bytes each. A size holds from the sync that saw it until the next change; the first that
 * is known holds from creation. Parts of a byte are rounded half up, once a size.
 */
export const storedGigabytes = (kind: 'volume' | 'snapshot') => `
  ${livesById(kind)},
  ${spans},
  change as (
    select event.resource_id, event.id, date_trunc('second', event.occurred_at) as seen_at,
      ${sizeIn(`event.changes->'attributes'->'from'`)} as earlier_gb, ${sizeIn(`event.changes->'attributes'->'to'`)} as gb
    from cloud_resource_events event join life on life.resource_id = event.resource_id
    where ${wasSeen('event')} and jsonb_exists(event.changes, 'attributes')
  ),
  first_size as (
    select distinct on (resource_id) resource_id, coalesce(earlier_gb, gb) as gb from change
    where coalesce(earlier_gb, gb) is not null
    order by resource_id, seen_at, id
  ),
  size as materialized (
    select resource_id, round(gb * ${bytesPerGb}) as bytes, starts_at,
      lead(starts_at, 1, 'infinity') over (partition by resource_id order by starts_at, position) as ends_at
    from (
      select life.resource_id, coalesce(first_size.gb, ${sizeIn('life.attributes')}) as gb, '-infinity'::timestamptz as starts_at, 0 as position
      from life left join first_size on first_size.resource_id = life.resource_id
      union all
      select resource_id, gb, seen_at, id from change
    ) as known
    where gb is not null
  ),
  computed as (
    select span.tenant_id, span.deployment_id, span.resource_id, day.day,
      sum(size.bytes * ${seconds(
        'greatest(span.starts_at, day.starts_at, size.starts_at)',
        'least(span.ends_at, day.ends_at, size.ends_at)',
      )}) as quantity
    from span
    join day on span.starts_at < day.ends_at and span.ends_at > day.starts_at
    join size on size.resource_id = span.resource_id and size.starts_at < least(span.ends_at, day.ends_at)
      and size.ends_at > greatest(span.starts_at, day.starts_at)
    where span.starts_at < span.ends_at and size.bytes > 0
    group by 1, 2, 3, 4
  )`;
