import { startOrm } from '../orm.ts';

const appRoleName = /^[a-z_][a-z0-9_]{0,62}$/;

/** Any number that only migrations of this service use: two deploys at once run one after the other. */
const migrationLock = 4_005_2026;

/** Where the application role adds and reads, and never changes. */
const appendOnly = [
  'audit_log',
  'cloud_attribution_changes',
  'cloud_deployment_events',
  'credit_notes',
  'payments',
];

/**
 * Brings the schema up to date, as the owner, and grants the application role what it needs and no more: it owns no table,
 * can't bypass row level security, and can only add to the audit log and its like. Safe to run again and by two deploys at once.
 * @returns the names of the migrations that ran
 */
export async function migrateDatabase(ownerUrl: string, appRole: string): Promise<string[]> {
  if (!appRoleName.test(appRole))
    throw new Error(`"${appRole}" can't be the application role: expected a plain lower-case name`);
  const orm = await startOrm({ url: ownerUrl, poolSize: 3 });
  try {
    const pool = await orm.em.getConnection().getNativeClient();
    const lock = await pool.connect();
    try {
      await lock.query('select pg_advisory_lock($1)', [migrationLock]);
      const ran = await orm.migrator.up();
      await lock.query(`grant usage on schema public to ${appRole}`);
      await lock.query(`grant select, insert, update, delete on all tables in schema public to ${appRole}`);
      await lock.query(`grant usage, select on all sequences in schema public to ${appRole}`);
      await lock.query(`revoke update, delete on ${appendOnly.join(', ')} from ${appRole}`);
      await lock.query(`revoke insert, update, delete on schema_migrations from ${appRole}`);
      return ran.map((migration) => migration.name);
    } finally {
      await lock.query('select pg_advisory_unlock($1)', [migrationLock]);
      lock.release();
    }
  } finally {
    await orm.close(true);
  }
}
