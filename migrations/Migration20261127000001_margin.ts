import { Migration } from '@mikro-orm/migrations';

export class Migration20261127000001_margin extends Migration {
  override name = 'Migration20261127000001_margin';

  override up(): void | Promise<void> {
    this.addSql(
      `create table "cost_owner_changes" ("id" bigserial primary key, "cost_line_id" bigint not null, "tenant_id" text null, "deployment_id" uuid null, "from_amount" numeric not null, "to_amount" numeric not null, "currency" text not null, "changed_at" timestamptz not null, "cause" text not null);`,
    );
    this.addSql(`create index "cost_owner_changes_line" on "cost_owner_changes" ("cost_line_id");`);

    this.addSql(
      `create table "exchange_rates" ("id" uuid not null default gen_random_uuid(), "from_currency" text not null, "to_currency" text not null, "rate" numeric not null, "effective_from" date not null, "source" text not null, "created_at" timestamptz not null, "created_by" text not null, primary key ("id"));`,
    );
    this.addSql(
      `alter table "exchange_rates" add constraint "exchange_rates_identity" unique ("from_currency", "to_currency", "effective_from");`,
    );

    this.addSql(
      `create table "shared_cost_policies" ("id" uuid not null default gen_random_uuid(), "method" text not null, "resource_kind" text null, "effective_from" date not null, "reason" text not null, "created_at" timestamptz not null, "created_by" text not null, primary key ("id"));`,
    );
    this.addSql(
      `alter table "shared_cost_policies" add constraint "shared_cost_policies_identity" unique ("effective_from");`,
    );

    this.addSql(`alter table "cost_owner_changes" enable row level security;`);
    this.addSql(`alter table "cost_owner_changes" force row level security;`);
    this.addSql(
      `create policy "platform_reads" on "cost_owner_changes" for select using (current_setting('app.role', true) in ('system', 'platform_admin', 'platform_viewer'));`,
    );
    this.addSql(
      `create policy "platform_writes" on "cost_owner_changes" using (current_setting('app.role', true) in ('system', 'platform_admin')) with check (current_setting('app.role', true) in ('system', 'platform_admin'));`,
    );

    this.addSql(`alter table "exchange_rates" add constraint "exchange_rates_positive" check (rate > 0);`);
    this.addSql(`alter table "exchange_rates" enable row level security;`);
    this.addSql(`alter table "exchange_rates" force row level security;`);
    this.addSql(
      `create policy "platform_reads" on "exchange_rates" for select using (current_setting('app.role', true) in ('system', 'platform_admin', 'platform_viewer'));`,
    );
    this.addSql(
      `create policy "platform_writes" on "exchange_rates" using (current_setting('app.role', true) in ('system', 'platform_admin')) with check (current_setting('app.role', true) in ('system', 'platform_admin'));`,
    );

    this.addSql(`alter table "shared_cost_policies" enable row level security;`);
    this.addSql(`alter table "shared_cost_policies" force row level security;`);
    this.addSql(
      `create policy "platform_reads" on "shared_cost_policies" for select using (current_setting('app.role', true) in ('system', 'platform_admin', 'platform_viewer'));`,
    );
    this.addSql(
      `create policy "platform_writes" on "shared_cost_policies" using (current_setting('app.role', true) in ('system', 'platform_admin')) with check (current_setting('app.role', true) in ('system', 'platform_admin'));`,
    );
  }
}
