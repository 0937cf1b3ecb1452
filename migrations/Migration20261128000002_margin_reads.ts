import { Migration } from '@mikro-orm/migrations';

const role = `(select current_setting('app.role', true))`;
const seesAll = `${role} in ('system', 'platform_admin', 'platform_viewer')`;
const changesAll = `${role} in ('system', 'platform_admin')`;
const ownTenant = `${role} = 'tenant' and tenant_id = nullif((select current_setting('app.tenant_id', true)), '')`;
const isGateway = `${role} = 'gateway'`;

const platform = ['platform_reads', 'platform_writes'] as const;
const conditions = {
  platform_reads: `using (${seesAll})`,
  platform_writes: `using (${changesAll}) with check (${changesAll})`,
  tenant_reads_own: `using (${ownTenant})`,
  tenant_owns: `using (${ownTenant}) with check (${ownTenant})`,
  gateway_reads: `using (${isGateway})`,
} as const;

const policies: Readonly<Record<string, readonly (keyof typeof conditions)[]>> = {
  cloud_cost_estimate_lines: platform,
  cloud_cost_lines: platform,
  cloud_deployments: [...platform, 'tenant_owns', 'gateway_reads'],
  cloud_projects: [...platform, 'tenant_reads_own'],
  cloud_resource_memberships: platform,
  cloud_resources: [...platform, 'tenant_reads_own'],
  subscription_versions: [...platform, 'tenant_owns'],
  subscriptions: [...platform, 'tenant_owns'],
  tenant_invoices: [...platform, 'tenant_reads_own'],
};

/**
 * What a margin reads by the hundred thousand: its policies say what they said, but read the session's variables once a statement
 * instead of once a row. Tenants with an active subscription are paged by an index instead of by sorting all of them for each page, and
 * the few manual lines are found without reading all lines. What a sync moved is found by its time.
 */
export class Migration20261128000002_margin_reads extends Migration {
  override name = 'Migration20261128000002_margin_reads';

  override up(): void | Promise<void> {
    for (const [table, names] of Object.entries(policies)) {
      for (const name of names) this.addSql(`alter policy "${name}" on "${table}" ${conditions[name]};`);
    }
    this.addSql(
      `create index "subscriptions_active" on public.subscriptions ("tenant_id" collate "C") where "status" = 'active';`,
    );
    this.addSql(
      `create index "tenant_invoice_lines_adjustments" on public.tenant_invoice_lines ("invoice_id") where "type" = 'adjustment';`,
    );
    this.addSql(
      `create index "cloud_attribution_changes_time" on "cloud_attribution_changes" ("changed_at");`,
    );
    this.addSql(`create index "cost_owner_changes_time" on "cost_owner_changes" ("changed_at");`);
  }
}
