import type { EntityManager } from '@mikro-orm/postgresql';
import { dayOf, periodOf } from '../domain/calendar.ts';
import { ArcadiaError } from '../domain/errors.ts';
import { type MeterKind, meterKinds, toBaseQuantity } from '../domain/meters.ts';
import { addCents, Decimal } from '../domain/money.ts';
import { nextPeriod, type Period, shiftPeriod } from '../domain/period.ts';
import type { AddonTerms, PlanTerms, ResourcePriceTerms } from '../domain/planTerms.ts';
import { projectQuote } from '../domain/projection.ts';
import type { KeysetPage } from './listInventory.ts';
import { subscribersOf, type VersionSubscriber } from './planMigrationSubscribers.ts';
import { type PlannedMigration, planMigration, type WantedMigration } from './planMigrationTerms.ts';
import { sumUsage, type UsageSum } from './usageForPeriod.ts';

/** What a whole month costs a tenant before and after a move, before tax; null where something that it uses has no price. */
export interface TenantPreview {
  readonly tenantId: string;
  readonly subscriptions: number;
  readonly currentCents: number | null;
  readonly newCents: number | null;
  readonly differenceCents: number | null;
  /** Why an amount is null. */
  readonly problem: { readonly code: string; readonly message: string } | null;
}

/** The sums over all tenants whose amounts are known. */
export interface PreviewTotals {
  readonly tenants: number;
  readonly subscriptions: number;
  /** Tenants without amounts. */
  readonly unpriced: number;
  readonly currentCents: number;
  readonly newCents: number;
  readonly differenceCents: number;
}

export interface MigrationPreview {
  readonly migration: PlannedMigration;
  /** The month whose usage is priced. */
  readonly usageMonth: Period;
  /** By tenant id, one more than the page's limit where there are others. */
  readonly tenants: readonly TenantPreview[];
  /** On the first page. */
  readonly totals: PreviewTotals | null;
}

/**
 * What a move would change for each tenant: a whole month on the old and on the new version, with the addons that are attached on the
 * day of the move and the usage of the last month, priced as quotes are. Nothing is written.
 * @throws Unprocessable as `planMigration`
 */
export async function previewPlanMigration(
  em: EntityManager,
  wanted: WantedMigration,
  now: Date,
  page: KeysetPage<string>,
): Promise<MigrationPreview> {
  const migration = await planMigration(em, wanted, now);
  const usageMonth = shiftPeriod(periodOf(dayOf(now.toISOString())), -1);
  const prices = await loadPrices(em, migration.from.terms.currency);
  const shown: TenantPreview[] = [];
  let totals = noTotals;
  for await (const subscribers of tenantsOf(em, migration, page.after)) {
    const tenants = await priceTenants(em, subscribers, { migration, usageMonth, prices });
    totals = tenants.reduce(addTenant, totals);
    shown.push(...tenants.slice(0, page.limit + 1 - shown.length));
    // A later page adds nothing up.
    if (page.after !== undefined && shown.length > page.limit) break;
  }
  return { migration, usageMonth, tenants: shown, totals: page.after === undefined ? totals : null };
}

const noTotals: PreviewTotals = {
  tenants: 0,
  subscriptions: 0,
  unpriced: 0,
  currentCents: 0,
  newCents: 0,
  differenceCents: 0,
};

/** The subscribers of the old version in batches of whole tenants. */
async function* tenantsOf(
  em: EntityManager,
  { from, effectiveOn }: PlannedMigration,
  after: string | undefined,
): AsyncGenerator<VersionSubscriber[]> {
  let waiting: VersionSubscriber[] = [];
  const start = after === undefined ? undefined : { tenant: after };
  for await (const batch of subscribersOf(em, { versionId: from.id, day: effectiveOn }, start)) {
    const known = [...waiting, ...batch];
    const last = known.at(-1)?.tenant_id;
    // The last tenant may go on in the next batch.
    waiting = known.filter((subscriber) => subscriber.tenant_id === last);
    yield known.slice(0, known.length - waiting.length);
  }
  yield waiting;
}

interface Subscriber {
  readonly tenant_id: string;
  readonly deployment_id: string;
  readonly addons: readonly AddonTerms[];
}

/** With the addons that are attached on the day of the move, or on the first day where that is later. */
function loadAddons(
  em: EntityManager,
  subscribers: readonly VersionSubscriber[],
  { effectiveOn }: PlannedMigration,
): Promise<Subscriber[]> {
  return em.execute<Subscriber[]>(
    `select subscription.tenant_id, subscription.deployment_id,
       (select coalesce(jsonb_agg(jsonb_build_object('code', addon.code, 'resourceKind', addon.resource_kind,
          'qty', trim_scale(addon.qty)::text, 'priceCents', addon.price_cents)), '[]')
        from subscription_addons addon
        where addon.subscription_id = subscription.id and addon.starts_on <= day.moved_on
          and coalesce(addon.ends_on >= day.moved_on, true)) as addons
     from jsonb_array_elements_text(?::jsonb) as subscriber (id)
     join subscriptions subscription on subscription.id = subscriber.id::uuid,
     lateral (select greatest(?::date, subscription.starts_on) as moved_on) day
     order by subscription.tenant_id, subscription.id`,
    [JSON.stringify(subscribers.map((subscriber) => subscriber.subscription_id)), effectiveOn],
  );
}

