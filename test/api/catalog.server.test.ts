import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readCatalogFile, shippedCatalog } from '../../src/readCatalogFile.ts';
import { seedCatalog } from '../../src/services/seedCatalog.ts';
import { forSession, systemSession } from '../../src/session.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { type ApiUnderTest, itemsOf, startApi, tokenFor } from './apiUnderTest.ts';
import { revenueSeeder, type SeededSubscriber } from './seedRevenue.ts';

let database: TestDatabase;
let api: ApiUnderTest;
let subscriber: SeededSubscriber;
const token = tokenFor('platform_admin', { sub: 'alice' });
const now = new Date('2026-05-20T10:00:00Z');

beforeAll(async () => {
  database = await createTestDatabase();
  api = await startApi({ databaseUrl: database.appUrl, clock: () => now });
  await seedCatalog(forSession(api.orm, systemSession), await readCatalogFile(shippedCatalog), {
    actor: systemSession,
    now,
  });
  const seed = revenueSeeder(api.orm);
  subscriber = await seed.subscriber('tenant-a', 'ours', await seed.catalog());
});
afterAll(async () => {
  await api.close();
  await database.drop();
});

const get = (path: string, as = token) => api.call(`/api/v1/catalog${path}`, { token: as });
const post = (path: string, body: unknown, method = 'POST') =>
  api.call(`/api/v1/catalog${path}`, { method, token, body });
const item = {
  resource_kind: 'droplet_hours',
  included_qty: 744,
  overage_unit: 'hour',
  overage_price_cents: '0.5',
  hard_cap_qty: null,
};

describe('what can be bought', () => {
  it('is shown to a tenant: each plan with its active version and items, each addon', async () => {
    const plans = itemsOf(await get('/plans', tokenFor('tenant')));
    expect(plans.map((plan) => plan['code'])).toEqual(['pro', 'seeded', 'starter', 'studio']);
    expect(plans.at(-1)).toMatchObject({
      code: 'studio',
      name: 'Studio',
      active_version: {
        version: 1,
        status: 'active',
        base_price_cents: 5000,
        currency: 'AUD',
        published_at: now.toISOString(),
        retired_at: null,
        items: expect.arrayContaining([
          {
            resource_kind: 'llm_tokens',
            included_qty: '1000000',
            overage_unit: '1k_tokens',
            overage_price_cents: '1',
            hard_cap_qty: null,
          },
        ]),
      },
    });
    const addons = itemsOf(await get('/addons', tokenFor('tenant')));
    expect(addons).toContainEqual(
      expect.objectContaining({
        code: 'storage_50gb',
        resource_kind: 'spaces_gb_month',
        qty: '50',
        price_cents: 750,
        currency: 'AUD',
      }),
    );
  });

  it('comes in pages', async () => {
    const first = await get('/plans?limit=3');
    const next = await get(`/plans?limit=3&cursor=${first.json['next_cursor']}`);
    expect(itemsOf(next).map((plan) => plan['code'])).toEqual(['studio']);
    expect(next.json['next_cursor']).toBeNull();
  });

  it('leaves out what is not for sale yet, but for admins', async () => {
    await post('/plans', { code: 'secret', name: 'Secret' });
    await post('/plans/secret/versions', { base_price_cents: 1 });
    const codes = async (as?: string) => itemsOf(await get('/plans', as)).map((plan) => plan['code']);
    expect(await codes(tokenFor('tenant'))).not.toContain('secret');
    expect(await codes(tokenFor('platform_viewer'))).toContain('secret');
    expect(itemsOf(await get('/plans')).find((plan) => plan['code'] === 'secret')).toMatchObject({
      active_version: null,
    });
  });
});

