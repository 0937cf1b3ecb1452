import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { routes } from '../../src/api/routes.ts';
import { listAudit } from '../../src/services/listAudit.ts';
import { listCostLines } from '../../src/services/listCostLines.ts';
import {
  findResource,
  listInventory,
  listProjects,
  listResourceEvents,
  readListings,
} from '../../src/services/listInventory.ts';
import { listInvoices } from '../../src/services/listInvoices.ts';
import { readBalanceTrend, readLatestBalance } from '../../src/services/readBalance.ts';
import { recordAudit } from '../../src/services/recordAudit.ts';
import { forSession, type Session, systemSession } from '../../src/session.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { type ApiUnderTest, itemsOf, startApi, tokenFor } from './apiUnderTest.ts';
import { type SeededTenant, seeder } from './seed.ts';

let database: TestDatabase;
let api: ApiUnderTest;
let mine: SeededTenant;
let theirs: SeededTenant;
let invoiceUuid: string;

const me: Session = { role: 'tenant', tenantId: 'tenant-a', subject: 'test-tenant' };
const myToken = tokenFor('tenant');

beforeAll(async () => {
  database = await createTestDatabase();
  api = await startApi({ databaseUrl: database.appUrl });
  const seed = seeder(api.orm);
  mine = await seed.tenant('tenant-a', 'ours');
  theirs = await seed.tenant('tenant-b', 'FOREIGN');
  await seed.tenant(null, 'FOREIGN nobody');
  ({ invoiceUuid } = await seed.invoice('2026-04-01', [['86.92', 'shared']]));
  await seed.balance('2026-04-15T11:07:00Z', '12.5');
  await seed.listing('droplet', 'fresh');
  await recordAudit(forSession(api.orm, systemSession), systemSession, {
    occurredAt: new Date(),
    action: 'FOREIGN',
    subjectType: 'test',
    subjectId: 'FOREIGN',
  });
});
afterAll(async () => {
  await api.close();
  await database.drop();
});

const foreignIds = () => [theirs.projectId, theirs.droplet, theirs.deployed, theirs.gone];

/** Every path of the API, with the other tenant's ids wherever a path takes one. */
function pathsWithForeignIds(): { method: string; path: string; isPublic: boolean }[] {
  const ids = foreignIds();
  return routes.flatMap((route) => {
    const variants = route.path.includes(':') ? [...ids, invoiceUuid] : [''];
    return variants.map((id) => ({
      method: route.method.toUpperCase(),
      path: route.path.replace(/:\w+/, id),
      isPublic: route.access === 'public',
    }));
  });
}

