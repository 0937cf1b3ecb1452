import type { EntityManager } from '@mikro-orm/postgresql';
import type { Day } from '../domain/calendar.ts';
import type { MeterKind } from '../domain/meters.ts';
import { Addon } from '../entities/addon.ts';
import { Plan } from '../entities/plan.ts';
import { PlanItem } from '../entities/planItem.ts';
import { PlanVersion } from '../entities/planVersion.ts';
import { ResourcePrice } from '../entities/resourcePrice.ts';
import type { KeysetPage } from './listInventory.ts';
import { subscribersByVersion } from './planMigrationSubscribers.ts';

export interface VersionWithItems {
  readonly version: PlanVersion;
  /** By kind. */
  readonly items: readonly PlanItem[];
}

export interface ListedPlan {
  readonly plan: Plan;
  /** Null where no version is for sale. */
  readonly active: VersionWithItems | null;
}

/**
 * Plans by code, each with what is for sale of it.
 * @param onlyForSale leaves out plans without an active version, which are nobody's business yet
 */
export async function listPlans(
  em: EntityManager,
  { onlyForSale }: { readonly onlyForSale: boolean },
  page: KeysetPage<string>,
): Promise<ListedPlan[]> {
  const rows = await em.execute<{ id: string }[]>(
    `select plan.id from plans plan
     where plan.code > ?
       and (not ?::boolean or exists (select from plan_versions where plan_id = plan.id and status = 'active'))
     order by plan.code limit ?`,
    [page.after ?? '', onlyForSale, page.limit + 1],
  );
  const ids = rows.map((row) => row.id);
  const plans = new Map((await em.find(Plan, { id: { $in: ids } })).map((plan) => [plan.id, plan]));
  const active = await em.find(PlanVersion, { plan: { $in: ids }, status: 'active' });
  const withItems = new Map((await addItems(em, active)).map((entry) => [entry.version.plan, entry]));
  return ids.flatMap((id) => {
    const plan = plans.get(id);
    return plan === undefined ? [] : [{ plan, active: withItems.get(id) ?? null }];
  });
}

/** A plan without its versions; null where there is none. */
export function findPlanHead(em: EntityManager, code: string): Promise<Plan | null> {
  return em.findOne(Plan, { code });
}

export interface PlanVersionDetails extends VersionWithItems {
  /** How many subscriptions that are not cancelled are on it today, or will start on it. */
  readonly subscribers: number;
}

/** A plan with every version, the newest first; null where there is none. */
export async function findPlan(
  em: EntityManager,
  code: string,
  today: Day,
): Promise<{ readonly plan: Plan; readonly versions: readonly PlanVersionDetails[] } | null> {
  const plan = await findPlanHead(em, code);
  if (plan === null) return null;
  const versions = await em.find(PlanVersion, { plan: plan.id }, { orderBy: { version: 'desc' } });
  const subscribers = await subscribersByVersion(em, plan.id, today);
  return {
    plan,
    versions: (await addItems(em, versions)).map((entry) => ({
      ...entry,
      subscribers: subscribers.get(entry.version.id) ?? 0,
    })),
  };
}

/** One version of a plan with its items; null where there is none. */
export async function findPlanVersion(
  em: EntityManager,
  planCode: string,
  version: number,
): Promise<VersionWithItems | null> {
  const plan = await findPlanHead(em, planCode);
  if (plan === null) return null;
  const [found] = await addItems(em, await em.find(PlanVersion, { plan: plan.id, version }));
  return found ?? null;
}

async function addItems(em: EntityManager, versions: readonly PlanVersion[]): Promise<VersionWithItems[]> {
  const items = await em.find(
    PlanItem,
    { planVersion: { $in: versions.map((version) => version.id) } },
    { orderBy: { resourceKind: 'asc' } },
  );
  return versions.map((version) => ({
    version,
    items: items.filter((item) => item.planVersion === version.id),
  }));
}

/** Addons by code. */
export function listAddons(em: EntityManager, page: KeysetPage<string>): Promise<Addon[]> {
  return em.find(Addon, page.after === undefined ? {} : { code: { $gt: page.after } }, {
    orderBy: { code: 'asc' },
    limit: page.limit + 1,
  });
}

/** Prices of kinds without a plan item, the last that was made first. */
export function listResourcePrices(
  em: EntityManager,
  filter: { readonly resourceKind?: MeterKind | undefined },
  page: KeysetPage<bigint>,
): Promise<ResourcePrice[]> {
  return em.find(
    ResourcePrice,
    {
      ...(filter.resourceKind === undefined ? {} : { resourceKind: filter.resourceKind }),
      ...(page.after === undefined ? {} : { id: { $lt: page.after } }),
    },
    { orderBy: { id: 'desc' }, limit: page.limit + 1 },
  );
}
