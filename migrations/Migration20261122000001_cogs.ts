import { Migration } from '@mikro-orm/migrations';

export class Migration20261122000001_cogs extends Migration {
  override name = 'Migration20261122000001_cogs';

  override up(): void | Promise<void> {
    this.addSql(
      `create table "audit_log" ("id" bigserial primary key, "occurred_at" timestamptz not null, "actor" text not null, "role" text not null, "tenant_id" text null, "action" text not null, "subject_type" text not null, "subject_id" text not null, "reason" text null, "before" jsonb null, "after" jsonb null, "request_id" text null, "workflow_id" text null);`,
    );
    this.addSql(`create index "audit_log_subject" on "audit_log" ("subject_type", "subject_id");`);
    this.addSql(
      `create or replace function "audit_log_audit_log_append_only_fn"() returns trigger as $$ begin raise exception 'the audit log is append-only'; end; $$ language plpgsql;`,
    );
    this.addSql(
      `create trigger "audit_log_append_only" BEFORE UPDATE OR DELETE OR TRUNCATE on "audit_log" for each STATEMENT execute function "audit_log_audit_log_append_only_fn"();`,
    );

    this.addSql(
      `create table "cloud_attribution_changes" ("id" bigserial primary key, "cost_line_id" bigint not null, "from_outcome" text not null, "from_resource_id" uuid null, "to_outcome" text not null, "to_resource_id" uuid null, "billed_cost" numeric not null, "currency" text not null, "changed_at" timestamptz not null, "cause" text not null);`,
    );
    this.addSql(
      `create index "cloud_attribution_changes_line" on "cloud_attribution_changes" ("cost_line_id");`,
    );

    this.addSql(
      `create table "cloud_balance_snapshots" ("id" bigserial primary key, "provider" text not null, "generated_at" timestamptz not null, "month_to_date_balance" numeric not null, "account_balance" numeric not null, "month_to_date_usage" numeric not null, "currency" text not null, "taken_at" timestamptz not null);`,
    );
    this.addSql(
      `alter table "cloud_balance_snapshots" add constraint "cloud_balance_snapshots_identity" unique ("provider", "generated_at");`,
    );

    this.addSql(
      `create table "cloud_inventory_listings" ("id" bigserial primary key, "provider" text not null, "kind" text not null, "state" text not null, "attempted_at" timestamptz not null, "complete_at" timestamptz null, "live" int null, "error_code" text null, "error_message" text null);`,
    );
    this.addSql(
      `alter table "cloud_inventory_listings" add constraint "cloud_inventory_listings_identity" unique ("provider", "kind");`,
    );

    this.addSql(
      `create table "cloud_invoices" ("id" uuid not null default gen_random_uuid(), "provider" text not null, "invoice_uuid" text not null, "invoice_number" text null, "period_start" date not null, "issued_at" timestamptz not null, "amount" numeric not null, "currency" text not null, "ingest_status" text not null, "error" jsonb null, "held_difference" numeric null, "version" int not null default 0, "line_count" int null, "checksum" text null, "discovered_at" timestamptz not null, "ingested_at" timestamptz null, primary key ("id"));`,
    );
    this.addSql(`create index "cloud_invoices_period" on "cloud_invoices" ("period_start", "id");`);
    this.addSql(
      `create index "cloud_invoices_status" on "cloud_invoices" ("ingest_status", "period_start");`,
    );
    this.addSql(
      `alter table "cloud_invoices" add constraint "cloud_invoices_identity" unique ("provider", "invoice_uuid");`,
    );

    this.addSql(
      `create table "cloud_invoice_versions" ("id" uuid not null default gen_random_uuid(), "invoice_id" uuid not null, "version" int not null, "amount" numeric not null, "currency" text not null, "line_count" int not null, "checksum" text not null, "items_checksum" text not null, "accepted_code" text null, "accepted_found" numeric null, "accepted_difference" numeric null, "ingested_at" timestamptz not null, "superseded_at" timestamptz null, primary key ("id"));`,
    );
    this.addSql(
      `alter table "cloud_invoice_versions" add constraint "cloud_invoice_versions_identity" unique ("invoice_id", "version");`,
    );

    this.addSql(
      `create table "cloud_projects" ("id" uuid not null default gen_random_uuid(), "provider" text not null, "external_id" text not null, "name" text not null, "is_default" boolean not null default false, "tenant_id" text null, "first_seen_at" timestamptz not null, "last_seen_at" timestamptz not null, "gone_at" timestamptz null, primary key ("id"));`,
    );
    this.addSql(`create index "cloud_projects_tenant" on "cloud_projects" ("tenant_id");`);
    this.addSql(
      `alter table "cloud_projects" add constraint "cloud_projects_identity" unique ("provider", "external_id");`,
    );

    this.addSql(
      `create table "cloud_project_members" ("id" bigserial primary key, "provider" text not null, "kind" text not null, "external_id" text not null, "project_id" uuid not null);`,
    );
    this.addSql(
      `create index "cloud_project_members_project_id_index" on "cloud_project_members" ("project_id");`,
    );
    this.addSql(
      `alter table "cloud_project_members" add constraint "cloud_project_members_identity" unique ("provider", "kind", "external_id");`,
    );

    this.addSql(
      `create table "cloud_resources" ("id" uuid not null default gen_random_uuid(), "provider" text not null, "kind" text not null, "external_id" text not null, "name" text not null, "region" text null, "size_slug" text null, "status" text null, "tags" jsonb not null, "price_monthly" numeric null, "currency" text not null, "attributes" jsonb not null, "project_id" uuid null, "tenant_id" text null, "deployment_id" uuid null, "created_at" timestamptz null, "first_seen_at" timestamptz not null, "last_seen_at" timestamptz not null, "gone_at" timestamptz null, primary key ("id"));`,
    );
    this.addSql(`create index "cloud_resources_tenant" on "cloud_resources" ("tenant_id", "id");`);
    this.addSql(`create index "cloud_resources_project" on "cloud_resources" ("project_id");`);
    this.addSql(`create index "cloud_resources_deployment" on "cloud_resources" ("deployment_id");`);
    this.addSql(
      `alter table "cloud_resources" add constraint "cloud_resources_identity" unique ("provider", "kind", "external_id");`,
    );

    this.addSql(
      `create table "cloud_cost_lines" ("id" bigserial primary key, "invoice_id" uuid not null, "version_id" uuid not null, "line_number" int not null, "period_start" date not null, "product" text not null, "group_description" text not null, "description" text not null, "hours" numeric null, "charge_start" timestamptz not null, "charge_end" timestamptz not null, "billed_cost" numeric not null, "currency" text not null, "project_name" text null, "category" text null, "line_class" text not null, "kind" text null, "resource_name" text null, "provider_resource_id" text null, "provider_resource_uuid" text null, "resource_id" uuid null, "match_outcome" text not null, "match_reason" text not null, "match_candidates" jsonb null, "extra" jsonb not null);`,
    );
    this.addSql(`create index "cloud_cost_lines_invoice_id_index" on "cloud_cost_lines" ("invoice_id");`);
    this.addSql(`create index "cloud_cost_lines_period" on "cloud_cost_lines" ("period_start", "id");`);
    this.addSql(`create index "cloud_cost_lines_resource" on "cloud_cost_lines" ("resource_id");`);
    this.addSql(
      `create index "cloud_cost_lines_provider_id" on public.cloud_cost_lines ("provider_resource_id") where "provider_resource_id" is not null;`,
    );
    this.addSql(
      `create index "cloud_cost_lines_provider_uuid" on public.cloud_cost_lines ("provider_resource_uuid") where "provider_resource_uuid" is not null;`,
    );
    this.addSql(
      `create index "cloud_cost_lines_name" on public.cloud_cost_lines (lower("resource_name")) where "resource_name" is not null;`,
    );
    this.addSql(
      `alter table "cloud_cost_lines" add constraint "cloud_cost_lines_identity" unique ("version_id", "line_number");`,
    );

    this.addSql(
      `create table "cloud_resource_events" ("id" bigserial primary key, "resource_id" uuid not null, "type" text not null, "occurred_at" timestamptz not null, "attributed_at" timestamptz null, "changes" jsonb not null);`,
    );
    this.addSql(
      `create index "cloud_resource_events_history" on "cloud_resource_events" ("resource_id", "occurred_at");`,
    );
    this.addSql(
      `create index "cloud_resource_events_unattributed" on public.cloud_resource_events ("resource_id") where "attributed_at" is null;`,
    );

    this.addSql(
      `create table "cloud_resource_memberships" ("id" bigserial primary key, "resource_id" uuid not null, "deployment_id" uuid not null, "starts_at" timestamptz not null, "ends_at" timestamptz null);`,
    );
    this.addSql(
      `create index "cloud_resource_memberships_resource_id_index" on "cloud_resource_memberships" ("resource_id");`,
    );
    this.addSql(
      `create index "cloud_resource_memberships_deployment" on "cloud_resource_memberships" ("deployment_id", "starts_at");`,
    );

    this.addSql(
      `create table "cloud_resource_names" ("id" bigserial primary key, "resource_id" uuid not null, "name" text not null, "valid_from" timestamptz null, "valid_to" timestamptz null);`,
    );
    this.addSql(
      `create index "cloud_resource_names_resource_id_index" on "cloud_resource_names" ("resource_id");`,
    );
    this.addSql(`create index "cloud_resource_names_lookup" on public.cloud_resource_names (lower("name"));`);

    this.addSql(
      `create table "idempotency_keys" ("id" bigserial primary key, "subject" text not null, "route" text not null, "key" text not null, "fingerprint" text not null, "created_at" timestamptz not null, "status" int null, "headers" jsonb null, "body" text null);`,
    );
    this.addSql(`create index "idempotency_keys_age" on "idempotency_keys" ("created_at");`);
    this.addSql(
      `alter table "idempotency_keys" add constraint "idempotency_keys_identity" unique ("subject", "route", "key");`,
    );

    this.addSql(
      `alter table "cloud_invoice_versions" add constraint "cloud_invoice_versions_invoice_id_foreign" foreign key ("invoice_id") references "cloud_invoices" ("id");`,
    );

    this.addSql(
      `alter table "cloud_project_members" add constraint "cloud_project_members_project_id_foreign" foreign key ("project_id") references "cloud_projects" ("id");`,
    );

    this.addSql(
      `alter table "cloud_resources" add constraint "cloud_resources_project_id_foreign" foreign key ("project_id") references "cloud_projects" ("id") on delete set null;`,
    );

    this.addSql(
      `alter table "cloud_cost_lines" add constraint "cloud_cost_lines_invoice_id_foreign" foreign key ("invoice_id") references "cloud_invoices" ("id");`,
    );
    this.addSql(
      `alter table "cloud_cost_lines" add constraint "cloud_cost_lines_version_id_foreign" foreign key ("version_id") references "cloud_invoice_versions" ("id");`,
    );
    this.addSql(
      `alter table "cloud_cost_lines" add constraint "cloud_cost_lines_resource_id_foreign" foreign key ("resource_id") references "cloud_resources" ("id") on delete set null;`,
    );

    this.addSql(
      `alter table "cloud_resource_events" add constraint "cloud_resource_events_resource_id_foreign" foreign key ("resource_id") references "cloud_resources" ("id");`,
    );

    this.addSql(
      `alter table "cloud_resource_memberships" add constraint "cloud_resource_memberships_resource_id_foreign" foreign key ("resource_id") references "cloud_resources" ("id");`,
    );

    this.addSql(
      `alter table "cloud_resource_names" add constraint "cloud_resource_names_resource_id_foreign" foreign key ("resource_id") references "cloud_resources" ("id");`,
    );

    this.addSql(`alter table "audit_log" enable row level security;`);
    this.addSql(`alter table "audit_log" force row level security;`);
    this.addSql(
      `create policy "platform_reads" on "audit_log" for select using (current_setting('app.role', true) in ('system', 'platform_admin', 'platform_viewer'));`,
    );
    this.addSql(
      `create policy "platform_adds" on "audit_log" for insert with check (current_setting('app.role', true) in ('system', 'platform_admin'));`,
    );
    this.addSql(
      `create policy "tenant_adds_own" on "audit_log" for insert with check (current_setting('app.role', true) = 'tenant' and tenant_id = nullif(current_setting('app.tenant_id', true), ''));`,
    );
    this.addSql(`alter table "cloud_attribution_changes" enable row level security;`);
    this.addSql(`alter table "cloud_attribution_changes" force row level security;`);
    this.addSql(
      `create policy "platform_reads" on "cloud_attribution_changes" for select using (current_setting('app.role', true) in ('system', 'platform_admin', 'platform_viewer'));`,
    );
    this.addSql(
      `create policy "platform_writes" on "cloud_attribution_changes" using (current_setting('app.role', true) in ('system', 'platform_admin')) with check (current_setting('app.role', true) in ('system', 'platform_admin'));`,
    );
    this.addSql(`alter table "cloud_balance_snapshots" enable row level security;`);
    this.addSql(`alter table "cloud_balance_snapshots" force row level security;`);
    this.addSql(
      `create policy "platform_reads" on "cloud_balance_snapshots" for select using (current_setting('app.role', true) in ('system', 'platform_admin', 'platform_viewer'));`,
    );
    this.addSql(
      `create policy "platform_writes" on "cloud_balance_snapshots" using (current_setting('app.role', true) in ('system', 'platform_admin')) with check (current_setting('app.role', true) in ('system', 'platform_admin'));`,
    );
    this.addSql(`alter table "cloud_inventory_listings" enable row level security;`);
    this.addSql(`alter table "cloud_inventory_listings" force row level security;`);
    this.addSql(
      `create policy "platform_reads" on "cloud_inventory_listings" for select using (current_setting('app.role', true) in ('system', 'platform_admin', 'platform_viewer'));`,
    );
    this.addSql(
      `create policy "platform_writes" on "cloud_inventory_listings" using (current_setting('app.role', true) in ('system', 'platform_admin')) with check (current_setting('app.role', true) in ('system', 'platform_admin'));`,
    );
    this.addSql(`alter table "cloud_invoices" enable row level security;`);
    this.addSql(`alter table "cloud_invoices" force row level security;`);
    this.addSql(
      `create policy "platform_reads" on "cloud_invoices" for select using (current_setting('app.role', true) in ('system', 'platform_admin', 'platform_viewer'));`,
    );
    this.addSql(
      `create policy "platform_writes" on "cloud_invoices" using (current_setting('app.role', true) in ('system', 'platform_admin')) with check (current_setting('app.role', true) in ('system', 'platform_admin'));`,
    );
    this.addSql(`alter table "cloud_invoice_versions" enable row level security;`);
    this.addSql(`alter table "cloud_invoice_versions" force row level security;`);
    this.addSql(
      `create policy "platform_reads" on "cloud_invoice_versions" for select using (current_setting('app.role', true) in ('system', 'platform_admin', 'platform_viewer'));`,
    );
    this.addSql(
      `create policy "platform_writes" on "cloud_invoice_versions" using (current_setting('app.role', true) in ('system', 'platform_admin')) with check (current_setting('app.role', true) in ('system', 'platform_admin'));`,
    );
    this.addSql(`alter table "cloud_projects" enable row level security;`);
    this.addSql(`alter table "cloud_projects" force row level security;`);
    this.addSql(
      `create policy "platform_reads" on "cloud_projects" for select using (current_setting('app.role', true) in ('system', 'platform_admin', 'platform_viewer'));`,
    );
    this.addSql(
      `create policy "platform_writes" on "cloud_projects" using (current_setting('app.role', true) in ('system', 'platform_admin')) with check (current_setting('app.role', true) in ('system', 'platform_admin'));`,
    );
    this.addSql(
      `create policy "tenant_reads_own" on "cloud_projects" for select using (current_setting('app.role', true) = 'tenant' and tenant_id = nullif(current_setting('app.tenant_id', true), ''));`,
    );
    this.addSql(`alter table "cloud_project_members" enable row level security;`);
    this.addSql(`alter table "cloud_project_members" force row level security;`);
    this.addSql(
      `create policy "platform_reads" on "cloud_project_members" for select using (current_setting('app.role', true) in ('system', 'platform_admin', 'platform_viewer'));`,
    );
    this.addSql(
      `create policy "platform_writes" on "cloud_project_members" using (current_setting('app.role', true) in ('system', 'platform_admin')) with check (current_setting('app.role', true) in ('system', 'platform_admin'));`,
    );
    this.addSql(`alter table "cloud_resources" enable row level security;`);
    this.addSql(`alter table "cloud_resources" force row level security;`);
    this.addSql(
      `create policy "platform_reads" on "cloud_resources" for select using (current_setting('app.role', true) in ('system', 'platform_admin', 'platform_viewer'));`,
    );
    this.addSql(
      `create policy "platform_writes" on "cloud_resources" using (current_setting('app.role', true) in ('system', 'platform_admin')) with check (current_setting('app.role', true) in ('system', 'platform_admin'));`,
    );
    this.addSql(
      `create policy "tenant_reads_own" on "cloud_resources" for select using (current_setting('app.role', true) = 'tenant' and tenant_id = nullif(current_setting('app.tenant_id', true), ''));`,
    );
    this.addSql(`alter table "cloud_cost_lines" enable row level security;`);
    this.addSql(`alter table "cloud_cost_lines" force row level security;`);
    this.addSql(
      `create policy "platform_reads" on "cloud_cost_lines" for select using (current_setting('app.role', true) in ('system', 'platform_admin', 'platform_viewer'));`,
    );
    this.addSql(
      `create policy "platform_writes" on "cloud_cost_lines" using (current_setting('app.role', true) in ('system', 'platform_admin')) with check (current_setting('app.role', true) in ('system', 'platform_admin'));`,
    );
    this.addSql(`alter table "cloud_resource_events" enable row level security;`);
    this.addSql(`alter table "cloud_resource_events" force row level security;`);
    this.addSql(
      `create policy "platform_reads" on "cloud_resource_events" for select using (current_setting('app.role', true) in ('system', 'platform_admin', 'platform_viewer'));`,
    );
    this.addSql(
      `create policy "platform_writes" on "cloud_resource_events" using (current_setting('app.role', true) in ('system', 'platform_admin')) with check (current_setting('app.role', true) in ('system', 'platform_admin'));`,
    );
    this.addSql(`alter table "cloud_resource_memberships" enable row level security;`);
    this.addSql(`alter table "cloud_resource_memberships" force row level security;`);
    this.addSql(
      `create policy "platform_reads" on "cloud_resource_memberships" for select using (current_setting('app.role', true) in ('system', 'platform_admin', 'platform_viewer'));`,
    );
    this.addSql(
      `create policy "platform_writes" on "cloud_resource_memberships" using (current_setting('app.role', true) in ('system', 'platform_admin')) with check (current_setting('app.role', true) in ('system', 'platform_admin'));`,
    );
    this.addSql(`alter table "cloud_resource_names" enable row level security;`);
    this.addSql(`alter table "cloud_resource_names" force row level security;`);
    this.addSql(
      `create policy "platform_reads" on "cloud_resource_names" for select using (current_setting('app.role', true) in ('system', 'platform_admin', 'platform_viewer'));`,
    );
    this.addSql(
      `create policy "platform_writes" on "cloud_resource_names" using (current_setting('app.role', true) in ('system', 'platform_admin')) with check (current_setting('app.role', true) in ('system', 'platform_admin'));`,
    );
    this.addSql(`alter table "idempotency_keys" enable row level security;`);
    this.addSql(`alter table "idempotency_keys" force row level security;`);
    this.addSql(
      `create policy "subject_owns" on "idempotency_keys" using (subject = nullif(current_setting('app.subject', true), '')) with check (subject = nullif(current_setting('app.subject', true), ''));`,
    );
    this.addSql(
      `create policy "system_cleans" on "idempotency_keys" using (current_setting('app.role', true) = 'system') with check (current_setting('app.role', true) = 'system');`,
    );
  }
}
