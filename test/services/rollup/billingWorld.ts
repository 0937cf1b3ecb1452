import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { EntityManager } from '@mikro-orm/postgresql';
import { type MeterKind, meterKindNames } from '../../../src/domain/meters.ts';
import { nextPeriod, type Period } from '../../../src/domain/period.ts';

/** Rows of the revenue side for tests of the rollup. Each call is one fact. */
export interface BillingWorld {
  /** The golden catalog: Starter, Studio and Pro with their addons and prices. */
  seedCatalog(): Promise<void>;
  /** Those of the catalog for kinds that no plan has an item for. */
  seedPrices(): Promise<void>;
  /** A plan with the items of another one, in a currency of its own. */
  planLike(
    plan: string,
    facts: { readonly code: string; readonly currency: string; readonly basePriceCents: number },
  ): Promise<void>;
  /** A deployment of a tenant, subscribed unless `plan` is null. @returns its id */
  deployment(facts: DeploymentFacts): Promise<string>;
  changePlan(deploymentId: string, plan: string, startsOn: string): Promise<void>;
  /** Usage of a resource on each day of `[from, until)`, in the kind's metered unit. */
  use(facts: UsageFacts): Promise<void>;
  /** What an operator states. */
  correct(deploymentId: string, kind: MeterKind, day: string, quantity: string): Promise<void>;
  /** Every kind of every day of the month is metered to its end. */
  closeMonth(period: Period): Promise<void>;
  setDay(day: string, kind: MeterKind, state: 'open' | 'closed' | 'unknown', reason?: string): Promise<void>;
  /** A request that the gateway charged for. */
  charge(deploymentId: string, charge: string, occurredAt: string): Promise<void>;
  /** Notes that a month changed after it ended, as metering and the gateway's webhook do. */
  noteLate(deploymentId: string, usageMonth: Period, source: 'metered' | 'llm'): Promise<void>;
  profile(tenantId: string, facts: { country?: string; currency?: string }): Promise<void>;
}

export interface DeploymentFacts {
  readonly tenantId: string;
  readonly slug?: string;
  readonly plan: string | null;
  readonly startsOn?: string;
  readonly cancelledAt?: string;
  readonly trialEndsAt?: string;
  readonly addons?: readonly {
    readonly code: string;
    readonly startsOn?: string;
    readonly endsOn?: string;
  }[];
  /** The plan's unless given. */
  readonly addonCurrency?: string;
}

export interface UsageFacts {
  readonly deploymentId: string;
  readonly kind: MeterKind;
  readonly from: string;
  readonly until: string;
  /** Of each day. */
  readonly quantity: string;
  readonly resourceId?: string;
}

/** A day's seconds: what one droplet uses. */
export const wholeDay = '86400';

interface GoldenPlan {
  code: string;
  name: string;
  base_price_cents: number;
  items: {
    resource_kind: string;
    included_qty: number;
    overage_unit: string;
    overage_price_cents: string;
    hard_cap_qty: string | null;
  }[];
}
interface GoldenCatalog {
  currency: string;
  plans: GoldenPlan[];
  addons: { code: string; resource_kind: string; qty: number; price_cents: number }[];
  resource_prices: {
    resource_kind: string;
    unit: string;
    price_cents: string;
    currency: string;
    effective_from: string;
  }[];
}

const golden: GoldenCatalog = JSON.parse(
  readFileSync(new URL('../../../dev/golden/catalog.json', import.meta.url), 'utf8'),
);

/** Runs a statement whose parameters are `?`. */
export type RunSql = (sql: string, parameters: unknown[]) => Promise<unknown>;

