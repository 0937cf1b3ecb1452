import type { EntityManager } from '@mikro-orm/postgresql';

/**
 * Between a change of usage and the rollup of its month: either the rollup sees the change, or the change sees the rollup's row in
 * the ledger and is noted as late. Both in the transaction of `em`.
 */
const usageChanges = `hashtext('usage changes')`;

/** Says that usage is about to change; whoever begins a rollup waits until the transaction ends. */
export async function beginUsageChange(em: EntityManager): Promise<void> {
  await em.execute(`select pg_advisory_xact_lock_shared(${usageChanges})`);
}

/**
 * Waits for the changes of usage that are under way. To be called before a period's row is put into the ledger, in the same
 * transaction, which should be short: changes wait for it.
 */
export async function awaitUsageChanges(em: EntityManager): Promise<void> {
  await em.execute(`select pg_advisory_xact_lock(${usageChanges})`);
}

/**
 * Notes that metered or manual usage of a month changed that a rollup has begun with, as the last part of a `with` clause.
 * @param changed the name of a part with tenant_id, deployment_id and day of each change
 * @param now an expression for the time of the change
 */
export const noteLateUsage = (changed: string, now: string) => `
  late as (
    insert into late_usage as known (deployment_id, usage_month, tenant_id, source_metered, source_llm, noticed_at)
    select distinct ${changed}.deployment_id, ledger.period_start, ${changed}.tenant_id, true, false, ${now}
    from ${changed} join period_ledger ledger on ledger.period_start = date_trunc('month', ${changed}.day::timestamp)::date
    order by 1, 2
    on conflict (deployment_id, usage_month) do update
      set source_metered = true, noticed_at = excluded.noticed_at, settled_at = null
    returning 1
  )`;
