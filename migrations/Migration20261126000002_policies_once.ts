import { Migration } from '@mikro-orm/migrations';

/** The policies of the longest tables say what they said, but read the session's variables once a statement instead of once a row. */
export class Migration20261126000002_policies_once extends Migration {
  override name = 'Migration20261126000002_policies_once';

  override up(): void | Promise<void> {
    this.addSql(
      `alter policy "gateway_adds" on "llm_usage_events" with check ((select current_setting('app.role', true)) = 'gateway');`,
    );
    this.addSql(
      `alter policy "gateway_reads" on "llm_usage_events" using ((select current_setting('app.role', true)) = 'gateway');`,
    );
    this.addSql(
      `alter policy "platform_reads" on "llm_usage_events" using ((select current_setting('app.role', true)) in ('system', 'platform_admin', 'platform_viewer'));`,
    );
    this.addSql(
      `alter policy "platform_writes" on "llm_usage_events" using ((select current_setting('app.role', true)) in ('system', 'platform_admin')) with check ((select current_setting('app.role', true)) in ('system', 'platform_admin'));`,
    );
    this.addSql(
      `alter policy "tenant_reads_own" on "llm_usage_events" using ((select current_setting('app.role', true)) = 'tenant' and tenant_id = nullif((select current_setting('app.tenant_id', true)), ''));`,
    );
    this.addSql(
      `alter policy "platform_reads" on "metered_usage" using ((select current_setting('app.role', true)) in ('system', 'platform_admin', 'platform_viewer'));`,
    );
    this.addSql(
      `alter policy "platform_writes" on "metered_usage" using ((select current_setting('app.role', true)) in ('system', 'platform_admin')) with check ((select current_setting('app.role', true)) in ('system', 'platform_admin'));`,
    );
    this.addSql(
      `alter policy "tenant_reads_own" on "metered_usage" using ((select current_setting('app.role', true)) = 'tenant' and tenant_id = nullif((select current_setting('app.tenant_id', true)), ''));`,
    );
    this.addSql(
      `alter policy "platform_reads" on "tenant_invoice_lines" using ((select current_setting('app.role', true)) in ('system', 'platform_admin', 'platform_viewer'));`,
    );
    this.addSql(
      `alter policy "platform_writes" on "tenant_invoice_lines" using ((select current_setting('app.role', true)) in ('system', 'platform_admin')) with check ((select current_setting('app.role', true)) in ('system', 'platform_admin'));`,
    );
    this.addSql(
      `alter policy "tenant_reads_own" on "tenant_invoice_lines" using ((select current_setting('app.role', true)) = 'tenant' and tenant_id = nullif((select current_setting('app.tenant_id', true)), ''));`,
    );
  }
}
