import { type MeterKind, meterKindNames } from '../domain/meters.ts';
import type { ResourceKind } from '../domain/resourceKind.ts';
import { wasSeen } from './meteredSpans.ts';
import { sizeIn } from './meterStoredGigabytes.ts';
import { rereadHours } from './recordBandwidth.ts';

/** Which kind of resource each kind of usage is metered from; null where nothing is listed that could be missing. */
const sources: Readonly<Record<MeterKind, ResourceKind | null>> = {
  droplet_hours: 'droplet',
  spaces_gb_month: 'spaces_bucket',
  snapshot_gb_month: 'snapshot',
  volume_gb_month: 'volume',
  bandwidth_gb: 'droplet',
  dns_zones: 'domain',
  llm_tokens: null,
};

/** Part of a `with` clause: `kind (resource_kind, source)`. */
export const kindsWithSources = `
  kind (resource_kind, source) as (
    values ${meterKindNames
      .map((kind) => `('${kind}', ${sources[kind] === null ? 'null' : `'${sources[kind]}'`})`)
      .join(', ')}
  )`;

/** Whether the resource of `member` lived and was in its deployment on the day `wanted`. */
const wasThere = `member.starts_at < wanted.ends_at and member.ends_at > wanted.starts_at and member.born_at < wanted.ends_at
      and (member.gone_at is null or member.last_seen_at > wanted.starts_at)`;

/** Why a day is unknown whose listing is not whole. */
export const listingIncomplete = 'listing_incomplete';

/**
 * Part of a `with` clause: the resources of deployments of which a day's usage is not known for good, as
 * `gap (day, resource_kind, deployment_id, resource_id, problem)`. It reads `kind` (above) and
 * `wanted (day, resource_kind, starts_at, ends_at, as_of, was_unlisted)`: days that have ended, by what was known at `as_of`.
 *
 * - `listing_incomplete`: the resource was there when its kind was last listed whole, which was before the day's end; or since `as_of`,
 *   where `was_unlisted` says that this was the case then.
 * - `readings_missing`: hours of traffic between a droplet's first reading and the day's end. What a droplet that is gone for longer than
 *   hours are read again has not told, nobody will know.
 * - `bucket_unmeasured`: a bucket that is still there was not measured since the day began.
 * - `size_unknown`: the provider never said how large a volume or snapshot is.
 * @param isConcerned a condition on `membership`: those that matter
 */
export const usageGaps = (isConcerned: string) => `
  member as materialized (
    select membership.deployment_id, membership.starts_at, coalesce(membership.ends_at, 'infinity') as ends_at,
      resource.id as resource_id, resource.provider, resource.kind, resource.gone_at, resource.last_seen_at,
      coalesce(resource.created_at, resource.first_seen_at) as born_at, ${sizeIn('resource.attributes')} is null as has_no_size
    from cloud_resource_memberships membership join cloud_resources resource on resource.id = membership.resource_id
    where exists (select from wanted) and ${isConcerned}
  ),
  reading as materialized (
    select droplet.resource_id, first.hour_start as first_hour, last.hour_start as last_hour
    from (
      select distinct resource_id from member
      where kind = 'droplet' and exists (select from wanted where resource_kind = 'bandwidth_gb')
    ) as droplet,
    lateral (
      select hour_start from cloud_bandwidth_hours where resource_id = droplet.resource_id order by hour_start limit 1
    ) as first,
    lateral (
      select hour_start from cloud_bandwidth_hours where resource_id = droplet.resource_id order by hour_start desc limit 1
    ) as last
  ),
  gap as (
    select wanted.day, wanted.resource_kind, member.deployment_id, member.resource_id, '${listingIncomplete}' as problem
    from wanted
    join kind on kind.resource_kind = wanted.resource_kind
    join cloud_inventory_listings listing on listing.kind = kind.source and (coalesce(listing.complete_at, '-infinity') < wanted.ends_at
      or wanted.was_unlisted and listing.complete_at > wanted.as_of)
    join member on member.kind = listing.kind and member.provider = listing.provider and member.gone_at is null and ${wasThere}
    union all
    select wanted.day, wanted.resource_kind, member.deployment_id, member.resource_id, 'readings_missing'
    from wanted
    join member on member.kind = 'droplet' and ${wasThere}
    join reading on reading.resource_id = member.resource_id,
    lateral (
      select greatest(wanted.starts_at, first_hour, date_trunc('hour', member.born_at, 'UTC'), date_trunc('hour', member.starts_at, 'UTC')) as starts_at,
        least(wanted.ends_at, date_trunc('hour', member.ends_at - interval '1 microsecond', 'UTC') + interval '1 hour',
          case when member.gone_at is not null then date_trunc('hour', member.last_seen_at, 'UTC') end,
          case when member.gone_at < wanted.as_of - interval '${rereadHours} hours' then last_hour + interval '1 hour' end) as ends_at
    ) as needed,
    lateral (
      select count(*) as hours from cloud_bandwidth_hours
      where resource_id = member.resource_id and hour_start >= needed.starts_at and hour_start < needed.ends_at and read_at <= wanted.as_of
    ) as known
    where wanted.resource_kind = 'bandwidth_gb' and known.hours * interval '1 hour' < needed.ends_at - needed.starts_at
    union all
    select wanted.day, wanted.resource_kind, member.deployment_id, member.resource_id, 'bucket_unmeasured'
    from wanted join member on member.kind = 'spaces_bucket' and member.gone_at is null and ${wasThere}
    where wanted.resource_kind = 'spaces_gb_month' and not exists (
      select from cloud_spaces_usage usage
      where usage.resource_id = member.resource_id and usage.measured_on >= wanted.day - 2
        and usage.measured_at >= wanted.starts_at and usage.measured_at <= wanted.as_of)
    union all
    select wanted.day, wanted.resource_kind, member.deployment_id, member.resource_id, 'size_unknown'
    from wanted
    join kind on kind.resource_kind = wanted.resource_kind
    join member on member.kind = kind.source and member.has_no_size and ${wasThere}
    where wanted.resource_kind in ('volume_gb_month', 'snapshot_gb_month') and not exists (
      select from cloud_resource_events event
      where event.resource_id = member.resource_id and ${wasSeen('event')} and coalesce(
        ${sizeIn(`event.changes->'attributes'->'from'`)}, ${sizeIn(`event.changes->'attributes'->'to'`)}) is not null)
  )`;
