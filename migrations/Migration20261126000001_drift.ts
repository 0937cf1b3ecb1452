import { Migration } from '@mikro-orm/migrations';

export class Migration20261126000001_drift extends Migration {
  override name = 'Migration20261126000001_drift';

  override up(): void {
    this.addSql(
      `create table "cloud_drift_kinds" ("provider" text not null, "kind" text not null, "state" text not null, "problem_code" text null, "problem_message" text null, "inventory_at" timestamptz null, "swept_at" timestamptz null, "attempted_at" timestamptz not null, "resources" int not null default 0, "open" int not null default 0, primary key ("provider", "kind"));`,
    );

    this.addSql(
      `create table "cloud_provisioned" ("resource_id" uuid not null, "provider" text not null, "kind" text not null, "spec" jsonb not null, "spec_version" int not null, "recorded_by" text not null, "reason" text null, "recorded_at" timestamptz not null, "withdrawn_at" timestamptz null, primary key ("resource_id"));`,
    );

    this.addSql(
      `create table "drift_ignore_rules" ("id" uuid not null default gen_random_uuid(), "provider" text null, "kind" text null, "resource_id" uuid null, "field" text null, "owner" text not null, "reason" text not null, "expires_at" timestamptz not null, "created_at" timestamptz not null, "created_by" text not null, "ended_at" timestamptz null, primary key ("id"));`,
    );
    this.addSql(
      `create index "drift_ignore_rules_in_force" on public.drift_ignore_rules ("expires_at", "id") where "ended_at" is null;`,
    );

    this.addSql(
      `create table "cloud_drift" ("id" uuid not null default gen_random_uuid(), "resource_id" uuid not null, "provider" text not null, "kind" text not null, "type" text not null, "field" text null, "desired" jsonb null, "actual" jsonb null, "state" text not null default 'open', "spec_version" int null, "price_monthly" numeric null, "currency" text not null, "price_source" text null, "billed_cost" numeric null, "billed_period" date null, "unbilled" boolean not null default false, "detected_at" timestamptz not null, "last_seen_at" timestamptz not null, "resolved_at" timestamptz null, "resolved_by" text null, "reason" text null, "workflow_id" text null, "ignore_rule_id" uuid null, "problem" jsonb null, primary key ("id"));`,
    );
    this.addSql(
      `create unique index "cloud_drift_open" on public.cloud_drift ("resource_id", "field") nulls not distinct where "state" = 'open';`,
    );
    this.addSql(`create index "cloud_drift_inbox" on "cloud_drift" ("state", "detected_at", "id");`);
    this.addSql(`create index "cloud_drift_resource" on "cloud_drift" ("resource_id", "detected_at");`);

    this.addSql(
      `create table "cloud_drift_reverts" ("id" uuid not null default gen_random_uuid(), "drift_id" uuid not null, "resource_id" uuid not null, "workflow_id" text not null, "run_id" text not null, "state" text not null, "plan" jsonb null, "added_monthly" numeric null, "currency" text not null, "planned_by" text not null, "reason" text not null, "approved_by" text null, "approved_at" timestamptz null, "approval_reason" text null, "cancelled_by" text null, "problem" jsonb null, "steps" jsonb not null default '[]', "created_at" timestamptz not null, "expires_at" timestamptz null, "ended_at" timestamptz null, primary key ("id"));`,
    );
    this.addSql(
      `create unique index "cloud_drift_reverts_live" on public.cloud_drift_reverts ("resource_id") where "state" in ('planning', 'planned', 'approved', 'running', 'undoing');`,
    );
    this.addSql(
      `create index "cloud_drift_reverts_drift" on "cloud_drift_reverts" ("drift_id", "created_at");`,
    );
    this.addSql(
      `create index "cloud_drift_reverts_approved" on public.cloud_drift_reverts ("approved_at") where "approved_at" is not null;`,
    );

    this.addSql(
      `create table "provider_sizes" ("provider" text not null, "slug" text not null, "vcpus" int not null, "memory_mib" int not null, "disk_gib" int not null, "price_monthly" numeric not null, "currency" text not null, "regions" jsonb not null, "is_available" boolean not null, "seen_at" timestamptz not null, primary key ("provider", "slug"));`,
    );

    this.addSql(
      `create table "provisioning_runs" ("id" uuid not null default gen_random_uuid(), "deployment_id" uuid not null, "tenant_id" text not null, "type" text not null, "template_code" text null, "template_version" int null, "parameters" jsonb not null, "state" text not null, "workflow_id" text not null, "run_id" text not null, "requested_by" text not null, "reason" text not null, "not_before" timestamptz null, "is_held" boolean not null default false, "problem" jsonb null, "created_at" timestamptz not null, "ended_at" timestamptz null, primary key ("id"));`,
    );
    this.addSql(
      `create unique index "provisioning_runs_live" on public.provisioning_runs ("deployment_id") where "state" in ('waiting', 'running', 'undoing', 'held');`,
    );
    this.addSql(
      `create index "provisioning_runs_deployment" on "provisioning_runs" ("deployment_id", "created_at");`,
    );

    this.addSql(
      `create table "provisioned_items" ("id" bigserial primary key, "run_id" uuid not null, "deployment_id" uuid not null, "tenant_id" text not null, "position" int not null, "key" text not null, "kind" text not null, "provider" text not null, "tag" text not null, "wanted" jsonb not null, "external_id" text null, "resource_id" uuid null, "state" text not null default 'planned', "created_at" timestamptz null, "destroyed_at" timestamptz null);`,
    );
    this.addSql(
      `create index "provisioned_items_deployment" on "provisioned_items" ("deployment_id", "id");`,
    );
    this.addSql(
      `alter table "provisioned_items" add constraint "provisioned_items_identity" unique ("run_id", "key");`,
    );

    this.addSql(`alter table "cloud_drift_kinds" enable row level security;`);
    this.addSql(`alter table "cloud_drift_kinds" force row level security;`);
    this.addSql(
      `create policy "platform_reads" on "cloud_drift_kinds" for select using (current_setting('app.role', true) in ('system', 'platform_admin', 'platform_viewer'));`,
    );
    this.addSql(
      `create policy "platform_writes" on "cloud_drift_kinds" using (current_setting('app.role', true) in ('system', 'platform_admin')) with check (current_setting('app.role', true) in ('system', 'platform_admin'));`,
    );

    this.addSql(
      `alter table "cloud_provisioned" add constraint "cloud_provisioned_resource_id_foreign" foreign key ("resource_id") references "cloud_resources" ("id") on update cascade on delete cascade;`,
    );
    this.addSql(`alter table "cloud_provisioned" enable row level security;`);
    this.addSql(`alter table "cloud_provisioned" force row level security;`);
    this.addSql(
      `create policy "platform_reads" on "cloud_provisioned" for select using (current_setting('app.role', true) in ('system', 'platform_admin', 'platform_viewer'));`,
    );
    this.addSql(
      `create policy "platform_writes" on "cloud_provisioned" using (current_setting('app.role', true) in ('system', 'platform_admin')) with check (current_setting('app.role', true) in ('system', 'platform_admin'));`,
    );

    this.addSql(
      `alter table "drift_ignore_rules" add constraint "drift_ignore_rules_resource_id_foreign" foreign key ("resource_id") references "cloud_resources" ("id") on delete set null;`,
    );
    this.addSql(
      `alter table "drift_ignore_rules" add constraint "drift_ignore_rules_bounded" check (kind is not null or resource_id is not null);`,
    );
    this.addSql(`alter table "drift_ignore_rules" enable row level security;`);
    this.addSql(`alter table "drift_ignore_rules" force row level security;`);
    this.addSql(
      `create policy "platform_reads" on "drift_ignore_rules" for select using (current_setting('app.role', true) in ('system', 'platform_admin', 'platform_viewer'));`,
    );
    this.addSql(
      `create policy "platform_writes" on "drift_ignore_rules" using (current_setting('app.role', true) in ('system', 'platform_admin')) with check (current_setting('app.role', true) in ('system', 'platform_admin'));`,
    );

    this.addSql(
      `alter table "cloud_drift" add constraint "cloud_drift_resource_id_foreign" foreign key ("resource_id") references "cloud_resources" ("id");`,
    );
    this.addSql(
      `alter table "cloud_drift" add constraint "cloud_drift_ignore_rule_id_foreign" foreign key ("ignore_rule_id") references "drift_ignore_rules" ("id") on delete set null;`,
    );
    this.addSql(
      `alter table "cloud_drift" add constraint "cloud_drift_field" check ((type = 'field') = (field is not null));`,
    );
    this.addSql(
      `alter table "cloud_drift" add constraint "cloud_drift_resolved" check ((state = 'open') = (resolved_at is null));`,
    );
    this.addSql(`alter table "cloud_drift" enable row level security;`);
    this.addSql(`alter table "cloud_drift" force row level security;`);
    this.addSql(
      `create policy "platform_reads" on "cloud_drift" for select using (current_setting('app.role', true) in ('system', 'platform_admin', 'platform_viewer'));`,
    );
    this.addSql(
      `create policy "platform_writes" on "cloud_drift" using (current_setting('app.role', true) in ('system', 'platform_admin')) with check (current_setting('app.role', true) in ('system', 'platform_admin'));`,
    );

    this.addSql(
      `alter table "cloud_drift_reverts" add constraint "cloud_drift_reverts_drift_id_foreign" foreign key ("drift_id") references "cloud_drift" ("id");`,
    );
    this.addSql(
      `alter table "cloud_drift_reverts" add constraint "cloud_drift_reverts_resource_id_foreign" foreign key ("resource_id") references "cloud_resources" ("id");`,
    );
    this.addSql(`alter table "cloud_drift_reverts" enable row level security;`);
    this.addSql(`alter table "cloud_drift_reverts" force row level security;`);
    this.addSql(
      `create policy "platform_reads" on "cloud_drift_reverts" for select using (current_setting('app.role', true) in ('system', 'platform_admin', 'platform_viewer'));`,
    );
    this.addSql(
      `create policy "platform_writes" on "cloud_drift_reverts" using (current_setting('app.role', true) in ('system', 'platform_admin')) with check (current_setting('app.role', true) in ('system', 'platform_admin'));`,
    );

    this.addSql(`alter table "provider_sizes" enable row level security;`);
    this.addSql(`alter table "provider_sizes" force row level security;`);
    this.addSql(
      `create policy "platform_reads" on "provider_sizes" for select using (current_setting('app.role', true) in ('system', 'platform_admin', 'platform_viewer'));`,
    );
    this.addSql(
      `create policy "platform_writes" on "provider_sizes" using (current_setting('app.role', true) in ('system', 'platform_admin')) with check (current_setting('app.role', true) in ('system', 'platform_admin'));`,
    );

    this.addSql(
      `alter table "provisioning_runs" add constraint "provisioning_runs_deployment_id_foreign" foreign key ("deployment_id") references "cloud_deployments" ("id");`,
    );
    this.addSql(`alter table "provisioning_runs" enable row level security;`);
    this.addSql(`alter table "provisioning_runs" force row level security;`);
    this.addSql(
      `create policy "platform_reads" on "provisioning_runs" for select using (current_setting('app.role', true) in ('system', 'platform_admin', 'platform_viewer'));`,
    );
    this.addSql(
      `create policy "platform_writes" on "provisioning_runs" using (current_setting('app.role', true) in ('system', 'platform_admin')) with check (current_setting('app.role', true) in ('system', 'platform_admin'));`,
    );

    this.addSql(
      `alter table "provisioned_items" add constraint "provisioned_items_run_id_foreign" foreign key ("run_id") references "provisioning_runs" ("id");`,
    );
    this.addSql(
      `alter table "provisioned_items" add constraint "provisioned_items_resource_id_foreign" foreign key ("resource_id") references "cloud_resources" ("id") on delete set null;`,
    );
    this.addSql(`alter table "provisioned_items" enable row level security;`);
    this.addSql(`alter table "provisioned_items" force row level security;`);
    this.addSql(
      `create policy "platform_reads" on "provisioned_items" for select using (current_setting('app.role', true) in ('system', 'platform_admin', 'platform_viewer'));`,
    );
    this.addSql(
      `create policy "platform_writes" on "provisioned_items" using (current_setting('app.role', true) in ('system', 'platform_admin')) with check (current_setting('app.role', true) in ('system', 'platform_admin'));`,
    );
  }
}
