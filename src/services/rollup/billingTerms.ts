import type { EntityManager } from '@mikro-orm/postgresql';
import type { MeterKind } from '../../domain/meters.ts';
import { safeCents } from '../../domain/money.ts';
import { nextPeriod, type Period } from '../../domain/period.ts';
import type { PlanItemTerms, PlanTerms, ResourcePriceTerms } from '../../domain/planTerms.ts';
import type { SubscriptionTimeline } from '../../domain/subscriptionDays.ts';
import type { InvoiceInputs } from '../../domain/tenantInvoice.ts';

/** Whom a tenant's invoice is made out to, as far as its amounts depend on it. */
export interface TenantTerms {
  readonly tenantId: string;
  readonly currency: string;
  readonly tax: InvoiceInputs['tax'];
}

/** A deployment and, where it has one, its subscription as it stands. */
export interface DeploymentTerms {
  readonly tenantId: string;
  readonly deploymentId: string;
  readonly slug: string;
  readonly timeline: BilledTimeline | null;
}

/** A subscription's history, its addons with the currency that they were attached in. */
export interface BilledTimeline extends SubscriptionTimeline {
  readonly addons: readonly (SubscriptionTimeline['addons'][number] & { readonly currency: string })[];
}

/** Every resource price of one currency, by kind. */
export type ResourcePrices = ReadonlyMap<MeterKind, readonly ResourcePriceTerms[]>;

interface TermsRow {
  tenant_id: string;
  currency: string;
  country: string;
  tax_name: string | null;
  rate: string;
}

/** Currency, and the tax in force on the period's last day, of each tenant; those without a billing profile have the defaults. */
export async function loadTenantTerms(
  em: EntityManager,
  period: Period,
  tenantIds: readonly string[],
): Promise<TenantTerms[]> {
  const rows = await em.execute<TermsRow[]>(
    `select tenant.id as tenant_id, coalesce(profile.currency, 'AUD') as currency, coalesce(profile.country, 'AU') as country,
       tax.name as tax_name, coalesce(trim_scale(tax.rate), 0)::text as rate
     from jsonb_array_elements_text(?::jsonb) tenant (id)
     left join billing_profiles profile on profile.tenant_id = tenant.id
     left join lateral (
       select name, rate from tax_rates where country = coalesce(profile.country, 'AU') and effective_from < ?::date
       order by effective_from desc limit 1
     ) tax on true`,
    [JSON.stringify(tenantIds), nextPeriod(period)],
  );
  return rows.map((row) => ({
    tenantId: row.tenant_id,
    currency: row.currency,
    tax: { name: row.tax_name, country: row.country, rate: row.rate },
  }));
}

interface DeploymentRow {
  tenant_id: string;
  deployment_id: string;
  slug: string;
  starts_on: string | null;
  cancelled_at: string | null;
  trial_ends_at: string | null;
  versions: { startsOn: string; planVersionId: string }[] | null;
  pauses: { startsOn: string; endsOn: string | null }[] | null;
  addons: BilledTimeline['addons'] | null;
}

/**
 * Every deployment of the tenants with its subscription's whole history, in two queries.
 * @returns in the order in which invoices list them: by slug
 */
