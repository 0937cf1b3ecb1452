import { Migration } from '@mikro-orm/migrations';

/**
 * What MikroORM does not manage.
 *
 * The staging tables hold one ingest's lines and items for the seconds between download and store. They are unlogged (a crash
 * empties them, and the ingest stages again) and have no row level security, since PostgreSQL refuses COPY into such tables.
 * No API query names them.
 *
 * `rate_limits` has the columns that rate-limiter-flexible asks for.
 */
export class Migration20261122000002_staging extends Migration {
  override name = 'Migration20261122000002_staging';

  override up(): void {
    this.addSql(`create unlogged table "cloud_cost_line_stage" (
      "stage_id" text not null, "line_number" int not null, "product" text not null, "group_description" text not null,
      "description" text not null, "hours" numeric null, "charge_start" timestamptz not null, "charge_end" timestamptz not null,
      "billed_cost" numeric not null, "currency" text not null, "project_name" text null, "category" text null,
      "line_class" text not null, "kind" text null, "resource_name" text null, "extra" jsonb not null,
      "staged_at" timestamptz not null default now());`);
    this.addSql(`create index "cloud_cost_line_stage_id" on "cloud_cost_line_stage" ("stage_id");`);
    this.addSql(`create unlogged table "cloud_invoice_item_stage" (
      "stage_id" text not null, "position" int not null, "description" text not null, "amount" numeric not null,
      "charge_start" timestamptz null, "resource_id" text null, "resource_uuid" text null,
      "staged_at" timestamptz not null default now());`);
    this.addSql(`create index "cloud_invoice_item_stage_id" on "cloud_invoice_item_stage" ("stage_id");`);
    this.addSql(
      `create table "rate_limits" ("key" varchar(255) primary key, "points" integer not null default 0, "expire" bigint);`,
    );
  }
}
