import type { EntityManager } from '@mikro-orm/postgresql';
import type { LiveResource } from '../../domain/drift/liveValues.ts';
import type { JsonValue } from '../../domain/errors.ts';
import { parseDecimal } from '../../domain/money.ts';
import type { ResourceKind } from '../../domain/resourceKind.ts';

/** A resource as drift compares it, with whether it is still there. */
export interface KnownResource {
  readonly live: LiveResource;
  readonly isGone: boolean;
}

/** Resources as the inventory knows them now, by id; those that there are. */
export async function readLiveResources(
  em: EntityManager,
  ids: readonly string[],
): Promise<ReadonlyMap<string, KnownResource>> {
  const rows = await em.execute<ResourceRow[]>(
    `select id, kind, external_id, name, region, size_slug, status, tags, price_monthly::text as price_monthly, currency, attributes,
       gone_at is not null as is_gone
     from cloud_resources
     where id in (select id::uuid from jsonb_array_elements_text(?::jsonb) as wanted (id))`,
    [JSON.stringify(ids)],
  );
  return new Map(rows.map((row) => [row.id, { live: toLive(row), isGone: row.is_gone }]));
}

const toLive = (row: ResourceRow): LiveResource => ({
  kind: row.kind,
  externalId: row.external_id,
  name: row.name,
  region: row.region,
  sizeSlug: row.size_slug,
  status: row.status,
  tags: row.tags,
  priceMonthly: row.price_monthly === null ? null : parseDecimal(row.price_monthly),
  currency: row.currency,
  attributes: row.attributes,
});

interface ResourceRow {
  readonly id: string;
  readonly kind: ResourceKind;
  readonly external_id: string;
  readonly name: string;
  readonly region: string | null;
  readonly size_slug: string | null;
  readonly status: string | null;
  readonly tags: readonly string[];
  readonly price_monthly: string | null;
  readonly currency: string;
  readonly attributes: { readonly [key: string]: JsonValue };
  readonly is_gone: boolean;
}