describe('a plan', () => {
  it('is made, gets a draft with its items, is published, and is then what is for sale', async () => {
    const created = await post('/plans', { code: 'team', name: 'Team' });
    expect([created.status, created.json]).toMatchObject([201, { code: 'team', active_version: null }]);
    const draft = await post('/plans/team/versions', { base_price_cents: 9900, items: [item] });
    expect([draft.status, draft.json]).toMatchObject([
      201,
      {
        version: 1,
        status: 'draft',
        base_price_cents: 9900,
        currency: 'AUD',
        items: [{ ...item, included_qty: '744' }],
      },
    ]);
    const published = await post('/plans/team/versions/1/publish', {});
    expect([published.status, published.json]).toMatchObject([200, { version: 1, status: 'active' }]);
    await post('/plans/team/versions', { base_price_cents: 10_900, items: [], reason: 'no droplets' });
    await post('/plans/team/versions/2/publish', { reason: 'no droplets' });
    expect((await get('/plans/team')).json).toMatchObject({
      code: 'team',
      versions: [
        { version: 2, status: 'active', base_price_cents: 10_900, items: [], subscribers: 0 },
        { version: 1, status: 'retired', retired_at: now.toISOString() },
      ],
    });
    const audit = itemsOf(await api.call('/api/v1/audit?action=plan_version.publish&limit=1', { token }));
    expect(audit).toMatchObject([{ actor: 'alice', reason: 'no droplets', before: { version: 1 } }]);
  });

  it('is a 409 where its code is taken or its version retired, a 404 where it is not there', async () => {
    expect((await post('/plans', { code: 'studio', name: 'Again' })).json).toMatchObject({
      status: 409,
      code: 'plan_exists',
    });
    expect((await post('/plans/team/versions/1/publish', {})).json).toMatchObject({
      status: 409,
      code: 'version_retired',
    });
    for (const path of [
      '/plans/nothing/versions',
      '/plans/nothing/versions/1/publish',
      '/plans/team/versions/9/publish',
    ]) {
      const answer = await post(path, path.endsWith('publish') ? {} : { base_price_cents: 1 });
      expect([path, answer.status]).toEqual([path, 404]);
    }
    for (const path of ['', '/subscribers', '/migrations']) {
      expect((await get(`/plans/nothing${path}`)).status).toBe(404);
    }
  });

  it.each([
    [{ ...item, resource_kind: 'gpu_hours' }, '/body/items/0/resource_kind'],
    [{ ...item, overage_unit: 'gb' }, '/body/items/0/overage_unit'],
    [{ ...item, overage_unit: 'day' }, '/body/items/0/overage_unit'],
    [{ ...item, included_qty: -1 }, '/body/items/0/included_qty'],
    [{ ...item, included_qty: '-1' }, '/body/items/0/included_qty'],
    [{ ...item, included_qty: '0.1234567' }, '/body/items/0/included_qty'],
    [{ ...item, included_qty: 0.1234567 }, '/body/items/0/included_qty'],
    [{ ...item, included_qty: '1e3' }, '/body/items/0/included_qty'],
    [{ ...item, included_qty: 1e15 }, '/body/items/0/included_qty'],
    [{ ...item, included_qty: null }, '/body/items/0/included_qty'],
    [{ ...item, overage_price_cents: '0.123456789' }, '/body/items/0/overage_price_cents'],
    [{ ...item, overage_price_cents: '' }, '/body/items/0/overage_price_cents'],
    [{ ...item, hard_cap_qty: -5 }, '/body/items/0/hard_cap_qty'],
    [{ ...item, price: 1 }, '/body/items/0/price'],
    [{ resource_kind: 'droplet_hours' }, '/body/items/0/included_qty'],
  ])('refuses the item %j', async (bad, pointer) => {
    const answer = await post('/plans/team/versions', { base_price_cents: 1, items: [bad] });
    expect(answer.status).toBe(422);
    expect(answer.json['errors']).toContainEqual({ pointer, detail: expect.any(String) });
  });

  it.each([
    [{ base_price_cents: -1 }, '/body/base_price_cents'],
    [{ base_price_cents: 1.5 }, '/body/base_price_cents'],
    [{ base_price_cents: '5000' }, '/body/base_price_cents'],
    [{ base_price_cents: 1e13 }, '/body/base_price_cents'],
    [{ base_price_cents: 1, currency: 'AUS' }, '/body/currency'],
    [{ base_price_cents: 1, currency: 'aud' }, '/body/currency'],
    [{ base_price_cents: 1, items: [item, item] }, '/body/items/1/resource_kind'],
    [{ base_price_cents: 1, items: {} }, '/body/items'],
    [{}, '/body/base_price_cents'],
  ])('refuses the version %j', async (body, pointer) => {
    const answer = await post('/plans/team/versions', body);
    expect(answer.status).toBe(422);
    expect(answer.json['errors']).toEqual([{ pointer, detail: expect.any(String) }]);
  });

  it('keeps no draft of a refused version', async () => {
    const plan = (await get('/plans/team')).json['versions'];
    expect(plan).toHaveLength(2);
  });
});