export function billingWorld(execute: RunSql): BillingWorld {
  const run = (sql: string, parameters: readonly unknown[] = []) => execute(sql, [...parameters]);

  return {
    async seedCatalog() {
      for (const plan of golden.plans) {
        await run(`insert into plans (id, code, name, created_at) values (?, ?, ?, now())`, [
          randomUUID(),
          plan.code,
          plan.name,
        ]);
        const version = randomUUID();
        await run(
          `insert into plan_versions (id, plan_id, version, base_price_cents, currency, status, created_at)
           select ?, id, 1, ?, ?, 'draft', now() from plans where code = ?`,
          [version, plan.base_price_cents, golden.currency, plan.code],
        );
        for (const item of plan.items) {
          await run(
            `insert into plan_items (plan_version_id, resource_kind, included_qty, overage_unit, overage_price_cents, hard_cap_qty)
             values (?, ?, ?, ?, ?, ?)`,
            [
              version,
              item.resource_kind,
              item.included_qty,
              item.overage_unit,
              item.overage_price_cents,
              item.hard_cap_qty,
            ],
          );
        }
        await run(`update plan_versions set status = 'active', published_at = now() where id = ?`, [version]);
      }
      for (const addon of golden.addons) {
        await run(
          `insert into addons (id, code, resource_kind, qty, price_cents, currency, created_at) values (?, ?, ?, ?, ?, ?, now())`,
          [randomUUID(), addon.code, addon.resource_kind, addon.qty, addon.price_cents, golden.currency],
        );
      }
      await this.seedPrices();
    },

    async seedPrices() {
      for (const price of golden.resource_prices) {
        await run(
          `insert into resource_prices (resource_kind, unit, price_cents, currency, effective_from) values (?, ?, ?, ?, ?)`,
          [price.resource_kind, price.unit, price.price_cents, price.currency, price.effective_from],
        );
      }
    },

    async planLike(plan, { code, currency, basePriceCents }) {
      const [id, version] = [randomUUID(), randomUUID()];
      await run(`insert into plans (id, code, name, created_at) values (?, ?, ?, now())`, [id, code, code]);
      await run(
        `insert into plan_versions (id, plan_id, version, base_price_cents, currency, status, created_at) values (?, ?, 1, ?, ?, 'draft', now())`,
        [version, id, basePriceCents, currency],
      );
      await run(
        `insert into plan_items (plan_version_id, resource_kind, included_qty, overage_unit, overage_price_cents, hard_cap_qty)
         select ?, item.resource_kind, item.included_qty, item.overage_unit, item.overage_price_cents, item.hard_cap_qty
         from plan_items item join plan_versions version on version.id = item.plan_version_id join plans plan on plan.id = version.plan_id
         where plan.code = ?`,
        [version, plan],
      );
      await run(`update plan_versions set status = 'active', published_at = now() where id = ?`, [version]);
    },

    async deployment(facts) {
      const { tenantId, slug = 'main', plan, startsOn = '2026-01-01', addons = [] } = facts;
      const [deploymentId, subscriptionId] = [randomUUID(), randomUUID()];
      await run(
        `insert into cloud_deployments (id, tenant_id, slug, display_name, created_at, updated_at) values (?, ?, ?, ?, now(), now())`,
        [deploymentId, tenantId, slug, slug],
      );
      if (plan === null) return deploymentId;
      await run(
        `insert into subscriptions (id, deployment_id, tenant_id, status, starts_on, trial_ends_at, cancelled_at, current_period_start,
           current_period_end, created_at) values (?, ?, ?, ?, ?, ?, ?, '2026-01-01', '2026-02-01', now())`,
        [
          subscriptionId,
          deploymentId,
          tenantId,
          facts.cancelledAt === undefined ? 'active' : 'cancelled',
          startsOn,
          facts.trialEndsAt ?? null,
          facts.cancelledAt ?? null,
        ],
      );
      await this.changePlan(deploymentId, plan, startsOn);
      for (const addon of addons) {
        await run(
          `insert into subscription_addons (subscription_id, tenant_id, addon_id, code, resource_kind, qty, price_cents, currency,
             starts_on, ends_on)
           select ?, ?, id, code, resource_kind, qty, price_cents, coalesce(?, currency), ?, ? from addons where code = ?`,
          [
            subscriptionId,
            tenantId,
            facts.addonCurrency ?? null,
            addon.startsOn ?? startsOn,
            addon.endsOn ?? null,
            addon.code,
          ],
        );
      }
      return deploymentId;
    },

    async changePlan(deploymentId, plan, startsOn) {
      await run(
        `insert into subscription_versions (subscription_id, tenant_id, plan_version_id, starts_on, created_at)
         select subscription.id, subscription.tenant_id, version.id, ?, now()
         from subscriptions subscription, plan_versions version join plans plan on plan.id = version.plan_id
         where subscription.deployment_id = ? and plan.code = ? and version.status = 'active'`,
        [startsOn, deploymentId, plan],
      );
    },

    async use({ deploymentId, kind, from, until, quantity, resourceId = randomUUID() }) {
      await run(
        `insert into metered_usage (tenant_id, deployment_id, resource_id, resource_kind, day, quantity, metered_at)
         select tenant_id, id, ?, ?, day, ?, now()
         from cloud_deployments, generate_series(?::timestamp, ?::timestamp - interval '1 day', interval '1 day') day
         where id = ?
         on conflict (deployment_id, resource_kind, day, resource_id) do update set quantity = excluded.quantity`,
        [resourceId, kind, quantity, from, until, deploymentId],
      );
    },

    async correct(deploymentId, kind, day, quantity) {
      await run(
        `insert into manual_usage (tenant_id, deployment_id, resource_kind, day, quantity, reason, actor, created_at)
         select tenant_id, id, ?, ?, ?, 'a test', 'test', now() from cloud_deployments where id = ?`,
        [kind, day, quantity, deploymentId],
      );
    },

    async closeMonth(period) {
      await run(
        `insert into metered_days (day, resource_kind, state, metered_at, closed_at)
         select day, kind, 'closed', now(), now()
         from generate_series(?::timestamp, ?::timestamp - interval '1 day', interval '1 day') day, jsonb_array_elements_text(?::jsonb) kind
         on conflict (day, resource_kind) do update set state = 'closed', reason = null`,
        [period, nextPeriod(period), JSON.stringify(meterKindNames)],
      );
    },

    async setDay(day, kind, state, reason) {
      await run(
        `insert into metered_days (day, resource_kind, state, reason, metered_at, closed_at)
         values (?, ?, ?, ?, now(), case when ? = 'closed' then now() end)
         on conflict (day, resource_kind) do update set state = excluded.state, reason = excluded.reason, closed_at = excluded.closed_at`,
        [day, kind, state, reason ?? null, state],
      );
    },

    async charge(deploymentId, charge, occurredAt) {
      const id = randomUUID();
      await run(
        `insert into llm_usage_events (gateway_request_id, tenant_id, claimed_deployment_id, deployment_id, model, tokens, charge, currency,
           occurred_at, received_at, fingerprint, state)
         select ?, tenant_id, id::text, id, 'model', 10, ?, 'AUD', ?, ?, ?, 'billable' from cloud_deployments where id = ?`,
        [id, charge, occurredAt, occurredAt, id, deploymentId],
      );
    },

    async noteLate(deploymentId, usageMonth, source) {
      await run(
        `insert into late_usage (deployment_id, usage_month, tenant_id, source_metered, source_llm, noticed_at)
         select id, ?, tenant_id, ?, ?, now() from cloud_deployments where id = ?
         on conflict (deployment_id, usage_month) do update set settled_at = null, noticed_at = excluded.noticed_at,
           source_metered = late_usage.source_metered or excluded.source_metered, source_llm = late_usage.source_llm or excluded.source_llm`,
        [usageMonth, source === 'metered', source === 'llm', deploymentId],
      );
    },

    async profile(tenantId, { country = 'AU', currency = 'AUD' }) {
      await run(
        `insert into billing_profiles (tenant_id, country, currency, updated_at) values (?, ?, ?, now())
         on conflict (tenant_id) do update set country = excluded.country, currency = excluded.currency`,
        [tenantId, country, currency],
      );
    },
  };
}

