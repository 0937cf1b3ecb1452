import type { EntityManager } from '@mikro-orm/postgresql';

/** A bucket that is to be measured. */
export interface BucketToMeasure {
  readonly resourceId: string;
  readonly name: string;
  readonly region: string;
}

/** The live buckets that a day has no measurement of, by id, from the one after `after` on. */
export async function bucketsToMeasure(
  em: EntityManager,
  query: {
    readonly provider: string;
    /** `YYYY-MM-DD` in UTC. */
    readonly day: string;
    readonly after: string | null;
    readonly limit: number;
  },
): Promise<BucketToMeasure[]> {
  const rows = await em.execute<{ id: string; name: string; region: string }[]>(
    `select bucket.id, bucket.name, bucket.region from cloud_resources bucket
     where bucket.provider = ? and bucket.kind = 'spaces_bucket' and bucket.gone_at is null and bucket.region is not null
       and (?::uuid is null or bucket.id > ?::uuid)
       and not exists (select from cloud_spaces_usage usage where usage.resource_id = bucket.id and usage.measured_on = ?::date)
     order by bucket.id limit ?`,
    [query.provider, query.after, query.after, query.day, query.limit],
  );
  return rows.map((row) => ({ resourceId: row.id, name: row.name, region: row.region }));
}

/** Keeps what stands in a bucket, once a day: the first measurement of a day stays. */
export async function recordSpacesUsage(
  em: EntityManager,
  usage: {
    readonly resourceId: string;
    readonly day: string;
    readonly measuredAt: Date;
    readonly bytes: bigint;
    readonly objects: number;
  },
): Promise<void> {
  await em.execute(
    `insert into cloud_spaces_usage (resource_id, measured_on, measured_at, bytes, objects)
     values (?, ?::date, ?, ?::bigint, ?::bigint) on conflict (resource_id, measured_on) do nothing`,
    [usage.resourceId, usage.day, usage.measuredAt, usage.bytes.toString(), usage.objects],
  );
}
