import { Migration } from '@mikro-orm/migrations';

export class Migration20261123000004_kinds extends Migration {
  override name = 'Migration20261123000004_kinds';

  override up(): void | Promise<void> {
    this.addSql(
      `create table "cloud_cost_estimates" ("id" uuid not null default gen_random_uuid(), "provider" text not null, "period_start" date not null, "estimated_at" timestamptz not null, "amount" numeric not null, "currency" text not null, "complete_at" timestamptz null, primary key ("id"));`,
    );
    this.addSql(
      `alter table "cloud_cost_estimates" add constraint "cloud_cost_estimates_identity" unique ("provider", "period_start", "estimated_at");`,
    );

    this.addSql(
      `create table "cloud_cost_estimate_lines" ("id" bigserial primary key, "estimate_id" uuid not null, "position" int not null, "product" text not null, "group_description" text not null, "description" text not null, "amount" numeric not null, "line_class" text not null, "kind" text null, "provider_resource_id" text null, "provider_resource_uuid" text null);`,
    );
    this.addSql(
      `alter table "cloud_cost_estimate_lines" add constraint "cloud_cost_estimate_lines_identity" unique ("estimate_id", "position");`,
    );

    this.addSql(
      `create table "cloud_bandwidth_hours" ("id" bigserial primary key, "resource_id" uuid not null, "hour_start" timestamptz not null, "bytes" bigint not null, "covered_seconds" int not null, "read_at" timestamptz not null);`,
    );
    this.addSql(`create index "cloud_bandwidth_hours_time" on "cloud_bandwidth_hours" ("hour_start");`);
    this.addSql(
      `alter table "cloud_bandwidth_hours" add constraint "cloud_bandwidth_hours_identity" unique ("resource_id", "hour_start");`,
    );

    this.addSql(
      `create table "cloud_spaces_usage" ("id" bigserial primary key, "resource_id" uuid not null, "measured_on" date not null, "measured_at" timestamptz not null, "bytes" bigint not null, "objects" bigint not null);`,
    );
    this.addSql(
      `alter table "cloud_spaces_usage" add constraint "cloud_spaces_usage_identity" unique ("resource_id", "measured_on");`,
    );

    this.addSql(`alter table "cloud_cost_estimates" enable row level security;`);
    this.addSql(`alter table "cloud_cost_estimates" force row level security;`);
    this.addSql(
      `create policy "platform_reads" on "cloud_cost_estimates" for select using (current_setting('app.role', true) in ('system', 'platform_admin', 'platform_viewer'));`,
    );
    this.addSql(
      `create policy "platform_writes" on "cloud_cost_estimates" using (current_setting('app.role', true) in ('system', 'platform_admin')) with check (current_setting('app.role', true) in ('system', 'platform_admin'));`,
    );

    this.addSql(
      `alter table "cloud_cost_estimate_lines" add constraint "cloud_cost_estimate_lines_estimate_id_foreign" foreign key ("estimate_id") references "cloud_cost_estimates" ("id");`,
    );
    this.addSql(`alter table "cloud_cost_estimate_lines" enable row level security;`);
    this.addSql(`alter table "cloud_cost_estimate_lines" force row level security;`);
    this.addSql(
      `create policy "platform_reads" on "cloud_cost_estimate_lines" for select using (current_setting('app.role', true) in ('system', 'platform_admin', 'platform_viewer'));`,
    );
    this.addSql(
      `create policy "platform_writes" on "cloud_cost_estimate_lines" using (current_setting('app.role', true) in ('system', 'platform_admin')) with check (current_setting('app.role', true) in ('system', 'platform_admin'));`,
    );

    this.addSql(
      `alter table "cloud_bandwidth_hours" add constraint "cloud_bandwidth_hours_resource_id_foreign" foreign key ("resource_id") references "cloud_resources" ("id");`,
    );
    this.addSql(`alter table "cloud_bandwidth_hours" enable row level security;`);
    this.addSql(`alter table "cloud_bandwidth_hours" force row level security;`);
    this.addSql(
      `create policy "platform_reads" on "cloud_bandwidth_hours" for select using (current_setting('app.role', true) in ('system', 'platform_admin', 'platform_viewer'));`,
    );
    this.addSql(
      `create policy "platform_writes" on "cloud_bandwidth_hours" using (current_setting('app.role', true) in ('system', 'platform_admin')) with check (current_setting('app.role', true) in ('system', 'platform_admin'));`,
    );

    this.addSql(
      `alter table "cloud_spaces_usage" add constraint "cloud_spaces_usage_resource_id_foreign" foreign key ("resource_id") references "cloud_resources" ("id");`,
    );
    this.addSql(`alter table "cloud_spaces_usage" enable row level security;`);
    this.addSql(`alter table "cloud_spaces_usage" force row level security;`);
    this.addSql(
      `create policy "platform_reads" on "cloud_spaces_usage" for select using (current_setting('app.role', true) in ('system', 'platform_admin', 'platform_viewer'));`,
    );
    this.addSql(
      `create policy "platform_writes" on "cloud_spaces_usage" using (current_setting('app.role', true) in ('system', 'platform_admin')) with check (current_setting('app.role', true) in ('system', 'platform_admin'));`,
    );
  }
}
