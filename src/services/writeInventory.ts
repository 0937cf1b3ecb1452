import type { EntityManager } from '@mikro-orm/postgresql';
import type { ResourceKind } from '../domain/resourceKind.ts';
import type { ProviderResource } from '../providers/provider.ts';

/** One kind at a provider, as seen from a moment on: when the listing, or the read of one resource, began. */
export interface Sighting {
  readonly provider: string;
  readonly kind: ResourceKind;
  readonly seenAt: Date;
}

/** Lets one transaction after the other write what it saw of a kind. */
export async function lockKind(em: EntityManager, provider: string, kind: ResourceKind): Promise<void> {
  await em.execute(`select pg_advisory_xact_lock(hashtext(?))`, [`inventory:${provider}:${kind}`]);
}

/**
 * Writes live resources of a kind, with an event for each that is new or changed and the names that they had. One that was seen later
 * than this, or found gone later, stays as that later look left it.
 */
export async function writeLive(
  em: EntityManager,
  { provider, kind, seenAt }: Sighting,
  resources: readonly ProviderResource[],
): Promise<{ discovered: number; changed: number }> {
  const rows = resources.map((resource) => ({
    external_id: resource.externalId,
    name: resource.name,
    region: resource.region,
    size_slug: resource.sizeSlug,
    status: resource.status,
    tags: resource.tags.toSorted(),
    price_monthly: resource.priceMonthly?.toFixed() ?? null,
    currency: resource.currency,
    attributes: resource.attributes,
    created_at: resource.createdAt?.toISOString() ?? null,
  }));
  const [counts] = await em.execute<{ discovered: number; changed: number }[]>(writeListed, [
    JSON.stringify(rows),
    provider,
    kind,
    provider,
    kind,
    seenAt,
    seenAt,
    seenAt,
    seenAt,
  ]);
  return { discovered: counts?.discovered ?? 0, changed: counts?.changed ?? 0 };
}

/**
 * Marks as gone, with an event each, what lives and was last seen before this: every such resource of the kind, or the one named.
 * @returns how many
 */
export async function markGone(
  em: EntityManager,
  { provider, kind, seenAt }: Sighting,
  externalId: string | null = null,
): Promise<number> {
  const [row] = await em.execute<{ gone: number }[]>(writeGone, [
    seenAt,
    provider,
    kind,
    seenAt,
    externalId,
    externalId,
    seenAt,
  ]);
  return row?.gone ?? 0;
}

/** The columns whose change is an event; the rest are our own book-keeping, but for since when a resource that returned was missing. */
const watchedColumns = `('name', 'region', 'size_slug', 'status', 'tags', 'price_monthly', 'attributes', 'created_at', 'gone_at')`;

const writeListed = `
  with listed as (
    select distinct on (external_id) * from jsonb_to_recordset(?::jsonb) as listed (
      external_id text, name text, region text, size_slug text, status text, tags jsonb, price_monthly numeric,
      currency text, attributes jsonb, created_at timestamptz)
  ),
  before as (
    select resource.* from cloud_resources resource join listed on listed.external_id = resource.external_id
    where resource.provider = ? and resource.kind = ?
  ),
  written as (
    insert into cloud_resources as resource (provider, kind, external_id, name, region, size_slug, status, tags,
      price_monthly, currency, attributes, created_at, first_seen_at, last_seen_at)
    select ?, ?, external_id, name, region, size_slug, status, tags, price_monthly, currency, attributes, created_at, ?, ?
    from listed
    on conflict (provider, kind, external_id) do update set name = excluded.name, region = excluded.region,
      size_slug = excluded.size_slug, status = excluded.status, tags = excluded.tags, price_monthly = excluded.price_monthly,
      currency = excluded.currency, attributes = excluded.attributes,
      created_at = coalesce(excluded.created_at, resource.created_at), last_seen_at = excluded.last_seen_at, gone_at = null
    where greatest(resource.last_seen_at, resource.gone_at) <= excluded.last_seen_at
    returning *
  ),
  difference as (
    select written.id, written.name, before.id is null as is_new, before.gone_at is not null as was_gone,
      before.name as earlier_name, before.last_seen_at as earlier_seen_at,
      (select coalesce(jsonb_object_agg(now.key, jsonb_build_object('from', was.value, 'to', now.value)), '{}')
       from jsonb_each(to_jsonb(written)) now
       join jsonb_each(to_jsonb(before)) was on was.key = now.key and was.value is distinct from now.value
       where now.key in ${watchedColumns} or (now.key = 'last_seen_at' and before.gone_at is not null)) as changes
    from written left join before on before.id = written.id
  ),
  event as (
    insert into cloud_resource_events (resource_id, type, occurred_at, changes)
    select id,
      case when is_new then 'discovered' when was_gone then 'returned' when earlier_name <> name then 'renamed' else 'changed' end,
      ?, changes
    from difference where is_new or changes <> '{}'
    returning type
  ),
  closed_name as (
    update cloud_resource_names named set valid_to = ?
    from difference
    where named.resource_id = difference.id and named.valid_to is null and difference.earlier_name <> difference.name
    returning 1
  ),
  opened_name as (
    insert into cloud_resource_names (resource_id, name, valid_from)
    select id, name, case when is_new then null else earlier_seen_at end
    from difference where is_new or earlier_name <> name
    returning 1
  )
  select count(*) filter (where type = 'discovered')::int as discovered,
    count(*) filter (where type <> 'discovered')::int as changed
  from event`;

const writeGone = `
  with gone as (
    update cloud_resources set gone_at = ?
    where provider = ? and kind = ? and gone_at is null and last_seen_at < ? and (?::text is null or external_id = ?)
    returning id, gone_at
  ),
  event as (
    insert into cloud_resource_events (resource_id, type, occurred_at, changes)
    select id, 'gone', ?, jsonb_build_object('gone_at', jsonb_build_object('from', null, 'to', gone_at)) from gone
    returning 1
  )
  select count(*)::int as gone from event`;