export async function loadDeploymentTerms(
  em: EntityManager,
  tenantIds: readonly string[],
): Promise<DeploymentTerms[]> {
  const rows = await em.execute<DeploymentRow[]>(
    `select deployment.tenant_id, deployment.id as deployment_id, deployment.slug,
       subscription.starts_on::text, ${instant('subscription.cancelled_at')} as cancelled_at,
       ${instant('subscription.trial_ends_at')} as trial_ends_at,
       (select jsonb_agg(jsonb_build_object('startsOn', version.starts_on, 'planVersionId', version.plan_version_id))
        from subscription_versions version where version.subscription_id = subscription.id) as versions,
       (select jsonb_agg(jsonb_build_object('startsOn', pause.starts_on, 'endsOn', pause.ends_on))
        from subscription_pauses pause where pause.subscription_id = subscription.id) as pauses,
       (select jsonb_agg(jsonb_build_object('code', addon.code, 'resourceKind', addon.resource_kind,
          'qty', trim_scale(addon.qty)::text, 'priceCents', addon.price_cents, 'currency', addon.currency,
          'startsOn', addon.starts_on, 'endsOn', addon.ends_on))
        from subscription_addons addon where addon.subscription_id = subscription.id) as addons
     from jsonb_array_elements_text(?::jsonb) tenant (id)
     cross join lateral (
       select tenant_id, id, slug from cloud_deployments where tenant_id = tenant.id offset 0
     ) deployment
     left join subscriptions subscription on subscription.deployment_id = deployment.id
     order by deployment.tenant_id, deployment.slug collate "C"`,
    [JSON.stringify(tenantIds)],
  );
  const plans = await loadPlans(
    em,
    new Set(rows.flatMap(({ versions }) => (versions ?? []).map(({ planVersionId }) => planVersionId))),
  );
  return rows.map((row) => ({
    tenantId: row.tenant_id,
    deploymentId: row.deployment_id,
    slug: row.slug,
    timeline: row.starts_on === null ? null : toTimeline(row, row.starts_on, plans),
  }));
}

function toTimeline(
  row: DeploymentRow,
  startsOn: string,
  plans: ReadonlyMap<string, PlanTerms>,
): BilledTimeline {
  return {
    startsOn,
    cancelledAt: row.cancelled_at,
    trialEndsAt: row.trial_ends_at,
    versions: (row.versions ?? []).map((version) => {
      const plan = plans.get(version.planVersionId);
      if (plan === undefined) throw new Error(`plan version ${version.planVersionId} is not there`);
      return { startsOn: version.startsOn, plan };
    }),
    pauses: row.pauses ?? [],
    addons: row.addons ?? [],
  };
}

interface PlanRow {
  id: string;
  code: string;
  version: number;
  currency: string;
  base_price_cents: string;
  items: PlanItemTerms[];
}

async function loadPlans(em: EntityManager, ids: ReadonlySet<string>): Promise<Map<string, PlanTerms>> {
  const rows = await em.execute<PlanRow[]>(
    `select version.id, plan.code, version.version, version.currency, version.base_price_cents::text,
       (select coalesce(jsonb_agg(jsonb_build_object('resourceKind', item.resource_kind,
          'includedQty', trim_scale(item.included_qty)::text, 'overageUnit', item.overage_unit,
          'overagePriceCents', trim_scale(item.overage_price_cents)::text,
          'hardCapQty', trim_scale(item.hard_cap_qty)::text) order by item.resource_kind collate "C"), '[]')
        from plan_items item where item.plan_version_id = version.id) as items
     from plan_versions version join plans plan on plan.id = version.plan_id
     where version.id in (select jsonb_array_elements_text(?::jsonb)::uuid)`,
    [JSON.stringify([...ids])],
  );
  return new Map(
    rows.map((row) => [
      row.id,
      {
        planCode: row.code,
        version: row.version,
        currency: row.currency,
        basePriceCents: safeCents(row.base_price_cents),
        items: row.items,
      },
    ]),
  );
}

interface PriceRow extends ResourcePriceTerms {
  currency: string;
  resource_kind: MeterKind;
}

/** Every resource price that is in force before the period's end, by currency. */
export async function loadResourcePrices(
  em: EntityManager,
  period: Period,
): Promise<ReadonlyMap<string, ResourcePrices>> {
  const rows = await em.execute<PriceRow[]>(
    `select currency, resource_kind, unit, trim_scale(price_cents)::text as "priceCents", effective_from::text as "effectiveFrom"
     from resource_prices where effective_from < ?::date order by effective_from`,
    [nextPeriod(period)],
  );
  const byCurrency = new Map<string, Map<MeterKind, ResourcePriceTerms[]>>();
  for (const { currency, resource_kind: kind, unit, priceCents, effectiveFrom } of rows) {
    const byKind = byCurrency.get(currency) ?? new Map<MeterKind, ResourcePriceTerms[]>();
    byCurrency.set(currency, byKind);
    byKind.set(kind, [...(byKind.get(kind) ?? []), { unit, priceCents, effectiveFrom }]);
  }
  return byCurrency;
}

/** RFC 3339 in UTC. */
function instant(column: string): string {
  return `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;
}
