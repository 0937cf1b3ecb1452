import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { EntityManager, MikroORM } from '@mikro-orm/postgresql';
import pg from 'pg';
import { startOrm } from '../../../src/orm.ts';
import { sweepBatch } from '../../../src/services/drift/sweepBatch.ts';
import { forSession, systemSession } from '../../../src/session.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';

const resources = 50_000;
const limit = 2_000;

/** Where the planner knows how large the tables are, and takes what policies let through for a few of their rows. */
describe('a batch of a sweep in large tables', () => {
  let database: TestDatabase;
  let orm: MikroORM;
  beforeAll(async () => {
    database = await createTestDatabase();
    orm = await startOrm({ url: database.appUrl, poolSize: 1 });
    await fill(forSession(orm, systemSession));
    const owner = new pg.Client({ connectionString: database.ownerUrl });
    await owner.connect();
    await owner.query('vacuum analyze cloud_resources, cloud_provisioned, cloud_drift');
    await owner.end();
  }, 60_000);
  afterAll(async () => {
    await orm?.close(true);
    await database?.drop();
  });

  /** Every tenth resource has drift that is open, of which nothing is left. */
  async function fill(em: EntityManager): Promise<void> {
    await em.execute(
      `insert into cloud_resources (provider, kind, external_id, name, size_slug, tags, currency, attributes, first_seen_at, last_seen_at)
       select 'large', 'droplet', 100000 + n, 'n-' || n, 's-1', '[]', 'USD', '{}', now(), now() from generate_series(1, ?::int) n`,
      [resources],
    );
    await em.execute(
      `insert into cloud_provisioned (resource_id, provider, kind, spec, spec_version, recorded_by, recorded_at)
       select id, provider, kind, '{"size_slug": "s-1"}', 1, 'test', now() from cloud_resources`,
    );
    await em.execute(
      `insert into cloud_drift (resource_id, provider, kind, type, field, currency, detected_at, last_seen_at)
       select id, provider, kind, 'field', 'size_slug', 'USD', now(), now() from cloud_resources where external_id like '%0'`,
    );
    await em.execute(
      `insert into cloud_inventory_listings (provider, kind, state, attempted_at, complete_at) values ('large', 'droplet', 'fresh', now(), now())`,
    );
  }

  it('reads the rows of the batch and no others', async () => {
    const read = await forSession(orm, systemSession).transactional(async (transaction) => {
      // The server's counters may still hold what the connection did before.
      const before = await rowsRead(transaction);
      const swept = await sweepBatch(transaction, {
        provider: 'large',
        kind: 'droplet',
        after: '120000',
        limit,
        maxAgeMinutes: 90,
        listPrice: undefined,
        now: new Date(),
        workflowId: 'sweep-drift',
      });
      expect(swept).toMatchObject({ resources: limit, stale: limit / 10, after: '122000' });
      return (await rowsRead(transaction)).map(({ rows }, index) => rows - (before[index]?.rows ?? 0));
    });
    const [drift = 0, provisioned = 0, inventory = 0] = read;
    expect(drift).toBeLessThanOrEqual(limit);
    expect(provisioned).toBe(limit);
    expect(inventory).toBe(2 * limit);
  });

  const rowsRead = (em: EntityManager) =>
    em.execute<{ rows: number }[]>(
      `select (seq_tup_read + idx_tup_fetch)::int as rows from pg_stat_xact_user_tables
       where relname in ('cloud_resources', 'cloud_provisioned', 'cloud_drift') order by relname`,
    );
});
