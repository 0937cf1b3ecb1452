import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { ensureDatabase } from '../../dev/stack/databaseRoles.ts';
import { testPostgresUrl } from '../support/addresses.ts';
import { createTestDatabase, type DatabaseTemplate } from '../support/database.ts';

const roles = {
  database: 'stack_roles',
  ownerRole: 'stack_owner',
  ownerPassword: 'owner pass/word@1',
  appRole: 'stack_app',
  appPassword: "app'pass",
};

describe('ensureDatabase', () => {
  beforeAll(async () => {
    await ensureDatabase(testPostgresUrl(), roles);
  });

  afterAll(async () => {
    await query(testPostgresUrl(), 'DROP DATABASE IF EXISTS stack_roles WITH (FORCE)');
    await query(testPostgresUrl(), 'DROP ROLE IF EXISTS stack_owner');
    await query(testPostgresUrl(), 'DROP ROLE IF EXISTS stack_app');
  });

  it('changes nothing when it runs again, also twice at once, and takes back rights that a role had been given', async () => {
    const before = await ensureDatabase(testPostgresUrl(), roles);
    await query(before.ownerUrl, 'CREATE TABLE kept AS SELECT 7 AS number');
    await query(testPostgresUrl(), 'ALTER ROLE stack_app SUPERUSER BYPASSRLS');

    const [after] = await Promise.all([
      ensureDatabase(testPostgresUrl(), roles),
      ensureDatabase(testPostgresUrl(), roles),
    ]);
    expect(after).toEqual(before);
    expect(await query(after.ownerUrl, 'SELECT number FROM kept')).toEqual([{ number: 7 }]);
    expect(
      await query(
        testPostgresUrl(),
        `SELECT rolname, rolsuper, rolbypassrls, rolcreatedb, rolcreaterole, rolcanlogin,
                EXISTS (SELECT 1 FROM pg_database WHERE datdba = pg_roles.oid AND datname = 'stack_roles') AS owns
         FROM pg_roles WHERE rolname LIKE 'stack\\_%' ORDER BY rolname`,
      ),
    ).toEqual(
      ['stack_app', 'stack_owner'].map((rolname) => ({
        rolname,
        rolsuper: false,
        rolbypassrls: false,
        rolcreatedb: false,
        rolcreaterole: false,
        rolcanlogin: true,
        owns: rolname === 'stack_owner',
      })),
    );
  });

  it('gives the app a role that row level security binds and that cannot create tables', async () => {
    const { ownerUrl, appUrl } = await ensureDatabase(testPostgresUrl(), roles);
    await query(
      ownerUrl,
      `CREATE TABLE guarded (tenant_id text);
       INSERT INTO guarded VALUES ('acme'), ('globex');
       ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
       ALTER TABLE guarded FORCE ROW LEVEL SECURITY;
       CREATE POLICY only_acme ON guarded USING (tenant_id = 'acme');
       GRANT SELECT ON guarded TO stack_app`,
    );
    expect(await query(appUrl, 'SELECT tenant_id FROM guarded')).toEqual([{ tenant_id: 'acme' }]);
    // With row_security off, PostgreSQL refuses the query of whoever may not pass by the policies.
    await expect(
      query(appUrl, 'SET row_security = off; SELECT tenant_id FROM guarded'),
    ).rejects.toMatchObject({
      code: '42501',
    });
    await expect(query(appUrl, 'CREATE TABLE mine (id int)')).rejects.toMatchObject({ code: '42501' });
    await expect(query(appUrl, 'ALTER TABLE guarded DISABLE ROW LEVEL SECURITY')).rejects.toMatchObject({
      code: '42501',
    });
  });

  it('lets nobody else connect', async () => {
    await query(testPostgresUrl(), "CREATE ROLE stack_stranger LOGIN PASSWORD 'stranger'");
    try {
      const stranger = new URL((await ensureDatabase(testPostgresUrl(), roles)).appUrl);
      stranger.username = 'stack_stranger';
      stranger.password = 'stranger';
      await expect(query(stranger.href, 'SELECT 1')).rejects.toMatchObject({ code: '42501' });
    } finally {
      await query(testPostgresUrl(), 'DROP ROLE stack_stranger');
    }
  });
});

describe('createTestDatabase', () => {
  it('migrates its template once for callers at the same time, and gives each a database of its own', async () => {
    let migrations = 0;
    const template: DatabaseTemplate = {
      name: 'stack_template',
      async migrate(ownerUrl, appRole) {
        migrations += 1;
        await query(ownerUrl, `CREATE TABLE notes (text text); GRANT SELECT, INSERT ON notes TO ${appRole}`);
      },
    };
    const databases = await Promise.all([1, 2, 3].map(() => createTestDatabase(template)));
    const [first, second] = databases;
    await query(String(first?.appUrl), "INSERT INTO notes VALUES ('only here')");

    expect(migrations).toBe(1);
    expect(await query(String(first?.appUrl), 'SELECT text FROM notes')).toEqual([{ text: 'only here' }]);
    expect(await query(String(second?.appUrl), 'SELECT text FROM notes')).toEqual([]);

    for (const database of databases) await database.drop();
    await expect(query(String(first?.appUrl), 'SELECT 1')).rejects.toMatchObject({ code: '3D000' });
  });
});

async function query(connectionString: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}
