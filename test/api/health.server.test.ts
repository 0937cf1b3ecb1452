import { Writable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { createLog } from '../../src/logging.ts';
import { startOrm } from '../../src/orm.ts';
import { refuseUnsafeDatabaseRole } from '../../src/services/refuseUnsafeDatabaseRole.ts';
import { testPostgresUrl } from '../support/addresses.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { startApi } from './apiUnderTest.ts';
import { connectTestTemporal, type TemporalUnderTest } from './temporalUnderTest.ts';

let database: TestDatabase;
let temporal: TemporalUnderTest;
beforeAll(async () => {
  database = await createTestDatabase();
  temporal = await connectTestTemporal();
});
afterAll(async () => {
  await temporal.close();
  await database.drop();
});

const failing = (json: Readonly<Record<string, unknown>>) =>
  (json['checks'] as readonly { name: string; ok: boolean }[])
    .filter(({ ok }) => !ok)
    .map(({ name }) => name);

describe('GET /api/ready', () => {
  it('is 200 where PostgreSQL, the migrations and Temporal are there', async () => {
    const api = await startApi({ databaseUrl: database.appUrl, temporal: () => temporal.client });
    const answer = await api.call('/api/ready');
    expect([answer.status, answer.json['ready'], failing(answer.json)]).toEqual([200, true, []]);
    await api.close();
  });

  it('names PostgreSQL and Temporal where they are away', async () => {
    const api = await startApi({});
    const answer = await api.call('/api/ready');
    expect([answer.status, answer.json['ready']]).toEqual([503, false]);
    expect(failing(answer.json)).toEqual(['postgresql', 'migrations', 'temporal']);
    await api.close();
  });

  it('names Temporal alone, and reads still work without it', async () => {
    const api = await startApi({ databaseUrl: database.appUrl });
    const answer = await api.call('/api/ready');
    expect([answer.status, failing(answer.json)]).toEqual([503, ['temporal']]);
    await api.close();
  });

  it('names the migrations that were not applied', async () => {
    const other = await createTestDatabase();
    const owner = new pg.Client({ connectionString: other.ownerUrl });
    await owner.connect();
    await owner.query(`delete from schema_migrations where name like '%staging'`);
    await owner.end();
    const api = await startApi({ databaseUrl: other.appUrl, temporal: () => temporal.client });
    const answer = await api.call('/api/ready');
    expect([answer.status, failing(answer.json)]).toEqual([503, ['migrations']]);
    expect(answer.text).toContain('Migration20261122000002_staging');
    await api.close();
    await other.drop();
  });
});

describe('the database role', () => {
  it('of the application owns nothing, is no superuser and may not bypass row level security', async () => {
    const client = new pg.Client({ connectionString: database.appUrl });
    await client.connect();
    const { rows } = await client.query(
      `select rolsuper, rolbypassrls, rolcreaterole, rolcreatedb,
              (select count(*)::int from pg_class where relowner = r.oid) as owned
       from pg_roles r where rolname = current_user`,
    );
    await client.end();
    expect(rows).toEqual([
      { rolsuper: false, rolbypassrls: false, rolcreaterole: false, rolcreatedb: false, owned: 0 },
    ]);
  });

  it('is refused where it is the owner or a superuser, and taken where it is the application', async () => {
    const judge = async (url: string) => {
      const orm = await startOrm({ url });
      try {
        await refuseUnsafeDatabaseRole(orm);
        return 'taken';
      } catch (error) {
        return error instanceof Error ? error.message : 'refused';
      } finally {
        await orm.close(true);
      }
    };
    const superuser = new URL(testPostgresUrl());
    superuser.pathname = new URL(database.ownerUrl).pathname;
    expect(await judge(database.appUrl)).toBe('taken');
    expect(await judge(database.ownerUrl)).toMatch(/owns \d+ tables/);
    expect(await judge(superuser.href)).toMatch(/is a superuser/);
  });
});

describe('the log', () => {
  it('has one JSON object a line, and no secret', () => {
    const lines: string[] = [];
    const log = createLog(
      'info',
      new Writable({
        write(chunk: Buffer, _encoding, done) {
          lines.push(chunk.toString());
          done();
        },
      }),
    );
    log.info(
      { headers: { authorization: 'Bearer canary' }, request: { token: 'canary' }, authorization: 'canary' },
      'hello',
    );
    log.info({ request: { headers: { authorization: 'canary', cookie: 'canary' } } }, 'again');
    expect(lines).toHaveLength(2);
    expect(lines.join('')).not.toContain('canary');
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      level: 'info',
      msg: 'hello',
      service: 'arcadia-cloud',
    });
  });
});
