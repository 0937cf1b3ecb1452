import type { EntityManager } from '@mikro-orm/postgresql';
import type { LiveResource } from '../../domain/drift/liveValues.ts';
import { parseDecimal } from '../../domain/money.ts';

/** A resource as drift compares it, with whether it is still there. */
export interface KnownResource {
  readonly live: LiveResource;
  readonly isGone: boolean;
}

/** A `LiveResource` as SQL gives it by `liveColumns`. */
export interface LiveRow extends Omit<LiveResource, 'priceMonthly'> {
  readonly priceMonthly: string | null;
}

/** What a query selects of a resource for `toLive`. */
export const liveColumns = (resource: string) =>
  `${resource}.kind, ${resource}.external_id as "externalId", ${resource}.name, ${resource}.region, ${resource}.size_slug as "sizeSlug",
    ${resource}.status, ${resource}.tags, ${resource}.price_monthly::text as "priceMonthly", ${resource}.currency, ${resource}.attributes`;

export const toLive = ({ priceMonthly, ...columns }: LiveRow): LiveResource => ({
  ...columns,
  priceMonthly: priceMonthly === null ? null : parseDecimal(priceMonthly),
});

/** Resources as the inventory knows them now, by id; those that there are. */
export async function readLiveResources(
  em: EntityManager,
  ids: readonly string[],
): Promise<ReadonlyMap<string, KnownResource>> {
  const rows = await em.execute<(LiveRow & { readonly id: string; readonly isGone: boolean })[]>(
    `select resource.id, resource.gone_at is not null as "isGone", ${liveColumns('resource')}
     from cloud_resources resource
     where resource.id in (select id::uuid from jsonb_array_elements_text(?::jsonb) as wanted (id))`,
    [JSON.stringify(ids)],
  );
  return new Map(rows.map(({ id, isGone, ...row }) => [id, { live: toLive(row), isGone }]));
}