describe('an addon', () => {
  const addon = { code: 'hours_100', resource_kind: 'droplet_hours', qty: '100', price_cents: 75 };

  it('is made once, and changed from then on; what is attached keeps its price', async () => {
    expect([(await post('/addons', addon)).status, (await post('/addons', addon)).status]).toEqual([
      201, 409,
    ]);
    const changed = await post('/addons/hours_100', { qty: 120.5, price_cents: 80, reason: 'more' }, 'PUT');
    expect([changed.status, changed.json]).toMatchObject([200, { qty: '120.5', price_cents: 80 }]);
    expect((await post('/addons/nothing', { qty: 1, price_cents: 1 }, 'PUT')).status).toBe(404);
    const audit = itemsOf(await api.call('/api/v1/audit?action=addon.reprice', { token }));
    expect(audit).toMatchObject([
      { reason: 'more', before: { qty: '100', price_cents: 75 }, after: { qty: '120.5', price_cents: 80 } },
    ]);

    const attached = 'select qty, price_cents from subscription_addons';
    const before = await forSession(api.orm, systemSession).execute(attached);
    await post('/addons/seeded_50gb', { qty: 1, price_cents: 1 }, 'PUT');
    expect(await forSession(api.orm, systemSession).execute(attached)).toEqual(before);
  });

  it.each([
    [{ ...addon, code: 'Has Space' }, '/body/code'],
    [{ ...addon, resource_kind: 'droplets' }, '/body/resource_kind'],
    [{ ...addon, qty: '-1' }, '/body/qty'],
    [{ ...addon, price_cents: -1 }, '/body/price_cents'],
  ])('refuses %j', async (body, pointer) => {
    const answer = await post('/addons', body);
    expect([answer.status, answer.json['errors']]).toEqual([422, [{ pointer, detail: expect.any(String) }]]);
  });
});

describe('a resource price', () => {
  const price = {
    resource_kind: 'dns_zones',
    unit: 'zone',
    price_cents: '12.5',
    effective_from: '2026-06-01',
  };

  it('is in force from a day on; one a kind, currency and day', async () => {
    const created = await post('/resource-prices', price);
    expect([created.status, created.json]).toMatchObject([201, { ...price, currency: 'AUD' }]);
    expect((await post('/resource-prices', { ...price, price_cents: 13 })).json).toMatchObject({
      status: 409,
      code: 'resource_price_exists',
    });
    expect((await post('/resource-prices', { ...price, currency: 'USD' })).status).toBe(201);
    expect(itemsOf(await get('/resource-prices?resource_kind=dns_zones'))).toMatchObject([
      { currency: 'USD' },
      { price_cents: '12.5', effective_from: '2026-06-01' },
    ]);
  });

  it('before today needs a reason', async () => {
    const past = { ...price, effective_from: '2026-05-19' };
    const refused = await post('/resource-prices', past);
    expect([refused.status, refused.json['code'], refused.json['errors']]).toEqual([
      422,
      'reason_required',
      [{ pointer: '/body/reason', detail: expect.any(String) }],
    ]);
    expect((await post('/resource-prices', { ...past, reason: 'was forgotten' })).status).toBe(201);
  });

  it.each([
    [{ ...price, unit: 'hour' }, '/body/unit'],
    [{ ...price, price_cents: -1 }, '/body/price_cents'],
    [{ ...price, effective_from: '2026-02-30' }, '/body/effective_from'],
    [{ ...price, resource_kind: 'volumes' }, '/body/resource_kind'],
  ])('refuses %j', async (body, pointer) => {
    const answer = await post('/resource-prices', body);
    expect([answer.status, answer.json['errors']]).toEqual([422, [{ pointer, detail: expect.any(String) }]]);
  });
});

