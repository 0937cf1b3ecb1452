import { randomUUID } from 'node:crypto';
import pg from 'pg';
import {
  connectionUrl,
  type DatabaseUrls,
  ensureDatabase,
  restrictDatabase,
} from '../../dev/stack/databaseRoles.ts';
import { testPostgresUrl } from './addresses.ts';

export interface TestDatabase extends DatabaseUrls {
  /** Removes it, whoever is still connected. */
  drop(): Promise<void>;
}

/** What every test database is a copy of, made once in a run of Jest. */
export interface DatabaseTemplate {
  readonly name: string;
  /** Fills it as its owner; the app role gets its rights here. */
  migrate(ownerUrl: string, appRole: string): Promise<unknown>;
}

const OWNER_ROLE = 'arcadia_owner';
const APP_ROLE = 'arcadia_app';
const PASSWORD = 'arcadia-test';

/** Any number does; the first test file makes the template, the others wait for it. */
const TEMPLATE_LOCK = 4_005_002;

const migratedTemplate: DatabaseTemplate = {
  name: 'arcadia_template',
  async migrate(ownerUrl, appRole) {
    // Loaded by the one test file that makes the template, not by each that uses it.
    const { migrateDatabase } = await import('../../src/services/migrateDatabase.ts');
    await migrateDatabase(ownerUrl, appRole);
  },
};

/** A new database with the schema of the migrations, and no row. Needs the servers of the Jest projects `server` and `long`. */
export async function createTestDatabase(
  template: DatabaseTemplate = migratedTemplate,
): Promise<TestDatabase> {
  const serverUrl = testPostgresUrl();
  const database = `arcadia_test_${randomUUID().replaceAll('-', '')}`;
  await withAdmin(serverUrl, async (admin) => {
    await ensureTemplate(admin, serverUrl, template);
    await admin.query(`CREATE DATABASE ${database} OWNER ${OWNER_ROLE} TEMPLATE ${template.name}`);
    // Rights on the database itself are not copied.
    await restrictDatabase(admin, database, APP_ROLE);
  });
  return {
    ownerUrl: connectionUrl(serverUrl, database, OWNER_ROLE, PASSWORD),
    appUrl: connectionUrl(serverUrl, database, APP_ROLE, PASSWORD),
    drop: () =>
      withAdmin(serverUrl, async (admin) => {
        await admin.query(`DROP DATABASE IF EXISTS ${database} WITH (FORCE)`);
      }),
  };
}

/** Nobody may connect to a finished template: that marks it as finished, and PostgreSQL copies none that is in use. */
async function ensureTemplate(
  admin: pg.Client,
  serverUrl: string,
  template: DatabaseTemplate,
): Promise<void> {
  await admin.query('SELECT pg_advisory_lock($1)', [TEMPLATE_LOCK]);
  try {
    const finished = await admin.query('SELECT 1 FROM pg_database WHERE datname = $1 AND NOT datallowconn', [
      template.name,
    ]);
    if (finished.rowCount === 1) return;
    await admin.query(`DROP DATABASE IF EXISTS ${template.name} WITH (FORCE)`);
    const { ownerUrl } = await ensureDatabase(serverUrl, {
      database: template.name,
      ownerRole: OWNER_ROLE,
      ownerPassword: PASSWORD,
      appRole: APP_ROLE,
      appPassword: PASSWORD,
    });
    await template.migrate(ownerUrl, APP_ROLE);
    await admin.query(`ALTER DATABASE ${template.name} ALLOW_CONNECTIONS false`);
  } finally {
    await admin.query('SELECT pg_advisory_unlock($1)', [TEMPLATE_LOCK]);
  }
}

async function withAdmin(serverUrl: string, work: (admin: pg.Client) => Promise<void>): Promise<void> {
  const admin = new pg.Client({ connectionString: serverUrl });
  await admin.connect();
  try {
    await work(admin);
  } finally {
    await admin.end();
  }
}
