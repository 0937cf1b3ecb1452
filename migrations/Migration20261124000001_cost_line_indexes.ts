import { Migration } from '@mikro-orm/migrations';

/**
 * The name of a line in lower case as a column: under row level security PostgreSQL uses no index on an expression with lower(),
 * which is not leakproof. The three other indexes served no query: lines are found by version, and names are joined by hashing.
 */
export class Migration20261124000001_cost_line_indexes extends Migration {
  override name = 'Migration20261124000001_cost_line_indexes';

  override up(): void {
    this.addSql(`drop index "cloud_cost_lines_invoice_id_index";`);
    this.addSql(`drop index "cloud_cost_lines_period";`);
    this.addSql(`drop index "cloud_cost_lines_name";`);
    this.addSql(
      `alter table "cloud_cost_lines" add "resource_name_lower" text generated always as (lower("resource_name")) stored null;`,
    );
    this.addSql(
      `create index "cloud_cost_lines_name" on public.cloud_cost_lines ("resource_name_lower") where "resource_name_lower" is not null;`,
    );
    this.addSql(`drop index "cloud_resource_names_lookup";`);
  }
}
