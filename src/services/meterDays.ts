import { raw } from '@mikro-orm/core';
import type { EntityManager } from '@mikro-orm/postgresql';
import { type MeterKind, meterKindNames } from '../domain/meters.ts';
import { bandwidth } from './meterBandwidth.ts';
import { dnsZones } from './meterDnsZones.ts';
import { dropletHours } from './meterDropletHours.ts';
import { type DayRange, recordMeteredDays, reopenDaysWithGaps, type UnknownDays } from './meteredDays.ts';
import { begunDays, isAmong, meteredNow } from './meteredSpans.ts';
import { spaces } from './meterSpaces.ts';
import { storedGigabytes } from './meterStoredGigabytes.ts';
import { beginUsageChange, noteLateUsage } from './usageChanges.ts';
import { kindsWithSources } from './usageSources.ts';

/** How usage rows changed. */
export interface MeteredRows {
  readonly added: number;
  readonly changed: number;
  /** Rows that the resources' history no longer gives. */
  readonly removed: number;
}

export interface MeteredDays extends MeteredRows, UnknownDays {}

/** Days that have not begun are left out. */
interface MeteredRange extends DayRange {
  readonly now: Date;
}

/** The rule of each kind that has a source. */
const rules: Readonly<Partial<Record<MeterKind, string>>> = {
  droplet_hours: dropletHours,
  volume_gb_month: storedGigabytes('volume'),
  snapshot_gb_month: storedGigabytes('snapshot'),
  spaces_gb_month: spaces,
  bandwidth_gb: bandwidth,
  dns_zones: dnsZones,
};

/**
 * Meters every kind on all days of a range, for all deployments, from the resources' own history: a fixed number of statements in one
 * transaction. The same history gives the same rows whenever and in whatever pieces it is metered; rows that are equal are not
 * touched. A day is open until it has ended, then closed once its sources are known, else unknown with the reason.
 */
export async function meterDays(em: EntityManager, range: MeteredRange): Promise<MeteredDays> {
  return em.transactional(async (transaction) => {
    await beginMetering(transaction);
    // The planner takes what row level security filters for a two-hundredth of its size, and would join whole tables row by row.
    await transaction.execute(`set local enable_nestloop = off`);
    const rows = await meter(transaction, meterKindNames, { ...range, resources: null, deployments: null });
    await transaction.execute(`set local enable_nestloop to default`);
    return { ...rows, ...(await recordMeteredDays(transaction, range)) };
  });
}

/**
 * Meters some resources on the days of a range again: for who changes their memberships, in the same transaction. Days stay as they are,
 * but for closed ones that such a resource has gaps on.
 * @param range `deploymentIds` are those that the resources were in on these days before the change or are in after it
 */
export async function meterResources(
  em: EntityManager,
  range: MeteredRange & {
    readonly resourceIds: readonly string[];
    readonly deploymentIds: readonly string[];
  },
): Promise<MeteredRows> {
  return em.transactional(async (transaction) => {
    await beginMetering(transaction);
    const resources = JSON.stringify(range.resourceIds);
    const rows = await meter(transaction, await kindsOf(transaction, resources), {
      ...range,
      resources,
      deployments: JSON.stringify(range.deploymentIds),
    });
    await reopenDaysWithGaps(transaction, range);
    return rows;
  });
}

async function beginMetering(em: EntityManager): Promise<void> {
  // One at a time: what was read before another one wrote must not be written after it.
  await em.execute(`select pg_advisory_xact_lock(hashtext('metering'))`);
  await beginUsageChange(em);
}

/** The kinds that some resources are metered for. @param resources their ids, as a JSON list */
async function kindsOf(em: EntityManager, resources: string): Promise<MeterKind[]> {
  const rows = await em.execute<{ resource_kind: MeterKind }[]>(
    `with ${kindsWithSources}
     select kind.resource_kind from kind where kind.source in (
       select kind from cloud_resources where id in (select jsonb_array_elements_text(?::jsonb)::uuid))`,
    [resources],
  );
  return rows.map((row) => row.resource_kind);
}

async function meter(
  em: EntityManager,
  kinds: readonly MeterKind[],
  parameters: MeteredRange & { readonly resources: string | null; readonly deployments: string | null },
): Promise<MeteredRows> {
  const total = { added: 0, changed: 0, removed: 0 };
  for (const kind of kinds) {
    const rule = rules[kind];
    if (rule === undefined) continue;
    const [counts] = await em.execute<MeteredRows[]>(raw(statementOf(kind, rule), { ...parameters }));
    total.added += counts?.added ?? 0;
    total.changed += counts?.changed ?? 0;
    total.removed += counts?.removed ?? 0;
  }
  return total;
}

const statementOf = (kind: MeterKind, rule: string) => `
  with ${begunDays}, ${rule},
  existing as (
    select usage.id, usage.tenant_id, usage.deployment_id, usage.resource_id, usage.day, usage.quantity
    from metered_usage usage
    where usage.resource_kind = '${kind}' and usage.day >= :from::date and usage.day < :until::date
      and ${isAmong('usage.deployment_id', ':deployments')} and ${isAmong('usage.resource_id', ':resources')}
  ),
  difference as materialized (
    select existing.id, coalesce(computed.tenant_id, existing.tenant_id) as tenant_id, deployment_id, resource_id, day, computed.quantity
    from computed full join existing using (deployment_id, resource_id, day)
    where computed.quantity is distinct from existing.quantity
  ),
  written as (
    insert into metered_usage (tenant_id, deployment_id, resource_id, resource_kind, day, quantity, metered_at)
    select tenant_id, deployment_id, resource_id, '${kind}', day, quantity, ${meteredNow} from difference where quantity is not null
    order by day, deployment_id
    on conflict (deployment_id, resource_kind, day, resource_id) do update
      set quantity = excluded.quantity, metered_at = excluded.metered_at
    returning 1
  ),
  removed as (
    delete from metered_usage usage using difference where usage.id = difference.id and difference.quantity is null
    returning 1
  ),
  ${noteLateUsage('difference', meteredNow)}
  select count(*) filter (where id is null)::int as added, count(*) filter (where id is not null and quantity is not null)::int as changed,
    count(*) filter (where quantity is null)::int as removed
  from difference`;
