import { livesById, meteredNow, seconds } from './meteredSpans.ts';

/**
 * Bytes that each droplet sent to the public network. An hour that deployments share is split by the seconds that the droplet lived in
 * it, as whole bytes that add up: each share is what had gone out by its end less what had gone out by its beginning. What was measured of
 * an hour in which the droplet was no longer seen is split by the whole hour.
 */
export const bandwidth = `
  ${livesById('droplet')},
  hour as (
    select hour.resource_id, hour.bytes, (hour.hour_start at time zone 'UTC')::date as day,
      case when lived.starts_at < lived.ends_at then lived.starts_at else hour.hour_start end as starts_at,
      case when lived.starts_at < lived.ends_at then lived.ends_at else hour.hour_start + interval '1 hour' end as ends_at
    from cloud_bandwidth_hours hour
    join life on life.resource_id = hour.resource_id,
    lateral (
      select greatest(hour.hour_start, life.starts_at) as starts_at, least(hour.hour_start + interval '1 hour', life.ends_at) as ends_at
    ) as lived
    where hour.bytes > 0 and hour.hour_start >= :from::timestamp at time zone 'UTC'
      and hour.hour_start <= least(:until::timestamp at time zone 'UTC', ${meteredNow}) - interval '1 hour'
  ),
  share as (
    select deployment.tenant_id, membership.deployment_id, hour.resource_id, hour.day, hour.bytes::numeric as bytes,
      ${seconds('hour.starts_at', 'hour.ends_at')} as whole,
      ${seconds('hour.starts_at', `greatest(hour.starts_at, date_trunc('second', membership.starts_at))`)} as begins,
      ${seconds('hour.starts_at', `least(hour.ends_at, date_trunc('second', membership.ends_at))`)} as ends
    from hour
    join cloud_resource_memberships membership on membership.resource_id = hour.resource_id
      and date_trunc('second', membership.starts_at) < hour.ends_at
      and coalesce(date_trunc('second', membership.ends_at), 'infinity') > hour.starts_at
    join cloud_deployments deployment on deployment.id = membership.deployment_id
  ),
  computed as (
    select * from (
      select tenant_id, deployment_id, resource_id, day,
        sum(case when ends - begins = whole then bytes else div(bytes * ends, whole) - div(bytes * begins, whole) end) as quantity
      from share
      group by 1, 2, 3, 4
    ) as total
    where quantity > 0
  )`;
