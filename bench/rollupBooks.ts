import { readFileSync } from 'node:fs';
import type pg from 'pg';
import { z } from 'zod';
import { meterKindNames } from '../src/domain/meters.ts';

const filled = [
  'plans',
  'plan_versions',
  'plan_items',
  'cloud_deployments',
  'subscriptions',
  'subscription_versions',
  'metered_usage',
  'metered_days',
  'llm_usage_events',
];

/** The month that the bench rolls up. */
export const period = '2026-04-01';

const catalog = z.object({
  currency: z.string(),
  plans: z.array(
    z.object({
      code: z.string(),
      name: z.string(),
      base_price_cents: z.number(),
      items: z.array(z.record(z.string(), z.unknown())),
    }),
  ),
});

/**
 * Fills the books by set-based SQL, as a superuser: so many tenants on Studio with a deployment each, three kinds of usage on each day of
 * the month, and 20 gateway charges. Usage and charges lie in the order of their time, as they come in, not in that of the tenants.
 */
export async function fillRollUpBooks(admin: pg.Client, tenants: number): Promise<void> {
  const { currency, plans } = catalog.parse(
    JSON.parse(readFileSync(new URL('../dev/golden/catalog.json', import.meta.url), 'utf8')),
  );
  const studio = plans.find(({ code }) => code === 'studio');
  if (studio === undefined) throw new Error('the golden catalog has no plan studio');
  await admin.query(
    `with plan as (insert into plans (code, name, created_at) values ($1, $2, now()) returning id)
     insert into plan_versions (plan_id, version, base_price_cents, currency, status, created_at)
     select id, 1, $3, $4, 'draft', now() from plan`,
    [studio.code, studio.name, studio.base_price_cents, currency],
  );
  await admin.query(
    `insert into plan_items (plan_version_id, resource_kind, included_qty, overage_unit, overage_price_cents, hard_cap_qty)
     select version.id, item.* from plan_versions version, jsonb_to_recordset($1)
       item (resource_kind text, included_qty numeric, overage_unit text, overage_price_cents numeric, hard_cap_qty numeric)`,
    [JSON.stringify(studio.items)],
  );
  await admin.query(`update plan_versions set status = 'active', published_at = now()`);
  await admin.query(
    `insert into cloud_deployments (tenant_id, slug, display_name, created_at, updated_at)
     select 'tenant-' || lpad(number::text, 7, '0'), 'main', 'Main', now(), now() from generate_series(1, $1::int) number`,
    [tenants],
  );
  await admin.query(
    `insert into subscriptions (deployment_id, tenant_id, status, starts_on, current_period_start, current_period_end, created_at)
     select id, tenant_id, 'active', $1::date, $1::date, $1::date + 30, now() from cloud_deployments`,
    [period],
  );
  await admin.query(
    `insert into subscription_versions (subscription_id, tenant_id, plan_version_id, starts_on, created_at)
     select subscription.id, tenant_id, version.id, starts_on, now() from subscriptions subscription, plan_versions version`,
  );
  // 1,530 droplet hours, 120 GB in Spaces and 1,200 GB of traffic: each above what Studio includes.
  await admin.query(
    `insert into metered_usage (tenant_id, deployment_id, resource_id, resource_kind, day, quantity, metered_at)
     select tenant_id, id, md5(id::text || kind.name)::uuid, kind.name, day, kind.quantity, now()
     from generate_series($1::timestamp, $1::timestamp + interval '29 days', interval '1 day') day,
       (values ('droplet_hours', 183600::numeric), ('spaces_gb_month', 120 * 1073741824::numeric * 86400), ('bandwidth_gb', 40 * 1073741824::numeric))
         kind (name, quantity),
       cloud_deployments
     order by day, kind.name`,
    [period],
  );
  await admin.query(
    `insert into metered_days (day, resource_kind, state, metered_at, closed_at)
     select day, kind, 'closed', now(), now()
     from generate_series($1::timestamp, $1::timestamp + interval '29 days', interval '1 day') day,
       unnest($2::text[]) kind`,
    [period, meterKindNames],
  );
  await admin.query(
    `insert into llm_usage_events (gateway_request_id, tenant_id, claimed_deployment_id, deployment_id, model, tokens, charge, currency,
       occurred_at, received_at, fingerprint, state)
     select event || '-' || id, tenant_id, id::text, id, 'model', 1000, 0.0137 * event, $2, at.time, at.time, md5(event || id::text), 'billable'
     from generate_series(1, 20) event, cloud_deployments,
       lateral (select $1::timestamptz + event * interval '1 day' as time) at
     order by event`,
    [period, currency],
  );
  // Not all tables: one that is found empty is taken for empty until it is looked at again, and those that the run fills have never been.
  await admin.query(`vacuum analyze ${filled.join(', ')}`);
  await admin.query('checkpoint');
}