describe('the subscribers of a plan', () => {
  it('are listed, previewed and moved', async () => {
    await post('/plans/seeded/versions', { base_price_cents: 5500, items: [item] });
    await post('/plans/seeded/versions/2/publish', {});
    const who = itemsOf(await get('/plans/seeded/subscribers'));
    expect(who).toEqual([
      {
        subscription_id: subscriber.subscription,
        deployment_id: subscriber.deployment,
        slug: 'seeded',
        tenant_id: 'tenant-a',
        status: 'active',
        version: 1,
        starts_on: '2026-04-01',
        next: null,
      },
    ]);
    expect(itemsOf(await get('/plans/seeded/subscribers?version=2'))).toEqual([]);

    const wanted = { from_version: 1, to_version: 2, effective_on: '2026-06-01' };
    const preview = await post('/plans/seeded/migrations/preview', wanted);
    expect([preview.status, preview.json]).toEqual([
      200,
      {
        plan_code: 'seeded',
        ...wanted,
        usage_month: '2026-04-01',
        currency: 'AUD',
        totals: {
          tenants: 1,
          subscriptions: 1,
          unpriced: 0,
          current_cents: 5750,
          new_cents: 6250,
          difference_cents: 500,
        },
        items: [
          {
            tenant_id: 'tenant-a',
            subscriptions: 1,
            current_cents: 5750,
            new_cents: 6250,
            difference_cents: 500,
            problem: null,
          },
        ],
        next_cursor: null,
      },
    ]);

    const moved = await post('/plans/seeded/migrations', { ...wanted, reason: 'new terms' });
    expect([moved.status, moved.json]).toMatchObject([
      201,
      { ...wanted, status: 'scheduled', subscribers: 1, requested_by: 'alice', reason: 'new terms' },
    ]);
    expect(itemsOf(await get('/plans/seeded/migrations'))).toContainEqual(moved.json);
    expect(itemsOf(await get('/plans/seeded/subscribers'))).toMatchObject([
      { version: 1, next: { plan_code: 'seeded', version: 2, starts_on: '2026-06-01' } },
    ]);
  });

  it.each([
    [
      { from_version: 1, to_version: 2, effective_on: '2026-05-19' },
      'effective_on_past',
      '/body/effective_on',
    ],
    [{ from_version: 1, to_version: 1 }, 'same_version', '/body/to_version'],
    [{ from_version: 7, to_version: 1 }, 'unknown_version', '/body/from_version'],
    [{ from_version: 0, to_version: 1 }, 'invalid_input', '/body/from_version'],
    [{ from_version: 1, to_version: '2' }, 'invalid_input', '/body/to_version'],
  ])('are not moved by %j', async (body, code, pointer) => {
    for (const path of ['migrations', 'migrations/preview']) {
      const answer = await post(`/plans/seeded/${path}`, {
        ...body,
        ...(path === 'migrations' ? { reason: 'test' } : {}),
      });
      expect([answer.status, answer.json['code'], answer.json['errors']]).toEqual([
        422,
        code,
        [{ pointer, detail: expect.any(String) }],
      ]);
    }
  });
});
