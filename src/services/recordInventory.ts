import type { EntityManager } from '@mikro-orm/postgresql';
import type { ResourceKind } from '../domain/resourceKind.ts';
import type { ProviderResource } from '../providers/provider.ts';
import { applyProjects } from './applyProjects.ts';

export interface InventoryListing {
  readonly provider: string;
  readonly kind: ResourceKind;
  /** When the listing began; every change that it shows is dated so. */
  readonly listedAt: Date;
  /** All live resources of the kind: a partial listing never comes here. */
  readonly resources: readonly ProviderResource[];
}

export interface InventoryChange {
  readonly live: number;
  readonly discovered: number;
  readonly changed: number;
  readonly gone: number;
}

/** The live resources of a kind that a listing lacks: listed again before anybody takes them as gone. */
export async function missingFromListing(
  em: EntityManager,
  listing: {
    readonly provider: string;
    readonly kind: ResourceKind;
    readonly externalIds: readonly string[];
  },
): Promise<string[]> {
  const rows = await em.execute<{ external_id: string }[]>(
    `select external_id from cloud_resources
     where provider = ? and kind = ? and gone_at is null
       and external_id not in (select jsonb_array_elements_text(?::jsonb))`,
    [listing.provider, listing.kind, JSON.stringify(listing.externalIds)],
  );
  return rows.map((row) => row.external_id);
}

/**
 * Takes a whole listing of one kind into the inventory, in sets, in one transaction: new resources are added, changed ones updated
 * with an event that says what changed, absent ones kept with `gone_at`, earlier names kept with their time. The kind is fresh then.
 * Recording the same listing again changes nothing.
 */
export async function recordInventory(
  em: EntityManager,
  listing: InventoryListing,
): Promise<InventoryChange> {
  const rows = JSON.stringify(
    listing.resources.map((resource) => ({
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
    })),
  );
  return em.transactional(async (transaction) => {
    const { provider, kind, listedAt } = listing;
    await transaction.execute(`select pg_advisory_xact_lock(hashtext(?))`, [`inventory:${provider}:${kind}`]);
    const [counts] = await transaction.execute<{ discovered: number; changed: number }[]>(writeListed, [
      rows,
      provider,
      kind,
      provider,
      kind,
      listedAt,
      listedAt,
      listedAt,
      listedAt,
    ]);
    const [gone] = await transaction.execute<{ gone: number }[]>(markGone, [
      listedAt,
      provider,
      kind,
      listedAt,
      listedAt,
    ]);
    await applyProjects(transaction, provider, listedAt);
    await transaction.execute(
      `insert into cloud_inventory_listings (provider, kind, state, attempted_at, complete_at, live)
       values (?, ?, 'fresh', ?, ?, ?)
       on conflict (provider, kind) do update set state = 'fresh', attempted_at = excluded.attempted_at,
         complete_at = excluded.complete_at, live = excluded.live, error_code = null, error_message = null`,
      [provider, kind, listedAt, listedAt, listing.resources.length],
    );
    return {
      live: listing.resources.length,
      discovered: counts?.discovered ?? 0,
      changed: counts?.changed ?? 0,
      gone: gone?.gone ?? 0,
    };
  });
}

/** Marks a kind as unknown: its listing failed or came partial, so nothing is known to be gone. */
export async function recordUnknownKind(
  em: EntityManager,
  failure: {
    readonly provider: string;
    readonly kind: string;
    readonly attemptedAt: Date;
    readonly code: string;
    readonly message: string;
  },
): Promise<void> {
  await em.execute(
    `insert into cloud_inventory_listings (provider, kind, state, attempted_at, error_code, error_message)
     values (?, ?, 'unknown', ?, ?, ?)
     on conflict (provider, kind) do update set state = 'unknown', attempted_at = excluded.attempted_at,
       error_code = excluded.error_code, error_message = excluded.error_message`,
    [failure.provider, failure.kind, failure.attemptedAt, failure.code, failure.message],
  );
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

const markGone = `
  with gone as (
    update cloud_resources set gone_at = ?
    where provider = ? and kind = ? and gone_at is null and last_seen_at < ?
    returning id, gone_at
  ),
  event as (
    insert into cloud_resource_events (resource_id, type, occurred_at, changes)
    select id, 'gone', ?, jsonb_build_object('gone_at', jsonb_build_object('from', null, 'to', gone_at)) from gone
    returning 1
  )
  select count(*)::int as gone from event`;
