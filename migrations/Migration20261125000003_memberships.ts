import { Migration } from '@mikro-orm/migrations';

/**
 * No resource belongs to two deployments at once. The range of one uuid stands for its equality, which an exclusion constraint has for
 * ranges alone: without it the extension btree_gist would be needed.
 */
export class Migration20261125000003_memberships extends Migration {
  override name = 'Migration20261125000003_memberships';

  override up(): void | Promise<void> {
    this.addSql(`create type "uuidrange" as range (subtype = uuid);`);
    this.addSql(
      `alter table "cloud_resource_memberships" add constraint "cloud_resource_memberships_one_at_a_time" exclude using gist (uuidrange("resource_id", "resource_id", '[]') with &&, tstzrange("starts_at", "ends_at") with &&);`,
    );
    this.addSql(
      `alter table "cloud_resource_memberships" add constraint "cloud_resource_memberships_not_empty" check ("ends_at" is null or "ends_at" > "starts_at");`,
    );
  }
}