describe("a tenant's token", () => {
  it('sees its own live resources in the list, and nothing of what they cost us', async () => {
    const items = itemsOf(await api.call('/api/v1/inventory', { token: myToken }));
    expect(new Set(items.map((item) => item['id']))).toEqual(new Set([mine.droplet, mine.deployed]));
    for (const item of items) {
      expect(Object.keys(item).sort()).toEqual([
        'created_at',
        'deployment_id',
        'first_seen_at',
        'gone_at',
        'id',
        'kind',
        'last_seen_at',
        'name',
        'project_id',
        'region',
        'size_slug',
        'status',
      ]);
    }
  });

  it('gets 404 for a resource of another tenant, as for one that is not there', async () => {
    const foreign = await api.call(`/api/v1/inventory/${theirs.droplet}`, { token: myToken });
    const missing = await api.call('/api/v1/inventory/00000000-0000-4000-8000-000000000000', {
      token: myToken,
    });
    const own = await api.call(`/api/v1/inventory/${mine.droplet}`, { token: myToken });
    expect([foreign.status, missing.status, own.status]).toEqual([404, 404, 200]);
    expect({ ...foreign.json, request_id: '' }).toEqual({ ...missing.json, request_id: '' });
    expect(own.json).not.toHaveProperty('events');
  });

  it('reads nothing foreign on any route, whatever id it names', async () => {
    for (const { method, path, isPublic } of pathsWithForeignIds()) {
      const answer = await api.call(path, {
        method,
        token: myToken,
        ...(method === 'GET' ? {} : { body: { tenant_id: 'tenant-a', reason: 'mine now' } }),
      });
      expect(answer.text).not.toContain('FOREIGN');
      if (!isPublic) expect([200, 403, 404, 422]).toContain(answer.status);
    }
  });

  it.each([
    'tenant=tenant-b',
    'project=THEIRS',
    'deployment=THEIRS',
    'gone=true',
    'kind=volume',
    'region=ams3',
  ])('finds nothing foreign by the filter %s', async (filter) => {
    const value = filter.startsWith('project') ? theirs.projectId : theirs.deploymentId;
    const answer = await api.call(`/api/v1/inventory?${filter.replace('THEIRS', value)}`, { token: myToken });
    expect(answer.status).toBe(200);
    expect(answer.text).not.toContain('FOREIGN');
  });

  it('finds nothing foreign by the cursor of an admin', async () => {
    const page = await api.call('/api/v1/inventory?limit=1', { token: tokenFor('platform_admin') });
    const cursor = String(page.json['next_cursor']);
    const answer = await api.call(`/api/v1/inventory?cursor=${cursor}`, { token: myToken });
    expect(answer.status).toBe(200);
    expect(answer.text).not.toContain('FOREIGN');
  });

  it('and the other way round, the other tenant finds nothing of ours', async () => {
    const token = tokenFor('tenant', { tenant_id: 'tenant-b' });
    const items = itemsOf(await api.call('/api/v1/inventory', { token }));
    expect(new Set(items.map((item) => item['id']))).toEqual(new Set([theirs.droplet, theirs.deployed]));
    expect((await api.call(`/api/v1/inventory/${mine.droplet}`, { token })).status).toBe(404);
  });

  it.each(['tenant-', 'tenant-a%', 'TENANT-A', 'tenant-a ', '%', '_', "' or true --", 'tenant-c'])(
    'that names the tenant %j sees nothing',
    async (tenantId) => {
      const token = tokenFor('tenant', { tenant_id: tenantId });
      expect(itemsOf(await api.call('/api/v1/inventory', { token }))).toEqual([]);
    },
  );

  it('keeps its tenant while 60 requests of two tenants share 10 connections', async () => {
    const other = tokenFor('tenant', { tenant_id: 'tenant-b' });
    const answers = await Promise.all(
      Array.from({ length: 60 }, async (_, index) => {
        const isMine = index % 2 === 0;
        const answer = await api.call('/api/v1/inventory', { token: isMine ? myToken : other });
        return { isMine, text: answer.text, count: itemsOf(answer).length };
      }),
    );
    for (const { isMine, text, count } of answers) {
      expect([count, text.includes('FOREIGN')]).toEqual([2, !isMine]);
    }
  });
});

