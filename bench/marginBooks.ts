import { readFileSync } from 'node:fs';
import type pg from 'pg';
import { z } from 'zod';
import { type Period, shiftPeriod } from '../src/domain/period.ts';

/** How much the books hold. */
export interface MarginBooks {
  readonly deployments: number;
  readonly tenants: number;
  /** Of all months, and of one. */
  readonly costLines: number;
  readonly monthsLines: number;
  readonly resources: number;
  readonly memberships: number;
  readonly invoiceLines: number;
  readonly usageRows: number;
  readonly estimateLines: number;
}

/** Closed months, and days of usage in the running one. */
export const months = 12;
const usageDays = 20;

const catalog = z.object({
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
 * Fills the books of a year by set-based SQL, as a superuser: tenants with two deployments each, a tenth of them billed in US dollars;
 * ten cost lines a deployment from two providers, one of which charges euros; an issued invoice to each tenant for each month; and of
 * the running month usage of three kinds on 20 days, gateway charges, and an estimate of each provider.
 *
 * Of a hundred lines of a month 90 name a resource, two each are tax, credits and shared, three are unmatched and one is ambiguous. Of a
 * hundred resources four move to another deployment in the middle of a month, five belong to a tenant's project alone, and one to nobody.
 * @param running the month that runs; the year is the one before it
 */
export async function fillMarginBooks(
  admin: pg.Client,
  running: Period,
  deployments: number,
): Promise<MarginBooks> {
  const first = shiftPeriod(running, -months);
  const monthsLines = Math.ceil((deployments * 10) / months);
  const resources = Math.ceil(monthsLines * 0.9);
  await fillCatalog(admin);
  await fillTenants(admin, first, deployments);
  await fillResources(admin, first, resources);
  await fillProviderInvoices(admin, first, { resources, others: monthsLines - resources });
  await fillTenantInvoices(admin, first);
  await fillRunningMonth(admin, running);
  await admin.query('vacuum analyze');
  await admin.query('checkpoint');
  const countOf = async (table: string) =>
    Number((await admin.query(`select count(*) as rows from ${table}`)).rows[0]?.rows);
  return {
    deployments,
    tenants: Math.ceil(deployments / 2),
    costLines: await countOf('cloud_cost_lines'),
    monthsLines,
    resources,
    memberships: await countOf('cloud_resource_memberships'),
    invoiceLines: await countOf('tenant_invoice_lines'),
    usageRows: await countOf('metered_usage'),
    estimateLines: await countOf('cloud_cost_estimate_lines'),
  };
}

async function fillCatalog(admin: pg.Client): Promise<void> {
  const { plans } = catalog.parse(
    JSON.parse(readFileSync(new URL('../dev/golden/catalog.json', import.meta.url), 'utf8')),
  );
  const studio = plans.find(({ code }) => code === 'studio');
  if (studio === undefined) throw new Error('the golden catalog has no plan studio');
  await admin.query(
    `with plan as (
       insert into plans (code, name, created_at) select $1 || suffix, $2, now() from (values (''), ('-usd')) code (suffix) returning id, code
     )
     insert into plan_versions (plan_id, version, base_price_cents, currency, status, created_at)
     select id, 1, $3, case when code like '%-usd' then 'USD' else 'AUD' end, 'draft', now() from plan`,
    [studio.code, studio.name, studio.base_price_cents],
  );
  await admin.query(
    `insert into plan_items (plan_version_id, resource_kind, included_qty, overage_unit, overage_price_cents, hard_cap_qty)
     select version.id, item.* from plan_versions version, jsonb_to_recordset($1)
       item (resource_kind text, included_qty numeric, overage_unit text, overage_price_cents numeric, hard_cap_qty numeric)`,
    [JSON.stringify(studio.items)],
  );
  await admin.query(`update plan_versions set status = 'active', published_at = now()`);
}

/** A deployment's id follows from its number, and is as scattered as a random one. */
const deploymentId = (number: string) => `md5('deployment ' || (${number}))::uuid`;
const resourceId = (number: string) => `md5('resource ' || (${number}))::uuid`;
const invoiceId = (tenantId: string, period: string) =>
  `md5(${tenantId} || to_char(${period}, 'YYYYMM'))::uuid`;

async function fillTenants(admin: pg.Client, first: Period, deployments: number): Promise<void> {
  await admin.query(
    `insert into cloud_deployments (id, tenant_id, slug, display_name, created_at, updated_at)
     select ${deploymentId('n')}, 'tenant-' || lpad(((n + 1) / 2)::text, 7, '0'), case when n % 2 = 1 then 'main' else 'second' end,
       'Deployment ' || n, $1::timestamptz, $1::timestamptz
     from generate_series(1, $2::int) n`,
    [first, deployments],
  );
  await admin.query(
    `insert into billing_profiles (tenant_id, country, currency, updated_at)
     select distinct tenant_id, 'US', 'USD', now() from cloud_deployments where tenant_id like '%0'`,
  );
  await admin.query(
    `insert into subscriptions (id, deployment_id, tenant_id, status, starts_on, current_period_start, current_period_end, created_at)
     select id, id, tenant_id, 'active', $1::date, $1::date + interval '1 year', $1::date + interval '13 months', now() from cloud_deployments`,
    [first],
  );
  await admin.query(
    `insert into subscription_versions (subscription_id, tenant_id, plan_version_id, starts_on, created_at)
     select subscription.id, tenant_id, version.id, starts_on, now()
     from subscriptions subscription
     join plan_versions version on version.currency = case when tenant_id like '%0' then 'USD' else 'AUD' end`,
  );
  await admin.query(
    `insert into exchange_rates (from_currency, to_currency, rate, effective_from, source, created_at, created_by)
     select pair.source, 'AUD', pair.rate + month * 0.0071, $1::date + month * interval '1 month', 'operator', now(), 'bench'
     from (values ('USD', 1.4873), ('EUR', 1.6219)) pair (source, rate), generate_series(0, 12) month`,
    [first],
  );
}

async function fillResources(admin: pg.Client, first: Period, resources: number): Promise<void> {
  // A project for each tenant whose deployments have none of the resources.
  await admin.query(
    `insert into cloud_projects (id, provider, external_id, name, tenant_id, first_seen_at, last_seen_at)
     select ${resourceId("'project ' || n")}, 'digitalocean', 'project-' || n, 'Project ' || n, 'tenant-' || lpad(((n + 1) / 2)::text, 7, '0'),
       $1::timestamptz, now()
     from generate_series(20, $2::int, 20) n where n % 100 <> 0`,
    [first, resources],
  );
  await admin.query(
    `insert into cloud_resources (id, provider, kind, external_id, name, region, size_slug, status, tags, price_monthly, currency,
       attributes, project_id, tenant_id, deployment_id, created_at, first_seen_at, last_seen_at)
     select ${resourceId('n')}, case when n % 10 = 9 then 'europe' else 'digitalocean' end,
       case when n % 20 < 14 then 'droplet' when n % 20 < 17 then 'volume' else 'database' end,
       (400000000 + n)::text, 'resource-' || n, 'syd1', 's-2', 'active', '["env:production"]', 12,
       case when n % 10 = 9 then 'EUR' else 'USD' end, '{"vcpus": 2, "memory": 2048}',
       case when n % 20 = 0 and n % 100 <> 0 then ${resourceId("'project ' || n")} end,
       case when n % 20 = 0 and n % 100 <> 0 then 'tenant-' || lpad(((n + 1) / 2)::text, 7, '0') end,
       case when n % 20 <> 0 then ${deploymentId('n')} end, $1::timestamptz, $1::timestamptz, now()
     from generate_series(1, $2::int) n`,
    [first, resources],
  );
  // What moves does so on the eleventh of a month, 07:12:09.
  await admin.query(
    `insert into cloud_resource_memberships (resource_id, deployment_id, starts_at, ends_at)
     select ${resourceId('n')}, ${deploymentId('case when stay = 2 then n - 1 else n end')},
       case when stay = 1 then $1::timestamptz else moved_at end, case when stay = 1 then moved_at end
     from generate_series(1, $2::int) n
     cross join lateral (
       select case when n % 25 = 2 then $1::timestamptz + n / 25 % ${months} * interval '1 month' + interval '10 days 07:12:09' end as moved_at
     ) move
     cross join lateral generate_series(1, case when moved_at is null then 1 else 2 end) stay
     where n % 20 <> 0`,
    [first, resources],
  );
}

async function fillProviderInvoices(
  admin: pg.Client,
  first: Period,
  lines: { readonly resources: number; readonly others: number },
): Promise<void> {
  await admin.query(
    `insert into cloud_invoices (provider, invoice_uuid, period_start, issued_at, amount, currency, ingest_status, version, discovered_at)
     select provider.name, provider.name || '-' || month, $1::date + month * interval '1 month', now(), 0, provider.currency, 'ingested', 1, now()
     from generate_series(0, ${months - 1}) month, (values ('digitalocean', 'USD'), ('europe', 'EUR')) provider (name, currency)`,
    [first],
  );
  await admin.query(
    `insert into cloud_invoice_versions (invoice_id, version, amount, currency, line_count, checksum, items_checksum, ingested_at)
     select id, 1, 0, currency, 0, '', '', now() from cloud_invoices`,
  );
  await admin.query('analyze cloud_invoices, cloud_invoice_versions, cloud_resources');
  await admin.query(
    `insert into cloud_cost_lines (invoice_id, version_id, line_number, period_start, product, group_description, description,
       charge_start, charge_end, billed_cost, currency, line_class, kind, resource_name, provider_resource_id, resource_id, match_outcome,
       match_reason, extra)
     select invoice.id, version.id, n, invoice.period_start, 'Droplets', '', 'resource-' || n, invoice.period_start,
       invoice.period_start + interval '1 month', ${amountOf('n')}, invoice.currency, 'resource',
       case when n % 20 < 14 then 'droplet' when n % 20 < 17 then 'volume' else 'database' end, 'resource-' || n, (400000000 + n)::text,
       ${resourceId('n')}, 'matched_by_id', 'bench', '{}'
     from cloud_invoices invoice
     join cloud_invoice_versions version on version.invoice_id = invoice.id
     join generate_series(1, $1::int) n on invoice.provider = case when n % 10 = 9 then 'europe' else 'digitalocean' end
     order by invoice.period_start, n`,
    [lines.resources],
  );
  await admin.query(
    `insert into cloud_cost_lines (invoice_id, version_id, line_number, period_start, product, group_description, description,
       charge_start, charge_end, billed_cost, currency, line_class, kind, resource_name, match_outcome, match_reason, match_candidates, extra)
     select invoice.id, version.id, $1::int + n, invoice.period_start, 'Others', '', 'other-' || n, invoice.period_start,
       invoice.period_start + interval '1 month', ${amountOf('n')} * case when class.name = 'credit' then -1 else 1 end, invoice.currency,
       class.name, case when class.name = 'resource' then 'droplet' end, case when class.name = 'resource' then 'other-' || n end,
       class.outcome, 'bench', case when class.outcome = 'ambiguous' then '[]'::jsonb end, '{}'
     from cloud_invoices invoice
     join cloud_invoice_versions version on version.invoice_id = invoice.id
     cross join generate_series(1, $2::int) n
     join (values (0, 'tax', 'tax'), (1, 'tax', 'tax'), (2, 'credit', 'credit'), (3, 'credit', 'credit'), (4, 'shared', 'shared'),
       (5, 'shared', 'shared'), (6, 'resource', 'unmatched'), (7, 'resource', 'unmatched'), (8, 'resource', 'unmatched'),
       (9, 'resource', 'ambiguous')) class (tenth, name, outcome) on class.tenth = n % 10
     where invoice.provider = 'digitalocean'
     order by invoice.period_start, n`,
    [lines.resources, lines.others],
  );
  await admin.query(
    `update cloud_invoices invoice set amount = said.amount, line_count = said.lines
     from (select invoice_id, sum(billed_cost) as amount, count(*) as lines from cloud_cost_lines group by invoice_id) said
     where said.invoice_id = invoice.id`,
  );
  await admin.query(
    `update cloud_invoice_versions version set amount = invoice.amount, line_count = invoice.line_count
     from cloud_invoices invoice where invoice.id = version.invoice_id`,
  );
}

/** Three to 40 units of a currency, with five decimals. */
const amountOf = (number: string) => `(3 + ${number} % 37 + ${number} % 99991 * 0.00001)`;

/**
 * Two deployments' plan, overage and gateway charges on each invoice, and tax on those in Australian dollars. A credit note on one of a
 * thousand. The triggers that keep the lines of an issued invoice would have it made as a draft first, and each line written twice.
 */
async function fillTenantInvoices(admin: pg.Client, first: Period): Promise<void> {
  await admin.query(
    `create unlogged table bench_charges as
     select deployment.id as deployment_id, deployment.tenant_id, deployment.slug = 'main' as is_first, 20000 as plan_cents,
       abs(hashtext(deployment.id::text)) % 4000 as overage_cents, abs(hashtext(deployment.id::text)) % 900 as llm_cents
     from cloud_deployments deployment order by tenant_id, slug`,
  );
  await admin.query(
    `insert into tenant_invoices (id, tenant_id, period_start, number, status, currency, subtotal_cents, tax_cents, total_cents, paid_cents,
       credited_cents, due_cents, tax_name, tax_rate, issued_at, due_on, created_at, updated_at)
     select ${invoiceId('charged.tenant_id', 'month')}, charged.tenant_id, month, 'BENCH-' || to_char(month, 'YYYYMM') || '-' || charged.tenant_id,
       'issued', case when charged.tenant_id like '%0' then 'USD' else 'AUD' end, subtotal, tax, subtotal + tax, 0, credited,
       subtotal + tax - credited, case when tax > 0 then 'GST' end, case when tax > 0 then 0.1 else 0 end, month + interval '1 month 3 days',
       month + interval '1 month 17 days', month + interval '1 month', month + interval '1 month 3 days'
     from generate_series($1::timestamp, $1::timestamp + interval '${months - 1} months', interval '1 month') month
     cross join (
       select tenant_id, sum(plan_cents + overage_cents + llm_cents) as subtotal,
         case when tenant_id like '%0' then 0 else round(sum(plan_cents + overage_cents + llm_cents) * 0.1) end as tax,
         case when tenant_id like '%007' then 500 else 0 end as credited
       from bench_charges group by tenant_id
     ) charged
     order by month, charged.tenant_id`,
    [first],
  );
  await admin.query(
    `insert into credit_notes (invoice_id, tenant_id, number, subtotal_cents, tax_cents, total_cents, currency, reason, actor, issued_at)
     select id, tenant_id, 'CREDIT-' || number, 500, 0, 500, currency, 'bench', 'bench', issued_at from tenant_invoices where credited_cents > 0`,
  );
  await admin.query('set session_replication_role = replica');
  await admin.query(
    `insert into tenant_invoice_lines (invoice_id, tenant_id, line_number, type, deployment_id, resource_kind, description, qty, unit,
       unit_price_cents, amount_cents, service_period, meta)
     select ${invoiceId('charge.tenant_id', 'month')}, charge.tenant_id, line.number + case when charge.is_first then 0 else 3 end, line.type,
       charge.deployment_id, line.kind, 'a charge', 1, 'month', line.cents, line.cents, month, '{}'
     from generate_series($1::timestamp, $1::timestamp + interval '${months - 1} months', interval '1 month') month
     cross join bench_charges charge
     cross join lateral (values (1, 'plan_base', null, charge.plan_cents), (2, 'overage', 'droplet_hours', charge.overage_cents),
       (3, 'llm_usage', null, charge.llm_cents)) line (number, type, kind, cents)`,
    [first],
  );
  await admin.query(
    `insert into tenant_invoice_lines (invoice_id, tenant_id, line_number, type, description, qty, unit, unit_price_cents, amount_cents,
       service_period, meta)
     select id, tenant_id, 7, 'tax', 'GST', 1, 'tax', tax_cents, tax_cents, period_start, '{}' from tenant_invoices where tax_cents > 0
     order by period_start, tenant_id`,
  );
  await admin.query('set session_replication_role = origin');
  await admin.query(
    `insert into rollup_worklist (period_start, tenant_id, position, state, invoice_id, updated_at)
     select period_start, tenant_id, row_number() over (partition by period_start order by tenant_id), 'done', id, created_at
     from tenant_invoices order by period_start, tenant_id`,
  );
  await admin.query(
    `insert into period_ledger (period_start, state, workflow_id, run_id, tenants, invoiced, started_at, rolled_up_at, checked_at, issue_after, issued_at)
     select period_start, 'issued', 'bench', 'bench', count(*), count(*), min(created_at), min(created_at), min(created_at), min(issued_at), min(issued_at)
     from tenant_invoices group by period_start`,
  );
  await admin.query('drop table bench_charges');
}

/** Three kinds of usage, each above what Studio includes, in the order of their days; and what the providers say that it costs so far. */
async function fillRunningMonth(admin: pg.Client, running: Period): Promise<void> {
  await admin.query(
    `insert into metered_usage (tenant_id, deployment_id, resource_id, resource_kind, day, quantity, metered_at)
     select tenant_id, id, md5(id::text || kind.name)::uuid, kind.name, day, kind.quantity, now()
     from generate_series($1::timestamp, $1::timestamp + interval '${usageDays - 1} days', interval '1 day') day,
       (values ('droplet_hours', 275400::numeric), ('spaces_gb_month', 180 * 1073741824::numeric * 86400), ('bandwidth_gb', 60 * 1073741824::numeric))
         kind (name, quantity),
       cloud_deployments
     order by day, kind.name`,
    [running],
  );
  await admin.query(
    `insert into llm_usage_events (gateway_request_id, tenant_id, claimed_deployment_id, deployment_id, model, tokens, charge, currency,
       occurred_at, received_at, fingerprint, state)
     select event || '-' || id, tenant_id, id::text, id, 'model', 1000, 0.0137 * event, case when tenant_id like '%0' then 'USD' else 'AUD' end,
       at.time, at.time, md5(event || id::text), 'billable'
     from generate_series(1, 5) event, cloud_deployments,
       lateral (select $1::timestamptz + event * interval '3 days' as time) at
     order by event`,
    [running],
  );
  await admin.query(
    `insert into cloud_cost_estimates (id, provider, period_start, estimated_at, amount, currency, complete_at)
     select md5(provider)::uuid, provider, $1::date, now(), 0, max(currency), now() from cloud_resources group by provider`,
    [running],
  );
  await admin.query(
    `insert into cloud_cost_estimate_lines (estimate_id, position, product, group_description, description, amount, line_class, kind, provider_resource_id)
     select md5(provider)::uuid, row_number() over (partition by provider order by external_id), 'Droplets', '', name,
       round(${amountOf('(external_id::int - 400000000)')} * 0.7, 5), 'resource', kind, external_id
     from cloud_resources`,
  );
  await admin.query(
    `update cloud_cost_estimates estimate set amount = said.amount + 17.5
     from (select estimate_id, sum(amount) as amount from cloud_cost_estimate_lines group by estimate_id) said
     where said.estimate_id = estimate.id`,
  );
}
