import type { EntityManager } from '@mikro-orm/postgresql';
import { parseDecimal } from '../../domain/money.ts';
import type { ProviderSize } from '../../providers/provider.ts';

/**
 * Takes in the sizes that a provider sells, with their list prices. One that it names no longer stays with its last price, as not
 * available: resources may still run on it.
 */
export async function recordSizes(
  em: EntityManager,
  listed: { readonly provider: string; readonly sizes: readonly ProviderSize[]; readonly seenAt: Date },
): Promise<void> {
  const { provider, sizes, seenAt } = listed;
  const rows = JSON.stringify(
    sizes.map((size) => ({
      slug: size.slug,
      vcpus: size.vcpus,
      memory_mib: size.memoryMib,
      disk_gib: size.diskGib,
      price_monthly: size.priceMonthly.toFixed(),
      currency: size.currency,
      regions: size.regions.toSorted(),
      is_available: size.isAvailable,
    })),
  );
  await em.execute(writeSizes, [rows, provider, provider, seenAt]);
}

/** What is known of a provider's sizes, by slug. */
export async function readSizes(
  em: EntityManager,
  provider: string,
): Promise<ReadonlyMap<string, ProviderSize>> {
  const rows = await em.execute<(Omit<ProviderSize, 'priceMonthly'> & { readonly priceMonthly: string })[]>(
    `select slug, vcpus, memory_mib as "memoryMib", disk_gib as "diskGib", price_monthly::text as "priceMonthly", currency, regions,
       is_available as "isAvailable"
     from provider_sizes where provider = ?`,
    [provider],
  );
  return new Map(
    rows.map((row) => [row.slug, { ...row, priceMonthly: parseDecimal(row.priceMonthly) }] as const),
  );
}

const writeSizes = `
  with listed as materialized (
    select * from jsonb_to_recordset(?::jsonb) as listed (slug text, vcpus int, memory_mib int, disk_gib int, price_monthly numeric,
      currency text, regions jsonb, is_available boolean)
  ),
  withdrawn as (
    update provider_sizes set is_available = false
    where provider = ? and is_available and slug not in (select slug from listed)
  )
  insert into provider_sizes (provider, slug, vcpus, memory_mib, disk_gib, price_monthly, currency, regions, is_available, seen_at)
  select ?, slug, vcpus, memory_mib, disk_gib, price_monthly, currency, regions, is_available, ?::timestamptz from listed
  on conflict (provider, slug) do update set vcpus = excluded.vcpus, memory_mib = excluded.memory_mib, disk_gib = excluded.disk_gib,
    price_monthly = excluded.price_monthly, currency = excluded.currency, regions = excluded.regions,
    is_available = excluded.is_available, seen_at = excluded.seen_at`;
