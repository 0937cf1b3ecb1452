import { Migration } from '@mikro-orm/migrations';

export class Migration20261126000003_receivable_versions extends Migration {
  override name = 'Migration20261126000003_receivable_versions';

  override up(): void | Promise<void> {
    this.addSql(`alter table "receivables" add "version" int not null default 1;`);
  }
}
