import { inventoryEventTypes } from '../entities/cloudResourceEvent.ts';

/**
 * What every rule of metering starts from, as the beginning of a `with` clause. All instants are cut to whole seconds, so that
 * what two deployments share adds up.
 */

/** When the metering is. It and the range (`:from`, `:until`) are parameters where they are used, so that the planner sees them. */
export const meteredNow = `date_trunc('second', :now::timestamptz)`;

/** The days of the range that have begun; the running one ends now. */
export const begunDays = `
  day as materialized (
    select day::date as day, day at time zone 'UTC' as starts_at, least((day + interval '1 day') at time zone 'UTC', ${meteredNow}) as ends_at
    from generate_series(:from::timestamp, :until::timestamp - interval '1 day', interval '1 day') as day
    where day at time zone 'UTC' < ${meteredNow}
  )`;

/**
 * Whether an id is among those of a named parameter, a JSON list, or all are meant, where that is null. Written so that an index can be
 * used for a list.
 */
export const isAmong = (id: string, parameter: ':resources' | ':deployments') =>
  `(${parameter}::jsonb is null or ${id} = any(array(select jsonb_array_elements_text(${parameter}::jsonb)::uuid)))`;

/**
 * The life of each resource of a kind that has ids of its own at the provider: from its creation, else from when it was first seen,
 * until it was last seen, where it is gone. One that was missing for a while and returned was there all the time.
 */
export const livesById = (kind: 'droplet' | 'volume' | 'snapshot') => `
  life as materialized (
    select resource.id as resource_id, resource.attributes,
      date_trunc('second', coalesce(resource.created_at, resource.first_seen_at)) as starts_at,
      case when resource.gone_at is null then 'infinity' else date_trunc('second', resource.last_seen_at) end as ends_at
    from cloud_resources resource
    where resource.kind = '${kind}' and ${isAmong('resource.id', ':resources')}
  )`;

/** Whether an event tells what a resource was: what was asked of it may be spelled alike, and is no usage. */
export const wasSeen = (event: string) =>
  `${event}.type in (${inventoryEventTypes.map((type) => `'${type}'`).join(', ')})`;

/**
 * The same for a kind that the provider names by what a customer may give up and take again: one that returned is another one, unless
 * its creation says otherwise, and has a life of its own.
 */
export const livesByName = (kind: 'spaces_bucket' | 'domain') => `
  resource as (
    select resource.id, resource.created_at, resource.first_seen_at,
      case when resource.gone_at is null then 'infinity' else date_trunc('second', resource.last_seen_at) end as last_ends_at
    from cloud_resources resource
    where resource.kind = '${kind}' and ${isAmong('resource.id', ':resources')}
  ),
  creation as (
    select event.resource_id, min((event.changes->'created_at'->>'from')::timestamptz) as first_created_at
    from cloud_resource_events event join resource on resource.id = event.resource_id
    where ${wasSeen('event')} and jsonb_exists(event.changes, 'created_at')
    group by event.resource_id
  ),
  absence as (
    select event.resource_id,
      date_trunc('second', coalesce(event.changes->'last_seen_at'->>'from', event.changes->'gone_at'->>'from')::timestamptz) as starts_at,
      date_trunc('second', coalesce((event.changes->'created_at'->>'to')::timestamptz, event.occurred_at)) as ends_at
    from cloud_resource_events event join resource on resource.id = event.resource_id
    where event.type = 'returned' and (resource.created_at is null or jsonb_exists(event.changes, 'created_at'))
  ),
  life as materialized (
    select resource_id, starts_at, coalesce(lead(earlier_ends_at) over (partition by resource_id order by starts_at), last_ends_at) as ends_at
    from (
      select resource.id as resource_id, resource.last_ends_at, null::timestamptz as earlier_ends_at,
        date_trunc('second', coalesce(least(creation.first_created_at, resource.created_at), resource.first_seen_at)) as starts_at
      from resource left join creation on creation.resource_id = resource.id
      union all
      select absence.resource_id, resource.last_ends_at, absence.starts_at, absence.ends_at
      from absence join resource on resource.id = absence.resource_id
      where absence.ends_at > absence.starts_at
    ) as beginning
  )`;

/** When each resource lived and belonged to a deployment; `born_at` is when that life began. */
export const spans = `
  span as materialized (
    select deployment.tenant_id, membership.deployment_id, life.resource_id, life.starts_at as born_at,
      greatest(life.starts_at, date_trunc('second', membership.starts_at)) as starts_at,
      least(life.ends_at, date_trunc('second', membership.ends_at)) as ends_at
    from life
    join cloud_resource_memberships membership on membership.resource_id = life.resource_id
    join cloud_deployments deployment on deployment.id = membership.deployment_id
  )`;

/** Whole seconds of an interval. */
export const seconds = (from: string, until: string) => `extract(epoch from ${until} - ${from})::bigint`;