/** The golden tenant: Studio with storage_50gb, and so many droplets through the month. */
export async function goldenTenant(
  world: BillingWorld,
  facts: { tenantId: string; droplets: number; addons: readonly string[]; period: Period },
): Promise<string> {
  const deploymentId = await world.deployment({
    tenantId: facts.tenantId,
    plan: 'studio',
    startsOn: facts.period,
    addons: facts.addons.map((code) => ({ code })),
  });
  for (let droplet = 0; droplet < facts.droplets; droplet += 1) {
    await world.use({
      deploymentId,
      kind: 'droplet_hours',
      from: facts.period,
      until: nextPeriod(facts.period),
      quantity: wholeDay,
    });
  }
  return deploymentId;
}

/** An invoice as a test looks at it. */
export interface SeenInvoice {
  readonly tenant: string;
  readonly status: string;
  readonly number: string | null;
  readonly revision: number;
  readonly subtotal: number;
  readonly tax: number;
  readonly total: number;
  readonly lines: readonly {
    readonly type: string;
    readonly kind: string | null;
    readonly cents: number;
    readonly month: string;
    readonly text: string;
  }[];
}

/** The invoices of a period, by tenant, void ones first. */
export function invoicesOf(em: EntityManager, period: Period): Promise<SeenInvoice[]> {
  return em.execute<SeenInvoice[]>(
    `select tenant_id as tenant, status, number, revision, subtotal_cents::float8 as subtotal, tax_cents::float8 as tax,
       total_cents::float8 as total,
       (select coalesce(jsonb_agg(jsonb_build_object('type', type, 'kind', resource_kind, 'cents', amount_cents, 'month', service_period,
          'text', description) order by line_number), '[]')
        from tenant_invoice_lines where invoice_id = invoice.id) as lines
     from tenant_invoices invoice where period_start = ?::date order by tenant_id, status <> 'void', created_at`,
    [period],
  );
}
