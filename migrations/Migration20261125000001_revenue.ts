import { Migration } from '@mikro-orm/migrations';

export class Migration20261125000001_revenue extends Migration {
  override name = 'Migration20261125000001_revenue';

  override up(): void | Promise<void> {
    this.addSql(
      `create table "addons" ("id" uuid not null default gen_random_uuid(), "code" text not null, "resource_kind" text not null, "qty" numeric not null, "price_cents" bigint not null, "currency" text not null, "created_at" timestamptz not null, primary key ("id"));`,
    );
    this.addSql(`alter table "addons" add constraint "addons_code" unique ("code");`);

    this.addSql(
      `create table "billing_profiles" ("tenant_id" text not null, "legal_name" text null, "tax_number" text null, "address" text null, "email" text null, "country" text not null default 'AU', "currency" text not null default 'AUD', "updated_at" timestamptz not null, primary key ("tenant_id"));`,
    );

    this.addSql(
      `create table "cloud_deployments" ("id" uuid not null default gen_random_uuid(), "tenant_id" text not null, "slug" text not null, "display_name" text not null, "region" text null, "state" text not null default 'active', "llm_mode" text not null default 'gateway', "billing_action_suspended" boolean not null default false, "template_code" text null, "template_version" int null, "dunning_state" text null, "dunning_since" date null, "paused_by" text null, "created_at" timestamptz not null, "updated_at" timestamptz not null, primary key ("id"));`,
    );
    this.addSql(
      `create index "cloud_deployments_dunning" on public.cloud_deployments ("tenant_id") where "dunning_state" is not null;`,
    );
    this.addSql(
      `alter table "cloud_deployments" add constraint "cloud_deployments_slug" unique ("tenant_id", "slug");`,
    );

    this.addSql(
      `create table "cloud_deployment_events" ("id" bigserial primary key, "deployment_id" uuid not null, "tenant_id" text not null, "type" text not null, "from_state" text null, "to_state" text null, "actor" text not null, "role" text not null, "reason" text null, "details" jsonb not null, "occurred_at" timestamptz not null);`,
    );
    this.addSql(
      `create index "cloud_deployment_events_history" on "cloud_deployment_events" ("deployment_id", "id");`,
    );

    this.addSql(
      `create table "document_numbers" ("series" text not null, "last" bigint not null, primary key ("series"));`,
    );
    this.addSql(`insert into "document_numbers" ("series", "last") values ('INV', 0), ('CN', 0);`);

    this.addSql(
      `create table "late_usage" ("deployment_id" uuid not null, "usage_month" date not null, "tenant_id" text not null, "source_metered" boolean not null default false, "source_llm" boolean not null default false, "noticed_at" timestamptz not null, "settled_at" timestamptz null, primary key ("deployment_id", "usage_month"));`,
    );
    this.addSql(
      `create index "late_usage_open" on public.late_usage ("tenant_id") where "settled_at" is null;`,
    );

    this.addSql(
      `create table "llm_usage_events" ("id" bigserial primary key, "gateway_request_id" text not null, "tenant_id" text not null, "claimed_deployment_id" text not null, "deployment_id" uuid null, "model" text not null, "tokens" bigint not null, "charge" numeric not null, "currency" text not null, "occurred_at" timestamptz not null, "received_at" timestamptz not null, "fingerprint" text not null, "state" text not null, "problem" text null);`,
    );
    this.addSql(
      `create index "llm_usage_events_charges" on public.llm_usage_events ("deployment_id", "occurred_at") include ("charge", "tenant_id") where "state" = 'billable';`,
    );
    this.addSql(
      `create index "llm_usage_events_unassigned" on public.llm_usage_events ("occurred_at", "id") where "state" = 'unassigned';`,
    );
    this.addSql(
      `alter table "llm_usage_events" add constraint "llm_usage_events_identity" unique ("gateway_request_id");`,
    );

    this.addSql(
      `create table "manual_usage" ("id" uuid not null default gen_random_uuid(), "tenant_id" text not null, "deployment_id" uuid not null, "resource_kind" text not null, "day" date not null, "quantity" numeric not null, "reason" text not null, "actor" text not null, "created_at" timestamptz not null, primary key ("id"));`,
    );
    this.addSql(
      `create index "manual_usage_sum" on "manual_usage" ("deployment_id", "resource_kind", "day");`,
    );

    this.addSql(
      `create table "metered_days" ("day" date not null, "resource_kind" text not null, "state" text not null, "reason" text null, "metered_at" timestamptz not null, "closed_at" timestamptz null, primary key ("day", "resource_kind"));`,
    );

    this.addSql(
      `create table "metered_usage" ("id" bigserial primary key, "tenant_id" text not null, "deployment_id" uuid not null, "resource_id" uuid null, "resource_kind" text not null, "day" date not null, "quantity" numeric not null, "metered_at" timestamptz not null);`,
    );
    this.addSql(
      `create unique index "metered_usage_identity" on public.metered_usage ("deployment_id", "resource_kind", "day", "resource_id") include ("quantity", "tenant_id") nulls not distinct;`,
    );
    this.addSql(`create index "metered_usage_day" on public.metered_usage using brin ("day");`);

    this.addSql(
      `create table "period_ledger" ("period_start" date not null, "state" text not null, "workflow_id" text not null, "run_id" text not null, "forced" boolean not null default false, "tenants" int not null default 0, "invoiced" int not null default 0, "skipped" int not null default 0, "failed" int not null default 0, "started_at" timestamptz not null, "rolled_up_at" timestamptz null, "checked_at" timestamptz null, "issue_after" timestamptz not null, "issued_at" timestamptz null, primary key ("period_start"));`,
    );

    this.addSql(
      `create table "plans" ("id" uuid not null default gen_random_uuid(), "code" text not null, "name" text not null, "created_at" timestamptz not null, primary key ("id"));`,
    );
    this.addSql(`alter table "plans" add constraint "plans_code" unique ("code");`);

    this.addSql(
      `create table "plan_versions" ("id" uuid not null default gen_random_uuid(), "plan_id" uuid not null, "version" int not null, "base_price_cents" bigint not null, "currency" text not null, "status" text not null, "created_at" timestamptz not null, "published_at" timestamptz null, "retired_at" timestamptz null, primary key ("id"));`,
    );
    this.addSql(
      `create unique index "plan_versions_active" on public.plan_versions ("plan_id") where "status" = 'active';`,
    );
    this.addSql(
      `alter table "plan_versions" add constraint "plan_versions_identity" unique ("plan_id", "version");`,
    );

    this.addSql(
      `create table "plan_migrations" ("id" uuid not null default gen_random_uuid(), "from_version_id" uuid not null, "to_version_id" uuid not null, "effective_on" date not null, "subscribers" int not null, "requested_by" text not null, "reason" text not null, "created_at" timestamptz not null, primary key ("id"));`,
    );
    this.addSql(
      `alter table "plan_migrations" add constraint "plan_migrations_identity" unique ("from_version_id", "to_version_id", "effective_on");`,
    );

    this.addSql(
      `create table "plan_items" ("id" bigserial primary key, "plan_version_id" uuid not null, "resource_kind" text not null, "included_qty" numeric not null, "overage_unit" text not null, "overage_price_cents" numeric not null, "hard_cap_qty" numeric null);`,
    );
    this.addSql(
      `alter table "plan_items" add constraint "plan_items_identity" unique ("plan_version_id", "resource_kind");`,
    );

    this.addSql(
      `create table "resource_prices" ("id" bigserial primary key, "resource_kind" text not null, "unit" text not null, "price_cents" numeric not null, "currency" text not null, "effective_from" date not null);`,
    );
    this.addSql(
      `alter table "resource_prices" add constraint "resource_prices_identity" unique ("resource_kind", "currency", "effective_from");`,
    );

    this.addSql(
      `create table "rollup_worklist" ("period_start" date not null, "tenant_id" text not null, "position" int not null, "state" text not null default 'pending', "problem" text null, "message" text null, "reason" text null, "attempts" int not null default 0, "invoice_id" uuid null, "updated_at" timestamptz not null, primary key ("period_start", "tenant_id"));`,
    );
    this.addSql(`create index "rollup_worklist_position" on "rollup_worklist" ("period_start", "position");`);
    this.addSql(
      `create index "rollup_worklist_failed" on public.rollup_worklist ("period_start") where "state" = 'failed';`,
    );

    this.addSql(
      `create table "subscriptions" ("id" uuid not null default gen_random_uuid(), "deployment_id" uuid not null, "tenant_id" text not null, "status" text not null, "starts_on" date not null, "trial_ends_at" timestamptz null, "cancelled_at" timestamptz null, "current_period_start" date not null, "current_period_end" date not null, "created_at" timestamptz not null, primary key ("id"));`,
    );
    this.addSql(`create index "subscriptions_tenant" on "subscriptions" ("tenant_id");`);
    this.addSql(
      `alter table "subscriptions" add constraint "subscriptions_deployment" unique ("deployment_id");`,
    );

    this.addSql(
      `create table "subscription_addons" ("id" uuid not null default gen_random_uuid(), "subscription_id" uuid not null, "tenant_id" text not null, "addon_id" uuid not null, "code" text not null, "resource_kind" text not null, "qty" numeric not null, "price_cents" bigint not null, "currency" text not null, "starts_on" date not null, "ends_on" date null, primary key ("id"));`,
    );
    this.addSql(
      `create index "subscription_addons_subscription" on "subscription_addons" ("subscription_id", "starts_on");`,
    );

    this.addSql(
      `create table "subscription_pauses" ("id" bigserial primary key, "subscription_id" uuid not null, "tenant_id" text not null, "starts_on" date not null, "ends_on" date null);`,
    );
    this.addSql(
      `create index "subscription_pauses_subscription" on "subscription_pauses" ("subscription_id", "starts_on");`,
    );

    this.addSql(
      `create table "subscription_versions" ("id" bigserial primary key, "subscription_id" uuid not null, "tenant_id" text not null, "plan_version_id" uuid not null, "starts_on" date not null, "created_at" timestamptz not null);`,
    );
    this.addSql(
      `create index "subscription_versions_plan" on "subscription_versions" ("plan_version_id", "tenant_id", "subscription_id", "starts_on");`,
    );
    this.addSql(
      `alter table "subscription_versions" add constraint "subscription_versions_identity" unique ("subscription_id", "starts_on");`,
    );

    this.addSql(
      `create table "tax_rates" ("id" bigserial primary key, "country" text not null, "name" text not null, "rate" numeric not null, "effective_from" date not null);`,
    );
    // Before its policies: nobody has told them yet who is asking.
    this.addSql(
      `insert into "tax_rates" ("country", "name", "rate", "effective_from") values ('AU', 'GST', 0.10, '2000-07-01');`,
    );
    this.addSql(
      `alter table "tax_rates" add constraint "tax_rates_identity" unique ("country", "effective_from");`,
    );

    this.addSql(
      `create table "tenant_invoices" ("id" uuid not null default gen_random_uuid(), "tenant_id" text not null, "period_start" date not null, "number" text null, "status" text not null, "currency" text not null, "subtotal_cents" bigint not null, "tax_cents" bigint not null, "total_cents" bigint not null, "paid_cents" bigint not null default '0', "credited_cents" bigint not null default '0', "due_cents" bigint not null, "tax_name" text null, "tax_rate" numeric not null, "bill_to" jsonb null, "revision" int not null default 1, "replaces_invoice_id" uuid null, "issued_at" timestamptz null, "due_on" date null, "paid_at" timestamptz null, "voided_at" timestamptz null, "void_reason" text null, "created_at" timestamptz not null, "updated_at" timestamptz not null, primary key ("id"));`,
    );
    this.addSql(
      `create unique index "tenant_invoices_identity" on public.tenant_invoices ("tenant_id", "period_start") where "status" <> 'void';`,
    );
    this.addSql(`create index "tenant_invoices_period" on "tenant_invoices" ("period_start", "tenant_id");`);
    this.addSql(`create index "tenant_invoices_tenant" on "tenant_invoices" ("tenant_id", "period_start");`);
    this.addSql(
      `create index "tenant_invoices_due" on public.tenant_invoices ("due_on") where "status" = 'issued';`,
    );
    this.addSql(
      `create index "tenant_invoices_issued" on public.tenant_invoices ("issued_at") where "issued_at" is not null;`,
    );
    this.addSql(`alter table "tenant_invoices" add constraint "tenant_invoices_number" unique ("number");`);

    this.addSql(
      `create table "receivables" ("invoice_id" uuid not null, "tenant_id" text not null, "state" text not null default 'pending', "attempts" int not null default 0, "next_attempt_at" timestamptz not null, "last_error" text null, "acknowledged_at" timestamptz null, "external_id" text null, "created_at" timestamptz not null, primary key ("invoice_id"));`,
    );
    this.addSql(
      `create index "receivables_open" on public.receivables ("next_attempt_at") where "state" <> 'acknowledged';`,
    );

    this.addSql(
      `create table "payments" ("id" uuid not null default gen_random_uuid(), "invoice_id" uuid not null, "tenant_id" text not null, "amount_cents" bigint not null, "currency" text not null, "paid_on" date not null, "reference" text not null, "source" text not null, "received_at" timestamptz not null, primary key ("id"));`,
    );
    this.addSql(`create index "payments_invoice" on "payments" ("invoice_id");`);
    this.addSql(`alter table "payments" add constraint "payments_reference" unique ("reference");`);

    this.addSql(
      `create table "invoice_adjustments" ("id" uuid not null default gen_random_uuid(), "invoice_id" uuid not null, "tenant_id" text not null, "deployment_id" uuid null, "description" text not null, "amount_cents" bigint not null, "reason" text not null, "actor" text not null, "created_at" timestamptz not null, primary key ("id"));`,
    );
    this.addSql(`create index "invoice_adjustments_invoice" on "invoice_adjustments" ("invoice_id");`);

    this.addSql(
      `create table "credit_notes" ("id" uuid not null default gen_random_uuid(), "invoice_id" uuid not null, "tenant_id" text not null, "number" text not null, "subtotal_cents" bigint not null, "tax_cents" bigint not null, "total_cents" bigint not null, "currency" text not null, "reason" text not null, "actor" text not null, "issued_at" timestamptz not null, primary key ("id"));`,
    );
    this.addSql(`create index "credit_notes_invoice" on "credit_notes" ("invoice_id");`);
    this.addSql(`create index "credit_notes_issued" on "credit_notes" ("issued_at");`);
    this.addSql(`alter table "credit_notes" add constraint "credit_notes_number" unique ("number");`);

    this.addSql(
      `create table "tenant_invoice_inputs" ("invoice_id" uuid not null, "tenant_id" text not null, "inputs" jsonb not null, primary key ("invoice_id"));`,
    );

    this.addSql(
      `create table "tenant_invoice_lines" ("id" bigserial primary key, "invoice_id" uuid not null, "tenant_id" text not null, "line_number" int not null, "type" text not null, "deployment_id" uuid null, "resource_kind" text null, "description" text not null, "qty" numeric not null, "unit" text not null, "unit_price_cents" numeric not null, "amount_cents" bigint not null, "service_period" date not null, "meta" jsonb not null);`,
    );
    this.addSql(
      `create index "tenant_invoice_lines_deployment" on "tenant_invoice_lines" ("deployment_id", "service_period");`,
    );
    this.addSql(
      `alter table "tenant_invoice_lines" add constraint "tenant_invoice_lines_identity" unique ("invoice_id", "line_number");`,
    );

    this.addSql(`drop policy "subject_owns" on "idempotency_keys";`);

    this.addSql(`alter table "idempotency_keys" drop constraint "idempotency_keys_identity";`);
    this.addSql(`alter table "idempotency_keys" add "tenant_id" text not null default '';`);
    this.addSql(
      `alter table "idempotency_keys" add constraint "idempotency_keys_identity" unique ("tenant_id", "subject", "route", "key");`,
    );
    this.addSql(
      `create policy "subject_owns" on "idempotency_keys" using (subject = nullif(current_setting('app.subject', true), '') and tenant_id = coalesce(current_setting('app.tenant_id', true), '')) with check (subject = nullif(current_setting('app.subject', true), '') and tenant_id = coalesce(current_setting('app.tenant_id', true), ''));`,
    );

    this.addSql(`alter table "addons" enable row level security;`);
    this.addSql(`alter table "addons" force row level security;`);
    this.addSql(
      `create policy "platform_reads" on "addons" for select using (current_setting('app.role', true) in ('system', 'platform_admin', 'platform_viewer'));`,
    );
    this.addSql(
      `create policy "platform_writes" on "addons" using (current_setting('app.role', true) in ('system', 'platform_admin')) with check (current_setting('app.role', true) in ('system', 'platform_admin'));`,
    );
    this.addSql(
      `create policy "everyone_reads" on "addons" for select using (nullif(current_setting('app.role', true), '') is not null);`,
    );

    this.addSql(`alter table "billing_profiles" enable row level security;`);
    this.addSql(`alter table "billing_profiles" force row level security;`);
    this.addSql(
      `create policy "platform_reads" on "billing_profiles" for select using (current_setting('app.role', true) in ('system', 'platform_admin', 'platform_viewer'));`,
    );
    this.addSql(
      `create policy "platform_writes" on "billing_profiles" using (current_setting('app.role', true) in ('system', 'platform_admin')) with check (current_setting('app.role', true) in ('system', 'platform_admin'));`,
    );
    this.addSql(
      `create policy "tenant_owns" on "billing_profiles" using (current_setting('app.role', true) = 'tenant' and tenant_id = nullif(current_setting('app.tenant_id', true), '')) with check (current_setting('app.role', true) = 'tenant' and tenant_id = nullif(current_setting('app.tenant_id', true), ''));`,
    );
    this.addSql(
      `create policy "gateway_reads" on "billing_profiles" for select using (current_setting('app.role', true) = 'gateway');`,
    );

    this.addSql(`alter table "cloud_deployments" enable row level security;`);
    this.addSql(`alter table "cloud_deployments" force row level security;`);
    this.addSql(
      `create policy "platform_reads" on "cloud_deployments" for select using (current_setting('app.role', true) in ('system', 'platform_admin', 'platform_viewer'));`,
    );
    this.addSql(
      `create policy "platform_writes" on "cloud_deployments" using (current_setting('app.role', true) in ('system', 'platform_admin')) with check (current_setting('app.role', true) in ('system', 'platform_admin'));`,
    );
    this.addSql(
      `create policy "tenant_owns" on "cloud_deployments" using (current_setting('app.role', true) = 'tenant' and tenant_id = nullif(current_setting('app.tenant_id', true), '')) with check (current_setting('app.role', true) = 'tenant' and tenant_id = nullif(current_setting('app.tenant_id', true), ''));`,
    );
    this.addSql(
      `create policy "gateway_reads" on "cloud_deployments" for select using (current_setting('app.role', true) = 'gateway');`,
    );

    this.addSql(
      `alter table "cloud_deployment_events" add constraint "cloud_deployment_events_deployment_id_foreign" foreign key ("deployment_id") references "cloud_deployments" ("id");`,
    );
    this.addSql(`alter table "cloud_deployment_events" enable row level security;`);
    this.addSql(`alter table "cloud_deployment_events" force row level security;`);
    this.addSql(
      `create policy "platform_reads" on "cloud_deployment_events" for select using (current_setting('app.role', true) in ('system', 'platform_admin', 'platform_viewer'));`,
    );
    this.addSql(
      `create policy "platform_writes" on "cloud_deployment_events" using (current_setting('app.role', true) in ('system', 'platform_admin')) with check (current_setting('app.role', true) in ('system', 'platform_admin'));`,
    );
    this.addSql(
      `create policy "tenant_owns" on "cloud_deployment_events" using (current_setting('app.role', true) = 'tenant' and tenant_id = nullif(current_setting('app.tenant_id', true), '')) with check (current_setting('app.role', true) = 'tenant' and tenant_id = nullif(current_setting('app.tenant_id', true), ''));`,
    );

    this.addSql(`alter table "document_numbers" enable row level security;`);
    this.addSql(`alter table "document_numbers" force row level security;`);
    this.addSql(
      `create policy "platform_reads" on "document_numbers" for select using (current_setting('app.role', true) in ('system', 'platform_admin', 'platform_viewer'));`,
    );
    this.addSql(
      `create policy "platform_writes" on "document_numbers" using (current_setting('app.role', true) in ('system', 'platform_admin')) with check (current_setting('app.role', true) in ('system', 'platform_admin'));`,
    );

    this.addSql(
      `alter table "late_usage" add constraint "late_usage_deployment_id_foreign" foreign key ("deployment_id") references "cloud_deployments" ("id");`,
    );
    this.addSql(`alter table "late_usage" enable row level security;`);
    this.addSql(`alter table "late_usage" force row level security;`);
    this.addSql(
      `create policy "platform_reads" on "late_usage" for select using (current_setting('app.role', true) in ('system', 'platform_admin', 'platform_viewer'));`,
    );
    this.addSql(
      `create policy "platform_writes" on "late_usage" using (current_setting('app.role', true) in ('system', 'platform_admin')) with check (current_setting('app.role', true) in ('system', 'platform_admin'));`,
    );
    this.addSql(
      `create policy "gateway_notes" on "late_usage" using (current_setting('app.role', true) = 'gateway') with check (current_setting('app.role', true) = 'gateway');`,
    );

    this.addSql(`alter table "llm_usage_events" enable row level security;`);
    this.addSql(`alter table "llm_usage_events" force row level security;`);
    this.addSql(
      `create policy "platform_reads" on "llm_usage_events" for select using (current_setting('app.role', true) in ('system', 'platform_admin', 'platform_viewer'));`,
    );
    this.addSql(
      `create policy "platform_writes" on "llm_usage_events" using (current_setting('app.role', true) in ('system', 'platform_admin')) with check (current_setting('app.role', true) in ('system', 'platform_admin'));`,
    );
    this.addSql(
      `create policy "tenant_reads_own" on "llm_usage_events" for select using (current_setting('app.role', true) = 'tenant' and tenant_id = nullif(current_setting('app.tenant_id', true), ''));`,
    );
    this.addSql(
      `create policy "gateway_reads" on "llm_usage_events" for select using (current_setting('app.role', true) = 'gateway');`,
    );
    this.addSql(
      `create policy "gateway_adds" on "llm_usage_events" for insert with check (current_setting('app.role', true) = 'gateway');`,
    );

    this.addSql(
      `alter table "manual_usage" add constraint "manual_usage_deployment_id_foreign" foreign key ("deployment_id") references "cloud_deployments" ("id");`,
    );
    this.addSql(`alter table "manual_usage" enable row level security;`);
    this.addSql(`alter table "manual_usage" force row level security;`);
    this.addSql(
      `create policy "platform_reads" on "manual_usage" for select using (current_setting('app.role', true) in ('system', 'platform_admin', 'platform_viewer'));`,
    );
    this.addSql(
      `create policy "platform_writes" on "manual_usage" using (current_setting('app.role', true) in ('system', 'platform_admin')) with check (current_setting('app.role', true) in ('system', 'platform_admin'));`,
    );
    this.addSql(
      `create policy "tenant_reads_own" on "manual_usage" for select using (current_setting('app.role', true) = 'tenant' and tenant_id = nullif(current_setting('app.tenant_id', true), ''));`,
    );

    this.addSql(`alter table "metered_days" enable row level security;`);
    this.addSql(`alter table "metered_days" force row level security;`);
    this.addSql(
      `create policy "platform_reads" on "metered_days" for select using (current_setting('app.role', true) in ('system', 'platform_admin', 'platform_viewer'));`,
    );
    this.addSql(
      `create policy "platform_writes" on "metered_days" using (current_setting('app.role', true) in ('system', 'platform_admin')) with check (current_setting('app.role', true) in ('system', 'platform_admin'));`,
    );

    this.addSql(`alter table "metered_usage" enable row level security;`);
    this.addSql(`alter table "metered_usage" force row level security;`);
    this.addSql(
      `create policy "platform_reads" on "metered_usage" for select using (current_setting('app.role', true) in ('system', 'platform_admin', 'platform_viewer'));`,
    );
    this.addSql(
      `create policy "platform_writes" on "metered_usage" using (current_setting('app.role', true) in ('system', 'platform_admin')) with check (current_setting('app.role', true) in ('system', 'platform_admin'));`,
    );
    this.addSql(
      `create policy "tenant_reads_own" on "metered_usage" for select using (current_setting('app.role', true) = 'tenant' and tenant_id = nullif(current_setting('app.tenant_id', true), ''));`,
    );

    this.addSql(`alter table "period_ledger" enable row level security;`);
    this.addSql(`alter table "period_ledger" force row level security;`);
    this.addSql(
      `create policy "platform_reads" on "period_ledger" for select using (current_setting('app.role', true) in ('system', 'platform_admin', 'platform_viewer'));`,
    );
    this.addSql(
      `create policy "platform_writes" on "period_ledger" using (current_setting('app.role', true) in ('system', 'platform_admin')) with check (current_setting('app.role', true) in ('system', 'platform_admin'));`,
    );

    this.addSql(`alter table "plans" enable row level security;`);
    this.addSql(`alter table "plans" force row level security;`);
    this.addSql(
      `create policy "platform_reads" on "plans" for select using (current_setting('app.role', true) in ('system', 'platform_admin', 'platform_viewer'));`,
    );
    this.addSql(
      `create policy "platform_writes" on "plans" using (current_setting('app.role', true) in ('system', 'platform_admin')) with check (current_setting('app.role', true) in ('system', 'platform_admin'));`,
    );
    this.addSql(
      `create policy "everyone_reads" on "plans" for select using (nullif(current_setting('app.role', true), '') is not null);`,
    );

    this.addSql(
      `alter table "plan_versions" add constraint "plan_versions_plan_id_foreign" foreign key ("plan_id") references "plans" ("id");`,
    );
    this.addSql(`alter table "plan_versions" enable row level security;`);
    this.addSql(`alter table "plan_versions" force row level security;`);
    this.addSql(
      `create policy "platform_reads" on "plan_versions" for select using (current_setting('app.role', true) in ('system', 'platform_admin', 'platform_viewer'));`,
    );
    this.addSql(
      `create policy "platform_writes" on "plan_versions" using (current_setting('app.role', true) in ('system', 'platform_admin')) with check (current_setting('app.role', true) in ('system', 'platform_admin'));`,
    );
    this.addSql(
      `create policy "everyone_reads" on "plan_versions" for select using (nullif(current_setting('app.role', true), '') is not null);`,
    );

    this.addSql(
      `alter table "plan_migrations" add constraint "plan_migrations_from_version_id_foreign" foreign key ("from_version_id") references "plan_versions" ("id");`,
    );
    this.addSql(
      `alter table "plan_migrations" add constraint "plan_migrations_to_version_id_foreign" foreign key ("to_version_id") references "plan_versions" ("id");`,
    );
    this.addSql(`alter table "plan_migrations" enable row level security;`);
    this.addSql(`alter table "plan_migrations" force row level security;`);
    this.addSql(
      `create policy "platform_reads" on "plan_migrations" for select using (current_setting('app.role', true) in ('system', 'platform_admin', 'platform_viewer'));`,
    );
    this.addSql(
      `create policy "platform_writes" on "plan_migrations" using (current_setting('app.role', true) in ('system', 'platform_admin')) with check (current_setting('app.role', true) in ('system', 'platform_admin'));`,
    );

    this.addSql(
      `alter table "plan_items" add constraint "plan_items_plan_version_id_foreign" foreign key ("plan_version_id") references "plan_versions" ("id");`,
    );
    this.addSql(`alter table "plan_items" enable row level security;`);
    this.addSql(`alter table "plan_items" force row level security;`);
    this.addSql(
      `create policy "platform_reads" on "plan_items" for select using (current_setting('app.role', true) in ('system', 'platform_admin', 'platform_viewer'));`,
    );
    this.addSql(
      `create policy "platform_writes" on "plan_items" using (current_setting('app.role', true) in ('system', 'platform_admin')) with check (current_setting('app.role', true) in ('system', 'platform_admin'));`,
    );
    this.addSql(
      `create policy "everyone_reads" on "plan_items" for select using (nullif(current_setting('app.role', true), '') is not null);`,
    );

    this.addSql(`alter table "resource_prices" enable row level security;`);
    this.addSql(`alter table "resource_prices" force row level security;`);
    this.addSql(
      `create policy "platform_reads" on "resource_prices" for select using (current_setting('app.role', true) in ('system', 'platform_admin', 'platform_viewer'));`,
    );
    this.addSql(
      `create policy "platform_writes" on "resource_prices" using (current_setting('app.role', true) in ('system', 'platform_admin')) with check (current_setting('app.role', true) in ('system', 'platform_admin'));`,
    );
    this.addSql(
      `create policy "everyone_reads" on "resource_prices" for select using (nullif(current_setting('app.role', true), '') is not null);`,
    );

    this.addSql(`alter table "rollup_worklist" enable row level security;`);
    this.addSql(`alter table "rollup_worklist" force row level security;`);
    this.addSql(
      `create policy "platform_reads" on "rollup_worklist" for select using (current_setting('app.role', true) in ('system', 'platform_admin', 'platform_viewer'));`,
    );
    this.addSql(
      `create policy "platform_writes" on "rollup_worklist" using (current_setting('app.role', true) in ('system', 'platform_admin')) with check (current_setting('app.role', true) in ('system', 'platform_admin'));`,
    );

    this.addSql(
      `alter table "subscriptions" add constraint "subscriptions_deployment_id_foreign" foreign key ("deployment_id") references "cloud_deployments" ("id");`,
    );
    this.addSql(`alter table "subscriptions" enable row level security;`);
    this.addSql(`alter table "subscriptions" force row level security;`);
    this.addSql(
      `create policy "platform_reads" on "subscriptions" for select using (current_setting('app.role', true) in ('system', 'platform_admin', 'platform_viewer'));`,
    );
    this.addSql(
      `create policy "platform_writes" on "subscriptions" using (current_setting('app.role', true) in ('system', 'platform_admin')) with check (current_setting('app.role', true) in ('system', 'platform_admin'));`,
    );
    this.addSql(
      `create policy "tenant_owns" on "subscriptions" using (current_setting('app.role', true) = 'tenant' and tenant_id = nullif(current_setting('app.tenant_id', true), '')) with check (current_setting('app.role', true) = 'tenant' and tenant_id = nullif(current_setting('app.tenant_id', true), ''));`,
    );

    this.addSql(
      `alter table "subscription_addons" add constraint "subscription_addons_subscription_id_foreign" foreign key ("subscription_id") references "subscriptions" ("id");`,
    );
    this.addSql(
      `alter table "subscription_addons" add constraint "subscription_addons_addon_id_foreign" foreign key ("addon_id") references "addons" ("id");`,
    );
    this.addSql(`alter table "subscription_addons" enable row level security;`);
    this.addSql(`alter table "subscription_addons" force row level security;`);
    this.addSql(
      `create policy "platform_reads" on "subscription_addons" for select using (current_setting('app.role', true) in ('system', 'platform_admin', 'platform_viewer'));`,
    );
    this.addSql(
      `create policy "platform_writes" on "subscription_addons" using (current_setting('app.role', true) in ('system', 'platform_admin')) with check (current_setting('app.role', true) in ('system', 'platform_admin'));`,
    );
    this.addSql(
      `create policy "tenant_owns" on "subscription_addons" using (current_setting('app.role', true) = 'tenant' and tenant_id = nullif(current_setting('app.tenant_id', true), '')) with check (current_setting('app.role', true) = 'tenant' and tenant_id = nullif(current_setting('app.tenant_id', true), ''));`,
    );

    this.addSql(
      `alter table "subscription_pauses" add constraint "subscription_pauses_subscription_id_foreign" foreign key ("subscription_id") references "subscriptions" ("id");`,
    );
    this.addSql(`alter table "subscription_pauses" enable row level security;`);
    this.addSql(`alter table "subscription_pauses" force row level security;`);
    this.addSql(
      `create policy "platform_reads" on "subscription_pauses" for select using (current_setting('app.role', true) in ('system', 'platform_admin', 'platform_viewer'));`,
    );
    this.addSql(
      `create policy "platform_writes" on "subscription_pauses" using (current_setting('app.role', true) in ('system', 'platform_admin')) with check (current_setting('app.role', true) in ('system', 'platform_admin'));`,
    );
    this.addSql(
      `create policy "tenant_owns" on "subscription_pauses" using (current_setting('app.role', true) = 'tenant' and tenant_id = nullif(current_setting('app.tenant_id', true), '')) with check (current_setting('app.role', true) = 'tenant' and tenant_id = nullif(current_setting('app.tenant_id', true), ''));`,
    );

    this.addSql(
      `alter table "subscription_versions" add constraint "subscription_versions_subscription_id_foreign" foreign key ("subscription_id") references "subscriptions" ("id");`,
    );
    this.addSql(
      `alter table "subscription_versions" add constraint "subscription_versions_plan_version_id_foreign" foreign key ("plan_version_id") references "plan_versions" ("id");`,
    );
    this.addSql(`alter table "subscription_versions" enable row level security;`);
    this.addSql(`alter table "subscription_versions" force row level security;`);
    this.addSql(
      `create policy "platform_reads" on "subscription_versions" for select using (current_setting('app.role', true) in ('system', 'platform_admin', 'platform_viewer'));`,
    );
    this.addSql(
      `create policy "platform_writes" on "subscription_versions" using (current_setting('app.role', true) in ('system', 'platform_admin')) with check (current_setting('app.role', true) in ('system', 'platform_admin'));`,
    );
    this.addSql(
      `create policy "tenant_owns" on "subscription_versions" using (current_setting('app.role', true) = 'tenant' and tenant_id = nullif(current_setting('app.tenant_id', true), '')) with check (current_setting('app.role', true) = 'tenant' and tenant_id = nullif(current_setting('app.tenant_id', true), ''));`,
    );

    this.addSql(`alter table "tax_rates" enable row level security;`);
    this.addSql(`alter table "tax_rates" force row level security;`);
    this.addSql(
      `create policy "platform_reads" on "tax_rates" for select using (current_setting('app.role', true) in ('system', 'platform_admin', 'platform_viewer'));`,
    );
    this.addSql(
      `create policy "platform_writes" on "tax_rates" using (current_setting('app.role', true) in ('system', 'platform_admin')) with check (current_setting('app.role', true) in ('system', 'platform_admin'));`,
    );
    this.addSql(
      `create policy "everyone_reads" on "tax_rates" for select using (nullif(current_setting('app.role', true), '') is not null);`,
    );

    this.addSql(
      `alter table "tenant_invoices" add constraint "tenant_invoices_total" check (total_cents = subtotal_cents + tax_cents);`,
    );
    // By hand: an entity can't refer to itself before it is defined.
    this.addSql(
      `alter table "tenant_invoices" add constraint "tenant_invoices_replaces_invoice_id_foreign" foreign key ("replaces_invoice_id") references "tenant_invoices" ("id");`,
    );
    this.addSql(
      `alter table "tenant_invoices" add constraint "tenant_invoices_due_amount" check (status = 'void' or due_cents = total_cents - credited_cents - paid_cents);`,
    );
    this.addSql(
      `alter table "tenant_invoices" add constraint "tenant_invoices_numbered" check ((status = 'draft') = (number is null) and (status = 'draft') = (issued_at is null));`,
    );
    this.addSql(`alter table "tenant_invoices" enable row level security;`);
    this.addSql(`alter table "tenant_invoices" force row level security;`);
    this.addSql(
      `create policy "platform_reads" on "tenant_invoices" for select using (current_setting('app.role', true) in ('system', 'platform_admin', 'platform_viewer'));`,
    );
    this.addSql(
      `create policy "platform_writes" on "tenant_invoices" using (current_setting('app.role', true) in ('system', 'platform_admin')) with check (current_setting('app.role', true) in ('system', 'platform_admin'));`,
    );
    this.addSql(
      `create policy "tenant_reads_own" on "tenant_invoices" for select using (current_setting('app.role', true) = 'tenant' and tenant_id = nullif(current_setting('app.tenant_id', true), ''));`,
    );

    this.addSql(
      `alter table "receivables" add constraint "receivables_invoice_id_foreign" foreign key ("invoice_id") references "tenant_invoices" ("id") on update cascade on delete cascade;`,
    );
    this.addSql(`alter table "receivables" enable row level security;`);
    this.addSql(`alter table "receivables" force row level security;`);
    this.addSql(
      `create policy "platform_reads" on "receivables" for select using (current_setting('app.role', true) in ('system', 'platform_admin', 'platform_viewer'));`,
    );
    this.addSql(
      `create policy "platform_writes" on "receivables" using (current_setting('app.role', true) in ('system', 'platform_admin')) with check (current_setting('app.role', true) in ('system', 'platform_admin'));`,
    );

    this.addSql(
      `alter table "payments" add constraint "payments_invoice_id_foreign" foreign key ("invoice_id") references "tenant_invoices" ("id");`,
    );
    this.addSql(`alter table "payments" enable row level security;`);
    this.addSql(`alter table "payments" force row level security;`);
    this.addSql(
      `create policy "platform_reads" on "payments" for select using (current_setting('app.role', true) in ('system', 'platform_admin', 'platform_viewer'));`,
    );
    this.addSql(
      `create policy "platform_writes" on "payments" using (current_setting('app.role', true) in ('system', 'platform_admin')) with check (current_setting('app.role', true) in ('system', 'platform_admin'));`,
    );
    this.addSql(
      `create policy "tenant_reads_own" on "payments" for select using (current_setting('app.role', true) = 'tenant' and tenant_id = nullif(current_setting('app.tenant_id', true), ''));`,
    );

    this.addSql(
      `alter table "invoice_adjustments" add constraint "invoice_adjustments_invoice_id_foreign" foreign key ("invoice_id") references "tenant_invoices" ("id");`,
    );
    this.addSql(
      `alter table "invoice_adjustments" add constraint "invoice_adjustments_deployment_id_foreign" foreign key ("deployment_id") references "cloud_deployments" ("id") on delete set null;`,
    );
    this.addSql(`alter table "invoice_adjustments" enable row level security;`);
    this.addSql(`alter table "invoice_adjustments" force row level security;`);
    this.addSql(
      `create policy "platform_reads" on "invoice_adjustments" for select using (current_setting('app.role', true) in ('system', 'platform_admin', 'platform_viewer'));`,
    );
    this.addSql(
      `create policy "platform_writes" on "invoice_adjustments" using (current_setting('app.role', true) in ('system', 'platform_admin')) with check (current_setting('app.role', true) in ('system', 'platform_admin'));`,
    );
    this.addSql(
      `create policy "tenant_reads_own" on "invoice_adjustments" for select using (current_setting('app.role', true) = 'tenant' and tenant_id = nullif(current_setting('app.tenant_id', true), ''));`,
    );

    this.addSql(
      `alter table "credit_notes" add constraint "credit_notes_invoice_id_foreign" foreign key ("invoice_id") references "tenant_invoices" ("id");`,
    );
    this.addSql(`alter table "credit_notes" enable row level security;`);
    this.addSql(`alter table "credit_notes" force row level security;`);
    this.addSql(
      `create policy "platform_reads" on "credit_notes" for select using (current_setting('app.role', true) in ('system', 'platform_admin', 'platform_viewer'));`,
    );
    this.addSql(
      `create policy "platform_writes" on "credit_notes" using (current_setting('app.role', true) in ('system', 'platform_admin')) with check (current_setting('app.role', true) in ('system', 'platform_admin'));`,
    );
    this.addSql(
      `create policy "tenant_reads_own" on "credit_notes" for select using (current_setting('app.role', true) = 'tenant' and tenant_id = nullif(current_setting('app.tenant_id', true), ''));`,
    );

    this.addSql(
      `alter table "tenant_invoice_inputs" add constraint "tenant_invoice_inputs_invoice_id_foreign" foreign key ("invoice_id") references "tenant_invoices" ("id") on update cascade on delete cascade;`,
    );
    this.addSql(`alter table "tenant_invoice_inputs" enable row level security;`);
    this.addSql(`alter table "tenant_invoice_inputs" force row level security;`);
    this.addSql(
      `create policy "platform_reads" on "tenant_invoice_inputs" for select using (current_setting('app.role', true) in ('system', 'platform_admin', 'platform_viewer'));`,
    );
    this.addSql(
      `create policy "platform_writes" on "tenant_invoice_inputs" using (current_setting('app.role', true) in ('system', 'platform_admin')) with check (current_setting('app.role', true) in ('system', 'platform_admin'));`,
    );

    this.addSql(
      `alter table "tenant_invoice_lines" add constraint "tenant_invoice_lines_invoice_id_foreign" foreign key ("invoice_id") references "tenant_invoices" ("id");`,
    );
    this.addSql(`alter table "tenant_invoice_lines" enable row level security;`);
    this.addSql(`alter table "tenant_invoice_lines" force row level security;`);
    this.addSql(
      `create policy "platform_reads" on "tenant_invoice_lines" for select using (current_setting('app.role', true) in ('system', 'platform_admin', 'platform_viewer'));`,
    );
    this.addSql(
      `create policy "platform_writes" on "tenant_invoice_lines" using (current_setting('app.role', true) in ('system', 'platform_admin')) with check (current_setting('app.role', true) in ('system', 'platform_admin'));`,
    );
    this.addSql(
      `create policy "tenant_reads_own" on "tenant_invoice_lines" for select using (current_setting('app.role', true) = 'tenant' and tenant_id = nullif(current_setting('app.tenant_id', true), ''));`,
    );

    // Triggers, by hand: MikroORM knows none that look at a whole statement.
    this.addSql(`create function "refuse_change"() returns trigger as $$
begin
  raise exception '% is append-only', tg_table_name using errcode = 'restrict_violation';
end;
$$ language plpgsql;`);
    for (const table of ['cloud_deployment_events', 'credit_notes', 'payments']) {
      this.addSql(
        `create trigger "${table}_append_only" before update or delete or truncate on "${table}" for each statement execute function "refuse_change"();`,
      );
    }

    this.addSql(`create function "keep_deployment_tenant"() returns trigger as $$
begin
  raise exception 'a deployment never changes tenant: % belongs to %', old.slug, old.tenant_id using errcode = 'restrict_violation';
end;
$$ language plpgsql;`);
    this.addSql(
      `create trigger "cloud_deployments_keep_tenant" before update of "tenant_id" on "cloud_deployments" for each row when (new.tenant_id is distinct from old.tenant_id) execute function "keep_deployment_tenant"();`,
    );

    this.addSql(`create function "keep_plan_version_terms"() returns trigger as $$
begin
  if tg_op = 'UPDATE' and (new.plan_id, new.version, new.base_price_cents, new.currency) is not distinct from (old.plan_id, old.version, old.base_price_cents, old.currency)
    and new.status <> 'draft' then
    return new;
  end if;
  raise exception 'version % of a plan is %: its terms no longer change', old.version, old.status using errcode = 'restrict_violation';
end;
$$ language plpgsql;`);
    this.addSql(
      `create trigger "plan_versions_keep_terms" before update or delete on "plan_versions" for each row when (old.status <> 'draft') execute function "keep_plan_version_terms"();`,
    );
    this.addSql(`create function "keep_plan_items"() returns trigger as $$
begin
  if exists (select from old_items i join plan_versions v on v.id = i.plan_version_id where v.status <> 'draft') then
    raise exception 'the items of a published plan version no longer change' using errcode = 'restrict_violation';
  end if;
  return null;
end;
$$ language plpgsql;`);
    for (const event of ['update', 'delete']) {
      this.addSql(
        `create trigger "plan_items_keep_terms_${event}" after ${event} on "plan_items" referencing old table as old_items for each statement execute function "keep_plan_items"();`,
      );
    }

    // What was billed and to whom is final once the invoice has left the drafts. Status, payments and credits go on.
    this.addSql(`create function "keep_issued_invoice"() returns trigger as $$
begin
  if tg_op = 'DELETE' then
    raise exception 'invoice % is %: only a draft can be deleted', old.number, old.status using errcode = 'restrict_violation';
  end if;
  if (new.id, new.tenant_id, new.period_start, new.number, new.currency, new.subtotal_cents, new.tax_cents, new.total_cents,
      new.tax_name, new.tax_rate, new.bill_to, new.revision, new.replaces_invoice_id, new.issued_at, new.created_at)
    is distinct from
     (old.id, old.tenant_id, old.period_start, old.number, old.currency, old.subtotal_cents, old.tax_cents, old.total_cents,
      old.tax_name, old.tax_rate, old.bill_to, old.revision, old.replaces_invoice_id, old.issued_at, old.created_at) then
    raise exception 'invoice % is %: what it bills no longer changes', old.number, old.status using errcode = 'restrict_violation';
  end if;
  if new.status = 'draft' or (old.status = 'void' and new.status <> 'void') then
    raise exception 'invoice % is %: it can not become %', old.number, old.status, new.status using errcode = 'restrict_violation';
  end if;
  return new;
end;
$$ language plpgsql;`);
    this.addSql(
      `create trigger "tenant_invoices_keep_issued" before update or delete on "tenant_invoices" for each row when (old.status <> 'draft') execute function "keep_issued_invoice"();`,
    );

    // One look a statement, which also holds the drafts against an issue at the same time. Whoever changes lines and then the totals locks
    // the invoice first, or two who do so at once end in a deadlock.
    this.addSql(`create function "keep_issued_lines"() returns trigger as $$
declare
  ids uuid[];
begin
  -- An array of ids is looked up in the index, however many invoices there are; a join with the changed lines would read them all.
  select array_agg(distinct invoice_id) into ids from changed_lines;
  if (select count(*) from (select from tenant_invoices where id = any (ids) and status = 'draft' for share) held) <> coalesce(cardinality(ids), 0) then
    raise exception 'the lines of an invoice change only while it is a draft' using errcode = 'restrict_violation';
  end if;
  return null;
end;
$$ language plpgsql;`);
    for (const [event, rows] of [
      ['insert', 'new'],
      ['update', 'old'],
      ['update', 'new'],
      ['delete', 'old'],
    ]) {
      this.addSql(
        `create trigger "tenant_invoice_lines_keep_issued_${event}_${rows}" after ${event} on "tenant_invoice_lines" referencing ${rows} table as changed_lines for each statement execute function "keep_issued_lines"();`,
      );
    }
  }
}
