import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parseDecimal } from '../../src/domain/money.ts';
import { readCostEstimates } from '../../src/services/readCostEstimates.ts';
import { storeCostEstimate } from '../../src/services/storeCostEstimate.ts';
import { forSession, type Session, type SessionRole, systemSession } from '../../src/session.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { type ApiUnderTest, startApi, tokenFor } from './apiUnderTest.ts';
import { type SeededTenant, seeder } from './seed.ts';

const path = '/api/v1/billing/estimate';
let database: TestDatabase;
let api: ApiUnderTest;
let tenant: SeededTenant;
const get = (query = '', token = tokenFor('platform_viewer')) => api.call(`${path}${query}`, { token });

beforeAll(async () => {
  database = await createTestDatabase();
  api = await startApi({ databaseUrl: database.appUrl });
  tenant = await seeder(api.orm).tenant('tenant-a', 'ours');
});
afterAll(async () => {
  await api.close();
  await database.drop();
});

function store(period: string, estimatedAt: string): Promise<boolean> {
  const item = {
    groupDescription: '',
    description: '',
    chargeStart: null,
    chargeEnd: null,
    resourceUuid: null,
  };
  return storeCostEstimate(forSession(api.orm, systemSession), {
    provider: 'digitalocean',
    estimate: { period, estimatedAt: new Date(estimatedAt), amount: parseDecimal('9.5'), currency: 'USD' },
    async *lines() {
      yield [
        {
          ...item,
          position: 1,
          product: 'Droplets',
          amount: parseDecimal('8'),
          lineClass: 'resource' as const,
          kind: 'droplet' as const,
          resourceId: tenant.droplet,
        },
        {
          ...item,
          position: 2,
          product: 'GST',
          amount: parseDecimal('0.8'),
          lineClass: 'tax' as const,
          kind: null,
          resourceId: null,
        },
      ];
    },
    now: new Date(estimatedAt),
    onProgress: () => undefined,
  });
}

describe('GET /billing/estimate', () => {
  it('has none before the first', async () => {
    expect((await get()).json).toEqual({ estimates: [] });
  });

  it('says amount, time, products, resources and what is left over, labelled as estimated', async () => {
    await store('2026-05-01', '2026-05-28T06:00:00Z');
    const answer = await get('?period=2026-05-01');
    expect(answer.status).toBe(200);
    expect(answer.json).toEqual({
      estimates: [
        {
          provider: 'digitalocean',
          period: '2026-05-01',
          status: 'estimated',
          as_of: '2026-05-28T06:00:00.000Z',
          amount: '9.50',
          currency: 'USD',
          superseded_by: null,
          by_product: [
            { product: 'Droplets', lines: 1, amount: '8.00' },
            { product: 'GST', lines: 1, amount: '0.80' },
          ],
          by_resource: [
            {
              resource_id: tenant.droplet,
              kind: 'droplet',
              external_id: tenant.droplet,
              name: 'droplet of ours',
              lines: 1,
              amount: '8.00',
            },
          ],
          resources: 1,
          attributed: '8.00',
          unattributed: '0.80',
          unexplained: '0.70',
          trend: [{ as_of: '2026-05-28T06:00:00.000Z', amount: '9.50' }],
        },
      ],
    });
    expect((await get('?period=2026-03-01')).json).toEqual({ estimates: [] });
    expect((await get()).json).toEqual(answer.json);
  });

  it('names the invoice that superseded it', async () => {
    await store('2026-04-01', '2026-04-30T06:00:00Z');
    const { invoiceUuid } = await seeder(api.orm).invoice('2026-04-01', [['100', 'matched_by_id']], {
      issuedAt: new Date('2026-05-01T00:00:00Z'),
    });
    expect((await get('?period=2026-04-01')).json).toMatchObject({
      estimates: [
        {
          status: 'estimated',
          amount: '9.50',
          superseded_by: { invoice_uuid: invoiceUuid, amount: '100.00', currency: 'USD' },
        },
      ],
    });
  });

  it.each([
    ['?period=2026-05-02', '/query/period'],
    ['?period=may', '/query/period'],
    ['?limit=0', '/query/limit'],
    ['?limit=201', '/query/limit'],
  ])('refuses %s and points at the fault', async (query, pointer) => {
    const answer = await get(query);
    expect(answer.status).toBe(422);
    expect(answer.text).toContain(pointer);
  });

  it.each(['tenant', 'gateway', 'finance'] as const)('is not for the role %s', async (role) => {
    expect((await get('', tokenFor(role))).status).toBe(403);
  });
});

describe('estimates, bandwidth and bucket sizes in the database', () => {
  const tables = [
    'cloud_cost_estimates',
    'cloud_cost_estimate_lines',
    'cloud_bandwidth_hours',
    'cloud_spaces_usage',
  ];
  const session = (role: SessionRole): Session => ({ role, tenantId: 'tenant-a', subject: 'test' });

  it('are under forced row level security', async () => {
    const rows = await forSession(api.orm, systemSession).execute<{ relname: string }[]>(
      `select relname from pg_class where relname in (?, ?, ?, ?) and relrowsecurity and relforcerowsecurity`,
      tables,
    );
    expect(rows.map(({ relname }) => relname).toSorted()).toEqual(tables.toSorted());
  });

  it.each(['tenant', 'gateway', 'finance'] as const)('show nothing to the role %s', async (role) => {
    const em = forSession(api.orm, session(role));
    expect(await readCostEstimates(em, { period: null, limit: 50 })).toEqual([]);
    for (const table of tables) {
      expect(await em.execute(`select count(*)::int as count from ${table}`)).toEqual([{ count: 0 }]);
    }
  });

  it('are not written by a viewer', async () => {
    const em = forSession(api.orm, session('platform_viewer'));
    await expect(
      em.execute(
        `insert into cloud_spaces_usage (resource_id, measured_on, measured_at, bytes, objects) values (?, '2026-05-01', now(), 1, 1)`,
        [tenant.droplet],
      ),
    ).rejects.toThrow(/row-level security/);
  });
});