describe("with the API's own conditions switched off, row level security alone", () => {
  const everything = { limit: 200 };

  it('shows a tenant its own rows and nothing of the platform', async () => {
    const em = () => forSession(api.orm, me);
    const resources = await listInventory(em(), {}, everything);
    expect(new Set(resources.map((row) => row.id))).toEqual(
      new Set([mine.droplet, mine.deployed, mine.gone]),
    );
    expect((await listProjects(em(), everything)).map((row) => row.id)).toEqual([mine.projectId]);
    for (const id of [theirs.droplet, theirs.deployed, theirs.gone]) {
      expect(await findResource(em(), id)).toBeNull();
      expect(await listResourceEvents(em(), id, 100)).toEqual([]);
    }
    expect(await readListings(em())).toEqual([]);
    expect(await listInvoices(em(), {}, everything)).toEqual([]);
    expect((await listCostLines(em(), { period: '2026-04-01' }, everything)).lines).toEqual([]);
    expect(await readLatestBalance(em())).toBeNull();
    expect(await readBalanceTrend(em(), new Date(0))).toEqual([]);
    expect(await listAudit(em(), {}, everything)).toEqual([]);
  });

  it('holds for plain SQL over every table that the application role may read', async () => {
    const em = forSession(api.orm, me);
    const tables = await em.execute<{ name: string; has_tenant: boolean }[]>(
      `select t.table_name as name, exists (select from information_schema.columns c
         where c.table_schema = 'public' and c.table_name = t.table_name and c.column_name = 'tenant_id') as has_tenant
       from information_schema.tables t where t.table_schema = 'public' order by 1`,
    );
    expect(tables.filter((table) => table.has_tenant).map((table) => table.name)).toEqual([
      'audit_log',
      'cloud_projects',
      'cloud_resources',
    ]);
    const withoutPolicies = [
      'cloud_cost_line_stage',
      'cloud_invoice_item_stage',
      'rate_limits',
      'schema_migrations',
    ];
    for (const { name, has_tenant: hasTenant } of tables) {
      if (withoutPolicies.includes(name)) continue;
      if (hasTenant) {
        const foreign = await em.execute<object[]>(
          `select 1 from ${name} where tenant_id is distinct from 'tenant-a'`,
        );
        expect([name, foreign.length]).toEqual([name, 0]);
      } else {
        const rows = await em.execute<object[]>(`select 1 from ${name}`);
        expect([name, rows.length]).toEqual([name, 0]);
      }
    }
  });

  it('hides rows that are there: the service itself sees them', async () => {
    const em = forSession(api.orm, systemSession);
    for (const name of [
      'audit_log',
      'cloud_balance_snapshots',
      'cloud_cost_lines',
      'cloud_inventory_listings',
      'cloud_invoice_versions',
      'cloud_invoices',
      'cloud_resource_events',
      'cloud_resource_memberships',
      'cloud_resource_names',
    ]) {
      expect([name, (await em.execute<object[]>(`select 1 from ${name} limit 1`)).length]).toEqual([name, 1]);
    }
  });

  it('lets a tenant write nothing, foreign or its own', async () => {
    const em = () => forSession(api.orm, me);
    for (const id of [theirs.droplet, mine.droplet]) {
      const changed = await em().execute<object[]>(
        `update cloud_resources set name = 'taken' where id = ? returning id`,
        [id],
      );
      const deleted = await em().execute<object[]>('delete from cloud_resources where id = ? returning id', [
        id,
      ]);
      expect([changed, deleted]).toEqual([[], []]);
    }
    const insert = em().execute(
      `insert into cloud_projects (provider, external_id, name, is_default, tenant_id, first_seen_at, last_seen_at)
       values ('digitalocean', 'new', 'new', false, 'tenant-a', now(), now())`,
    );
    await expect(insert).rejects.toThrow(/row-level security/);
  });

  it.each(['gateway', 'finance'] as const)('shows the role %s no row at all', async (role) => {
    const em = () => forSession(api.orm, { role, tenantId: '', subject: 'test' });
    expect(await listInventory(em(), {}, everything)).toEqual([]);
    expect(await listInvoices(em(), {}, everything)).toEqual([]);
    expect(await listProjects(em(), everything)).toEqual([]);
  });

  it('shows nothing where no session was set', async () => {
    const rows = await api.orm.em.getConnection().execute<object[]>('select 1 from cloud_resources');
    expect(rows).toEqual([]);
  });
});

describe('the schema', () => {
  it('has a forced policy on every table with tenant_id', async () => {
    const tables = await forSession(api.orm, systemSession).execute<unknown[]>(
      `select c.relname as name, c.relrowsecurity as enabled, c.relforcerowsecurity as forced,
              (select count(*)::int from pg_policy p where p.polrelid = c.oid) as policies
       from pg_class c join pg_namespace n on n.oid = c.relnamespace
       where n.nspname = 'public' and c.relkind in ('r', 'p')
         and exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped)`,
    );
    const rows = z
      .array(z.object({ name: z.string(), enabled: z.boolean(), forced: z.boolean(), policies: z.number() }))
      .min(3)
      .parse(tables);
    for (const row of rows) {
      expect(row).toMatchObject({ enabled: true, forced: true });
      expect(row.policies).toBeGreaterThan(0);
    }
  });
});
