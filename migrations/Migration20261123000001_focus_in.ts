import { Migration } from '@mikro-orm/migrations';

/** FOCUS files that are brought, their content, and what they say of invoices and billing periods. */
export class Migration20261123000001_focus_in extends Migration {
  override name = 'Migration20261123000001_focus_in';

  override up(): void {
    this.addSql(
      `create table "focus_files" ("id" uuid not null default gen_random_uuid(), "sha256" text null, "name" text not null, "dataset" text null, "version" text null, "providers" jsonb not null, "byte_size" bigint null, "row_count" int null, "status" text not null, "error" jsonb null, "notes" jsonb not null, "uploaded_by" text not null, "received_at" timestamptz not null, "ingested_at" timestamptz null, primary key ("id"));`,
    );
    this.addSql(`alter table "focus_files" add constraint "focus_files_content" unique ("sha256");`);
    this.addSql(`create index "focus_files_received" on "focus_files" ("received_at", "id");`);

    this.addSql(
      `create table "focus_billing_periods" ("provider" text not null, "issuer" text not null, "starts_at" timestamptz not null, "ends_at" timestamptz not null, "status" text not null, "file_id" uuid not null, primary key ("provider", "issuer", "starts_at"));`,
    );

    this.addSql(
      `create table "focus_file_chunks" ("file_id" uuid not null, "position" int not null, "content" bytea not null, primary key ("file_id", "position"));`,
    );

    this.addSql(
      `create table "focus_folder_files" ("name" text not null, "byte_size" bigint not null, "modified_at" timestamptz not null, "file_id" uuid not null, primary key ("name"));`,
    );

    this.addSql(
      `create table "focus_invoices" ("id" uuid not null default gen_random_uuid(), "provider" text not null, "invoice_uuid" text not null, "period_start" date not null, "currency" text not null, "lines_file_id" uuid null, "line_count" int not null default 0, "lines_total" numeric null, "detail_file_id" uuid null, "payable" numeric null, "issue_status" text null, "issued_at" timestamptz null, primary key ("id"));`,
    );
    this.addSql(`create index "focus_invoices_lines_file" on "focus_invoices" ("lines_file_id");`);
    this.addSql(`create index "focus_invoices_detail_file" on "focus_invoices" ("detail_file_id");`);
    this.addSql(
      `alter table "focus_invoices" add constraint "focus_invoices_identity" unique ("provider", "invoice_uuid");`,
    );

    this.addSql(
      `create table "focus_invoice_parts" ("file_id" uuid not null, "provider" text not null, "invoice_uuid" text not null, "position" int not null, "content" bytea not null, primary key ("file_id", "provider", "invoice_uuid", "position"));`,
    );

    this.addSql(`alter table "focus_files" enable row level security;`);
    this.addSql(`alter table "focus_files" force row level security;`);
    this.addSql(
      `create policy "platform_reads" on "focus_files" for select using (current_setting('app.role', true) in ('system', 'platform_admin', 'platform_viewer'));`,
    );
    this.addSql(
      `create policy "platform_writes" on "focus_files" using (current_setting('app.role', true) in ('system', 'platform_admin')) with check (current_setting('app.role', true) in ('system', 'platform_admin'));`,
    );

    this.addSql(
      `alter table "focus_billing_periods" add constraint "focus_billing_periods_file_id_foreign" foreign key ("file_id") references "focus_files" ("id");`,
    );
    this.addSql(`alter table "focus_billing_periods" enable row level security;`);
    this.addSql(`alter table "focus_billing_periods" force row level security;`);
    this.addSql(
      `create policy "platform_reads" on "focus_billing_periods" for select using (current_setting('app.role', true) in ('system', 'platform_admin', 'platform_viewer'));`,
    );
    this.addSql(
      `create policy "platform_writes" on "focus_billing_periods" using (current_setting('app.role', true) in ('system', 'platform_admin')) with check (current_setting('app.role', true) in ('system', 'platform_admin'));`,
    );

    this.addSql(
      `alter table "focus_file_chunks" add constraint "focus_file_chunks_file_id_foreign" foreign key ("file_id") references "focus_files" ("id") on delete cascade;`,
    );
    this.addSql(`alter table "focus_file_chunks" enable row level security;`);
    this.addSql(`alter table "focus_file_chunks" force row level security;`);
    this.addSql(
      `create policy "platform_reads" on "focus_file_chunks" for select using (current_setting('app.role', true) in ('system', 'platform_admin', 'platform_viewer'));`,
    );
    this.addSql(
      `create policy "platform_writes" on "focus_file_chunks" using (current_setting('app.role', true) in ('system', 'platform_admin')) with check (current_setting('app.role', true) in ('system', 'platform_admin'));`,
    );

    this.addSql(
      `alter table "focus_folder_files" add constraint "focus_folder_files_file_id_foreign" foreign key ("file_id") references "focus_files" ("id");`,
    );
    this.addSql(`alter table "focus_folder_files" enable row level security;`);
    this.addSql(`alter table "focus_folder_files" force row level security;`);
    this.addSql(
      `create policy "platform_reads" on "focus_folder_files" for select using (current_setting('app.role', true) in ('system', 'platform_admin', 'platform_viewer'));`,
    );
    this.addSql(
      `create policy "platform_writes" on "focus_folder_files" using (current_setting('app.role', true) in ('system', 'platform_admin')) with check (current_setting('app.role', true) in ('system', 'platform_admin'));`,
    );

    this.addSql(
      `alter table "focus_invoices" add constraint "focus_invoices_lines_file_id_foreign" foreign key ("lines_file_id") references "focus_files" ("id") on delete set null;`,
    );
    this.addSql(
      `alter table "focus_invoices" add constraint "focus_invoices_detail_file_id_foreign" foreign key ("detail_file_id") references "focus_files" ("id") on delete set null;`,
    );
    this.addSql(`alter table "focus_invoices" enable row level security;`);
    this.addSql(`alter table "focus_invoices" force row level security;`);
    this.addSql(
      `create policy "platform_reads" on "focus_invoices" for select using (current_setting('app.role', true) in ('system', 'platform_admin', 'platform_viewer'));`,
    );
    this.addSql(
      `create policy "platform_writes" on "focus_invoices" using (current_setting('app.role', true) in ('system', 'platform_admin')) with check (current_setting('app.role', true) in ('system', 'platform_admin'));`,
    );

    this.addSql(
      `alter table "focus_invoice_parts" add constraint "focus_invoice_parts_file_id_foreign" foreign key ("file_id") references "focus_files" ("id") on delete cascade;`,
    );
    this.addSql(`alter table "focus_invoice_parts" enable row level security;`);
    this.addSql(`alter table "focus_invoice_parts" force row level security;`);
    this.addSql(
      `create policy "platform_reads" on "focus_invoice_parts" for select using (current_setting('app.role', true) in ('system', 'platform_admin', 'platform_viewer'));`,
    );
    this.addSql(
      `create policy "platform_writes" on "focus_invoice_parts" using (current_setting('app.role', true) in ('system', 'platform_admin')) with check (current_setting('app.role', true) in ('system', 'platform_admin'));`,
    );
  }
}
