import type { EntityManager } from '@mikro-orm/postgresql';
import type { Day } from '../domain/calendar.ts';
import type { SubscriptionStatus } from '../entities/subscription.ts';
import type { KeysetPage } from './listInventory.ts';

/**
 * SQL: whether `version` (of `subscription_versions`) is the one that its `subscription` is on at the end of a day, or will begin with
 * where it begins later. Cancelled subscriptions are on none. Takes the day twice. A sub-select and no `not exists`: it stays a look-up by
 * index for each row, also where the planner knows nothing of the tables yet.
 */
export const isInForce = `
  subscription.status <> 'cancelled' and version.starts_on <= greatest(?::date, subscription.starts_on)
  and (
    select true from subscription_versions later
    where later.subscription_id = version.subscription_id and later.starts_on > version.starts_on
      and later.starts_on <= greatest(?::date, subscription.starts_on)
    limit 1
  ) is null`;

/** How many subscriptions are on each version of a plan today; versions without any are not there. */
export async function subscribersByVersion(
  em: EntityManager,
  planId: string,
  today: Day,
): Promise<ReadonlyMap<string, number>> {
  const rows = await em.execute<{ id: string; subscribers: number }[]>(
    `select version.plan_version_id as id, count(*)::int as subscribers
     from plan_versions known
     join subscription_versions version on version.plan_version_id = known.id
     join subscriptions subscription on subscription.id = version.subscription_id
     where known.plan_id = ? and ${isInForce}
     group by 1`,
    [planId, today, today],
  );
  return new Map(rows.map((row) => [row.id, row.subscribers]));
}

/** A subscription on a version of a plan. */
export interface VersionSubscriber {
  readonly subscription_id: string;
  readonly deployment_id: string;
  readonly tenant_id: string;
  /** The first day on that version. */
  readonly starts_on: Day;
}

/** Where a walk through the subscribers of a version goes on: after this subscription, or after all of the tenant's. */
export interface SubscriberKey {
  readonly tenant: string;
  readonly subscription?: string;
}

const batchSize = 1000;
const firstUuid = '00000000-0000-0000-0000-000000000000';
const lastUuid = 'ffffffff-ffff-ffff-ffff-ffffffffffff';

/**
 * Walks through the subscriptions that are on a version on a day, by tenant and subscription, in batches: each reads so many rows of
 * the version in the order of their index, so that a walk through all costs the same per row however many they are.
 */
export async function* subscribersOf(
  em: EntityManager,
  { versionId, day }: { readonly versionId: string; readonly day: Day },
  after?: SubscriberKey,
): AsyncGenerator<VersionSubscriber[]> {
  // A subscription can have been on the version twice: its rows have their turns, and a walk goes on after all of them.
  let key: readonly [tenant: string, subscription: string, startsOn: Day] =
    after === undefined
      ? ['', firstUuid, '-infinity']
      : [after.tenant, after.subscription ?? lastUuid, 'infinity'];
  for (;;) {
    const rows = await em.execute<(VersionSubscriber & { is_in_force: boolean })[]>(
      `with version as materialized (
         select subscription_id, tenant_id, starts_on from subscription_versions
         where plan_version_id = ? and (tenant_id, subscription_id, starts_on) > (?, ?::uuid, ?::date)
         order by tenant_id, subscription_id, starts_on limit ?
       )
       select version.subscription_id, subscription.deployment_id, version.tenant_id, version.starts_on::text,
         (${isInForce}) as is_in_force
       from version join subscriptions subscription on subscription.id = version.subscription_id
       order by version.tenant_id, version.subscription_id, version.starts_on`,
      [versionId, ...key, batchSize, day, day],
    );
    const last = rows.at(-1);
    if (last === undefined) return;
    yield rows.filter((row) => row.is_in_force);
    key = [last.tenant_id, last.subscription_id, last.starts_on];
  }
}

/** Who is on which version of a plan. */
export interface PlanSubscriber extends VersionSubscriber {
  readonly slug: string;
  readonly status: SubscriptionStatus;
  readonly version: number;
  /** Where they go next, if that is known. */
  readonly next: { readonly plan_code: string; readonly version: number; readonly starts_on: Day } | null;
}

export interface PlanSubscriberKey extends SubscriberKey {
  readonly version: number;
  readonly subscription: string;
}

/** The subscriptions of a plan today, the newest version first, then by tenant; of one version where it is given. */
export async function listPlanSubscribers(
  em: EntityManager,
  filter: { readonly planCode: string; readonly version?: number | undefined; readonly today: Day },
  { after, limit }: KeysetPage<PlanSubscriberKey>,
): Promise<PlanSubscriber[]> {
  const versions = await em.execute<{ id: string; version: number }[]>(
    `select version.id, version.version from plan_versions version join plans plan on plan.id = version.plan_id
     where plan.code = ? and version.version = coalesce(?::int, version.version) and version.version <= coalesce(?::int, version.version)
     order by version.version desc`,
    [filter.planCode, filter.version ?? null, after?.version ?? null],
  );
  const found: PlanSubscriber[] = [];
  for (const { id, version } of versions) {
    const start = after?.version === version ? after : undefined;
    for await (const batch of subscribersOf(em, { versionId: id, day: filter.today }, start)) {
      found.push(...(await describe(em, version, batch.slice(0, limit + 1 - found.length))));
      if (found.length > limit) return found;
    }
  }
  return found;
}

async function describe(
  em: EntityManager,
  version: number,
  subscribers: readonly VersionSubscriber[],
): Promise<PlanSubscriber[]> {
  return em.execute<PlanSubscriber[]>(
    `select subscription.id as subscription_id, subscription.deployment_id, deployment.slug, subscription.tenant_id,
       subscription.status, ?::int as version, subscriber.starts_on::text,
       (select jsonb_build_object('plan_code', plan.code, 'version', coming.version, 'starts_on', next.starts_on)
        from subscription_versions next
        join plan_versions coming on coming.id = next.plan_version_id
        join plans plan on plan.id = coming.plan_id
        where next.subscription_id = subscription.id and next.starts_on > subscriber.starts_on
        order by next.starts_on limit 1) as next
     from jsonb_to_recordset(?::jsonb) as subscriber (subscription_id uuid, starts_on date)
     join subscriptions subscription on subscription.id = subscriber.subscription_id
     join cloud_deployments deployment on deployment.id = subscription.deployment_id
     order by subscription.tenant_id, subscription.id`,
    [version, JSON.stringify(subscribers)],
  );
}
