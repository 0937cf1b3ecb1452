import { Migration } from '@mikro-orm/migrations';

/**
 * Secrets of webhooks, encrypted. A migration knows no key: what stands in `webhook_endpoints.secret` is encrypted by the worker, before it
 * signs next and hourly.
 */
export class Migration20261128000001_webhook_secrets extends Migration {
  override name = 'Migration20261128000001_webhook_secrets';

  override up(): void | Promise<void> {
    this.addSql(
      `create table "webhook_secrets" ("id" uuid not null, "endpoint_id" uuid not null, "key_id" text not null, "ciphertext" bytea not null, "created_at" timestamptz not null, "expires_at" timestamptz null, primary key ("id"));`,
    );
    this.addSql(
      `create unique index "webhook_secrets_current" on public.webhook_secrets ("endpoint_id") where "expires_at" is null;`,
    );

    this.addSql(
      `alter table "webhook_endpoints" add "failing_since" timestamptz null, add "disabled_reason" text null;`,
    );
    this.addSql(`alter table "webhook_endpoints" alter column "secret" drop not null;`);

    this.addSql(`drop index "webhook_deliveries_due";`);
    this.addSql(
      `create index "webhook_deliveries_waiting" on public.webhook_deliveries ("endpoint_id", "next_attempt_at") where "state" = 'pending';`,
    );

    this.addSql(
      `alter table "webhook_secrets" add constraint "webhook_secrets_endpoint_id_foreign" foreign key ("endpoint_id") references "webhook_endpoints" ("id");`,
    );
    this.addSql(`alter table "webhook_secrets" enable row level security;`);
    this.addSql(`alter table "webhook_secrets" force row level security;`);
    this.addSql(
      `create policy "platform_reads" on "webhook_secrets" for select using (current_setting('app.role', true) in ('system', 'platform_admin', 'platform_viewer'));`,
    );
    this.addSql(
      `create policy "platform_writes" on "webhook_secrets" using (current_setting('app.role', true) in ('system', 'platform_admin')) with check (current_setting('app.role', true) in ('system', 'platform_admin'));`,
    );
  }
}