type PricesByKind = Partial<Record<MeterKind, ResourcePriceTerms[]>>;

interface Pricing {
  readonly migration: PlannedMigration;
  readonly usageMonth: Period;
  readonly prices: PricesByKind;
}

async function priceTenants(
  em: EntityManager,
  batch: readonly VersionSubscriber[],
  pricing: Pricing,
): Promise<TenantPreview[]> {
  const { usageMonth, migration } = pricing;
  if (batch.length === 0) return [];
  const subscribers = await loadAddons(em, batch, migration);
  const sums = await sumUsage(
    em,
    subscribers.map((subscriber) => ({
      deploymentId: subscriber.deployment_id,
      from: usageMonth,
      until: nextPeriod(usageMonth),
      currency: migration.from.terms.currency,
    })),
  );
  const usage = Map.groupBy(sums, (sum) => sum.deploymentId);
  const byTenant = Map.groupBy(subscribers, (subscriber) => subscriber.tenant_id);
  return [...byTenant].map(([tenantId, own]) => {
    const amounts = own.map((subscriber) =>
      priceMonths(subscriber, usage.get(subscriber.deployment_id) ?? [], pricing),
    );
    return sumUp(tenantId, amounts);
  });
}

type Amounts = Pick<TenantPreview, 'currentCents' | 'newCents' | 'problem'>;

/** A month now and then; where usage has no price, the amount is null and the reason is given. */
function priceMonths(subscriber: Subscriber, sums: readonly UsageSum[], pricing: Pricing): Amounts {
  const { migration, usageMonth, prices } = pricing;
  const projectedUsage = toProjectedUsage(sums, usageMonth);
  const attempt = (plan: PlanTerms) => {
    try {
      const { allInMonthlyCents } = projectQuote({
        plan,
        addons: subscriber.addons,
        projectedUsage,
        resourcePrices: prices,
        startsOn: migration.effectiveOn,
      });
      return { cents: allInMonthlyCents, problem: null };
    } catch (error) {
      if (!(error instanceof ArcadiaError)) throw error;
      return { cents: null, problem: { code: error.code, message: error.message } };
    }
  };
  const current = attempt(migration.from.terms);
  const coming = attempt(migration.to.terms);
  return {
    currentCents: current.cents,
    newCents: coming.cents,
    problem: coming.problem ?? current.problem,
  };
}

/** A month's usage by kind in base units, whatever prices were in force during the month. */
function toProjectedUsage(sums: readonly UsageSum[], usageMonth: Period): Partial<Record<MeterKind, string>> {
  const usage: Partial<Record<MeterKind, string>> = {};
  for (const [kind, parts] of Map.groupBy(sums, (sum) => sum.resourceKind)) {
    const metered = parts.map((part) => new Decimal(part.metered));
    const whole = meterKinds[kind].aggregation === 'max' ? Decimal.max(...metered) : Decimal.sum(...metered);
    usage[kind] = toBaseQuantity(kind, whole, usageMonth).toFixed();
  }
  return usage;
}

function sumUp(tenantId: string, amounts: readonly Amounts[]): TenantPreview {
  const add = (of: (amount: Amounts) => number | null) =>
    amounts.reduce<number | null>((total, amount) => {
      const cents = of(amount);
      return total === null || cents === null ? null : addCents(total, cents);
    }, 0);
  const currentCents = add((amount) => amount.currentCents);
  const newCents = add((amount) => amount.newCents);
  return {
    tenantId,
    subscriptions: amounts.length,
    currentCents,
    newCents,
    differenceCents: currentCents === null || newCents === null ? null : newCents - currentCents,
    problem: amounts.find((amount) => amount.problem !== null)?.problem ?? null,
  };
}

function addTenant(totals: PreviewTotals, tenant: TenantPreview): PreviewTotals {
  const { currentCents, newCents } = tenant;
  const counted = {
    ...totals,
    tenants: totals.tenants + 1,
    subscriptions: totals.subscriptions + tenant.subscriptions,
  };
  if (currentCents === null || newCents === null) return { ...counted, unpriced: totals.unpriced + 1 };
  return {
    ...counted,
    currentCents: addCents(totals.currentCents, currentCents),
    newCents: addCents(totals.newCents, newCents),
    differenceCents: addCents(totals.differenceCents, newCents - currentCents),
  };
}

async function loadPrices(em: EntityManager, currency: string): Promise<PricesByKind> {
  const rows = await em.execute<(ResourcePriceTerms & { resourceKind: MeterKind })[]>(
    `select resource_kind as "resourceKind", unit, trim_scale(price_cents)::text as "priceCents",
       effective_from::text as "effectiveFrom"
     from resource_prices where currency = ?`,
    [currency],
  );
  return Object.fromEntries(Map.groupBy(rows, (row) => row.resourceKind));
}
