import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { startSimulator } from '../dev/simulator/simulator.ts';
import { ensureDatabase } from '../dev/stack/databaseRoles.ts';
import { freePort } from '../dev/stack/ports.ts';
import { startPostgres } from '../dev/stack/postgres.ts';
import { startOrm } from '../src/orm.ts';
import { migrateDatabase } from '../src/services/migrateDatabase.ts';
import { fillBooks } from './checkFocusBooks.ts';
import { fillTenantBooks } from './checkFocusTenantBooks.ts';

export interface CheckDatabase {
  readonly url: string;
  /** Of the provider's invoices, oldest first. */
  readonly periods: readonly string[];
  /** Of the tenants' invoices. */
  readonly tenantPeriods: readonly string[];
  close(): Promise<void>;
}

/**
 * A PostgreSQL of its own with the simulated account's inventory and all of its invoices, and three tenants with theirs; it goes away
 * when it is closed.
 */
export async function openCheckDatabase(): Promise<CheckDatabase> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'arcadia-check-focus-'));
  const postgres = await startPostgres({
    dataDir: path.join(folder, 'postgres'),
    port: await freePort(),
    isDurable: false,
  });
  const close = async () => {
    await postgres.stop();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const { ownerUrl, appUrl } = await ensureDatabase(postgres.ownerUrl, {
      database: 'check_focus',
      ownerRole: 'arcadia_owner',
      ownerPassword: 'arcadia-check',
      appRole: 'arcadia_app',
      appPassword: 'arcadia-check',
    });
    await migrateDatabase(ownerUrl, 'arcadia_app');
    return { url: appUrl, ...(await fill(appUrl)), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function fill(url: string): Promise<Pick<CheckDatabase, 'periods' | 'tenantPeriods'>> {
  const simulator = await startSimulator();
  const orm = await startOrm({ url, poolSize: 5 });
  try {
    return { periods: await fillBooks(orm, simulator), tenantPeriods: await fillTenantBooks(orm) };
  } finally {
    await orm.close(true);
    await simulator.close();
  }
}
