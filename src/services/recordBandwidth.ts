import type { EntityManager } from '@mikro-orm/postgresql';
import type { HourlyBandwidth } from '../domain/bandwidth.ts';

/** A droplet and the hours of it that are to be read, half-open. */
export interface DropletToRead {
  readonly resourceId: string;
  readonly externalId: string;
  readonly from: Date;
}

/** Hours that are read again, for readings that came late. */
export const rereadHours = 6;
/** How far back a droplet is read that has no hours yet, or none for long. */
const longestCatchUpHours = 48;

/**
 * The droplets whose traffic before `until` (a full hour) may not be known yet, by id, from the one after `after` on: all that live,
 * and those that were there within the hours that are read again.
 */
export async function dropletsToRead(
  em: EntityManager,
  query: {
    readonly provider: string;
    readonly until: Date;
    readonly after: string | null;
    readonly limit: number;
  },
): Promise<DropletToRead[]> {
  const rows = await em.execute<{ id: string; external_id: string; from: string }[]>(
    `with span as (select ?::timestamptz as until, make_interval(hours => ?) as reread, make_interval(hours => ?) as longest)
     select droplet.id, droplet.external_id,
       greatest(
         least(coalesce(latest.hour_start + interval '1 hour', span.until - span.longest), span.until - span.reread),
         span.until - span.longest,
         date_trunc('hour', droplet.created_at, 'UTC')
       ) as "from"
     from span
     join cloud_resources droplet on droplet.provider = ? and droplet.kind = 'droplet'
       and coalesce(droplet.gone_at, 'infinity') > span.until - span.reread and coalesce(droplet.created_at, '-infinity') < span.until
     left join lateral (
       select hour_start from cloud_bandwidth_hours hour where hour.resource_id = droplet.id order by hour_start desc limit 1
     ) latest on true
     where ?::uuid is null or droplet.id > ?::uuid
     order by droplet.id limit ?`,
    [query.until, rereadHours, longestCatchUpHours, query.provider, query.after, query.after, query.limit],
  );
  return rows.map((row) => ({
    resourceId: row.id,
    externalId: row.external_id,
    from: new Date(row.from),
  }));
}

/**
 * Keeps hours of traffic. An hour that is known already changes only where as much of it or more is covered now, so that a
 * provider that forgets readings takes nothing away. @returns how many hours are new or changed
 */
export async function recordBandwidth(
  em: EntityManager,
  hours: readonly (HourlyBandwidth & { readonly resourceId: string })[],
  readAt: Date,
): Promise<number> {
  const rows = await em.execute<{ id: string }[]>(
    `insert into cloud_bandwidth_hours as known (resource_id, hour_start, bytes, covered_seconds, read_at)
     select resource_id, hour_start, bytes, covered_seconds, ?
     from jsonb_to_recordset(?::jsonb) as hour (resource_id uuid, hour_start timestamptz, bytes bigint, covered_seconds int)
     on conflict (resource_id, hour_start) do update
       set bytes = excluded.bytes, covered_seconds = excluded.covered_seconds, read_at = excluded.read_at
       where excluded.covered_seconds >= known.covered_seconds
         and (excluded.bytes, excluded.covered_seconds) is distinct from (known.bytes, known.covered_seconds)
     returning id`,
    [
      readAt,
      JSON.stringify(
        hours.map((hour) => ({
          resource_id: hour.resourceId,
          hour_start: hour.hourStart.toISOString(),
          bytes: hour.bytes.toString(),
          covered_seconds: hour.coveredSeconds,
        })),
      ),
    ],
  );
  return rows.length;
}
