import { Migration } from '@mikro-orm/migrations';

export class Migration20261127000002_alerts extends Migration {
  override name = 'Migration20261127000002_alerts';

  override up(): void | Promise<void> {
    this.addSql(
      `create table "alert_rules" ("id" uuid not null default gen_random_uuid(), "type" text not null, "tenant_id" text null, "threshold" numeric null, "currency" text null, "enabled" boolean not null default true, "created_at" timestamptz not null, "created_by" text not null, "updated_at" timestamptz not null, "updated_by" text not null, "deleted_at" timestamptz null, primary key ("id"));`,
    );

    this.addSql(
      `create table "alerts" ("id" uuid not null default gen_random_uuid(), "rule_id" uuid not null, "subject" text not null, "tenant_id" text null, "state" text not null, "value" numeric null, "threshold" numeric null, "currency" text null, "message" text not null, "opened_at" timestamptz not null, "last_seen_at" timestamptz not null, "acknowledged_at" timestamptz null, "acknowledged_by" text null, "acknowledged_reason" text null, "resolved_at" timestamptz null, primary key ("id"));`,
    );
    this.addSql(
      `create unique index "alerts_unresolved" on public.alerts ("rule_id", "subject") where "state" <> 'resolved';`,
    );
    this.addSql(`create index "alerts_opened" on "alerts" ("opened_at", "id");`);

    this.addSql(
      `create table "webhook_endpoints" ("id" uuid not null default gen_random_uuid(), "url" text not null, "secret" text not null, "enabled" boolean not null default true, "event_types" jsonb not null, "created_at" timestamptz not null, "created_by" text not null, "updated_at" timestamptz not null, "updated_by" text not null, "deleted_at" timestamptz null, primary key ("id"));`,
    );

    this.addSql(
      `create table "webhook_deliveries" ("id" uuid not null default gen_random_uuid(), "event_id" text not null, "event_type" text not null, "endpoint_id" uuid not null, "state" text not null default 'pending', "attempts" int not null default 0, "last_status" int null, "last_error" text null, "next_attempt_at" timestamptz not null, "delivered_at" timestamptz null, "payload" jsonb not null, "redelivery_of" uuid null, "created_at" timestamptz not null, primary key ("id"));`,
    );
    this.addSql(
      `create index "webhook_deliveries_due" on public.webhook_deliveries ("next_attempt_at") where "state" = 'pending';`,
    );
    this.addSql(`create index "webhook_deliveries_created" on "webhook_deliveries" ("created_at", "id");`);

    this.addSql(`alter table "alert_rules" enable row level security;`);
    this.addSql(`alter table "alert_rules" force row level security;`);
    this.addSql(
      `create policy "platform_reads" on "alert_rules" for select using (current_setting('app.role', true) in ('system', 'platform_admin', 'platform_viewer'));`,
    );
    this.addSql(
      `create policy "platform_writes" on "alert_rules" using (current_setting('app.role', true) in ('system', 'platform_admin')) with check (current_setting('app.role', true) in ('system', 'platform_admin'));`,
    );

    this.addSql(
      `alter table "alerts" add constraint "alerts_rule_id_foreign" foreign key ("rule_id") references "alert_rules" ("id");`,
    );
    this.addSql(`alter table "alerts" enable row level security;`);
    this.addSql(`alter table "alerts" force row level security;`);
    this.addSql(
      `create policy "platform_reads" on "alerts" for select using (current_setting('app.role', true) in ('system', 'platform_admin', 'platform_viewer'));`,
    );
    this.addSql(
      `create policy "platform_writes" on "alerts" using (current_setting('app.role', true) in ('system', 'platform_admin')) with check (current_setting('app.role', true) in ('system', 'platform_admin'));`,
    );

    this.addSql(`alter table "webhook_endpoints" enable row level security;`);
    this.addSql(`alter table "webhook_endpoints" force row level security;`);
    this.addSql(
      `create policy "platform_reads" on "webhook_endpoints" for select using (current_setting('app.role', true) in ('system', 'platform_admin', 'platform_viewer'));`,
    );
    this.addSql(
      `create policy "platform_writes" on "webhook_endpoints" using (current_setting('app.role', true) in ('system', 'platform_admin')) with check (current_setting('app.role', true) in ('system', 'platform_admin'));`,
    );

    this.addSql(
      `alter table "webhook_deliveries" add constraint "webhook_deliveries_endpoint_id_foreign" foreign key ("endpoint_id") references "webhook_endpoints" ("id");`,
    );
    this.addSql(`alter table "webhook_deliveries" enable row level security;`);
    this.addSql(`alter table "webhook_deliveries" force row level security;`);
    this.addSql(
      `create policy "platform_reads" on "webhook_deliveries" for select using (current_setting('app.role', true) in ('system', 'platform_admin', 'platform_viewer'));`,
    );
    this.addSql(
      `create policy "platform_writes" on "webhook_deliveries" using (current_setting('app.role', true) in ('system', 'platform_admin')) with check (current_setting('app.role', true) in ('system', 'platform_admin'));`,
    );
  }
}
