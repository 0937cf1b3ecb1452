import { readFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { MikroORM } from '@mikro-orm/postgresql';
import { startOrm } from '../../src/orm.ts';
import { readCatalogFile, shippedCatalog } from '../../src/readCatalogFile.ts';
import { addPlanVersion } from '../../src/services/addPlanVersion.ts';
import { createPlan } from '../../src/services/createPlan.ts';
import { publishPlanVersion } from '../../src/services/publishPlanVersion.ts';
import type { ChangeRequest } from '../../src/services/recordChange.ts';
import { type CatalogSeed, seedCatalog } from '../../src/services/seedCatalog.ts';
import { forSession, systemSession } from '../../src/session.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
let orm: MikroORM;

const request: ChangeRequest = {
  actor: { role: 'platform_admin', tenantId: '', subject: 'alice' },
  now: new Date('2026-05-20T10:00:00Z'),
};
const em = () => forSession(orm, systemSession);
const rows = (statement: string) => em().execute<object[]>(statement);
const shipped = () => readCatalogFile(shippedCatalog);

beforeEach(async () => {
  database = await createTestDatabase();
  orm = await startOrm({ url: database.appUrl });
});
afterEach(async () => {
  await orm.close(true);
  await database.drop();
});

const everything = async () => ({
  plans: await rows('select * from plans order by code'),
  versions: await rows('select * from plan_versions order by id'),
  items: await rows('select * from plan_items order by id'),
  addons: await rows('select * from addons order by code'),
  prices: await rows('select * from resource_prices order by id'),
  audit: await rows('select id from audit_log order by id'),
});

describe('the seed', () => {
  it('is the golden catalog', async () => {
    const golden = JSON.parse(await readFile('dev/golden/catalog.json', 'utf8'));
    const { currency, plans, addons, resource_prices } = golden;
    expect(JSON.parse(await readFile(shippedCatalog, 'utf8'))).toEqual({
      currency,
      plans,
      addons,
      resource_prices,
    });
  });

  it('makes Starter $20, Studio $50 and Pro $120 with their items, three addons and the price of volumes', async () => {
    const outcome = await seedCatalog(em(), await shipped(), request);
    expect(outcome).toMatchObject({ unchanged: [], differences: [] });
    expect(outcome.created).toHaveLength(7);
    expect(
      await rows(
        `select code, name, version, base_price_cents, currency, status, count(item.id)::int as items
         from plans plan join plan_versions version on version.plan_id = plan.id
         left join plan_items item on item.plan_version_id = version.id group by plan.id, version.id order by base_price_cents`,
      ),
    ).toEqual(
      [
        { code: 'starter', name: 'Starter', base_price_cents: '2000', items: 5 },
        { code: 'studio', name: 'Studio', base_price_cents: '5000', items: 6 },
        { code: 'pro', name: 'Pro', base_price_cents: '12000', items: 6 },
      ].map((plan) => ({ ...plan, version: 1, currency: 'AUD', status: 'active' })),
    );
    expect(
      await rows('select code, resource_kind, qty, price_cents, currency from addons order by code'),
    ).toEqual([
      { code: 'llm_1m', resource_kind: 'llm_tokens', qty: '1000000', price_cents: '900', currency: 'AUD' },
      {
        code: 'storage_200gb',
        resource_kind: 'spaces_gb_month',
        qty: '200',
        price_cents: '2500',
        currency: 'AUD',
      },
      {
        code: 'storage_50gb',
        resource_kind: 'spaces_gb_month',
        qty: '50',
        price_cents: '750',
        currency: 'AUD',
      },
    ]);
    expect(
      await rows(
        'select resource_kind, unit, price_cents, currency, effective_from::text from resource_prices',
      ),
    ).toEqual([
      {
        resource_kind: 'volume_gb_month',
        unit: 'gb_month',
        price_cents: '15',
        currency: 'AUD',
        effective_from: '2014-12-01',
      },
    ]);
  });

  it('leaves the same rows when it runs again, and when two run at once', async () => {
    const seed = await shipped();
    const outcomes = await Promise.all([seedCatalog(em(), seed, request), seedCatalog(em(), seed, request)]);
    expect(outcomes.map((outcome) => outcome.created.length).toSorted()).toEqual([0, 7]);
    const before = await everything();
    expect(await seedCatalog(em(), seed, request)).toMatchObject({ created: [], differences: [] });
    expect(await everything()).toEqual(before);
  });

  it('changes nothing that is there, and says what differs', async () => {
    const seed = await shipped();
    await seedCatalog(em(), seed, request);
    await em().execute(`update addons set price_cents = 800 where code = 'storage_50gb'`);
    const before = await everything();
    const [starter, studio, ...others] = seed.plans;
    if (starter === undefined || studio === undefined) throw new Error('the seed has plans');
    const changed: CatalogSeed = {
      ...seed,
      plans: [
        { ...starter, name: 'Beginner', basePriceCents: 2500 },
        { ...studio, items: studio.items.filter((item) => item.resourceKind !== 'llm_tokens') },
        ...others,
      ],
      resourcePrices: seed.resourcePrices.map((price) => ({ ...price, priceCents: '16' })),
    };
    const outcome = await seedCatalog(em(), changed, request);
    expect(outcome.created).toEqual([]);
    expect(outcome.differences).toEqual(
      expect.arrayContaining([
        { subject: 'plan starter', field: 'name', catalog: 'Starter', seed: 'Beginner' },
        { subject: 'plan starter', field: 'base_price_cents', catalog: 2000, seed: 2500 },
        { subject: 'plan studio', field: 'llm_tokens.included_qty', catalog: '1000000', seed: null },
        { subject: 'addon storage_50gb', field: 'price_cents', catalog: 800, seed: 750 },
        {
          subject: 'price of volume_gb_month in AUD from 2014-12-01',
          field: 'price_cents',
          catalog: '15',
          seed: '16',
        },
      ]),
    );
    expect(await everything()).toEqual(before);
  });

  it('leaves a plan without a published version alone', async () => {
    await createPlan(em(), { code: 'studio', name: 'Studio' }, request);
    const outcome = await seedCatalog(em(), await shipped(), request);
    expect(outcome.differences).toEqual([
      { subject: 'plan studio', field: 'active_version', catalog: null, seed: 1 },
    ]);
    expect(outcome.created).toHaveLength(6);
  });

  it('is read only from a file that is a catalog: each fault is named', async () => {
    await expect(readCatalogFile('package.json')).rejects.toMatchObject({ code: 'invalid_catalog_file' });
    await expect(readCatalogFile('nowhere.json')).rejects.toThrow(/nowhere.json is not a catalog/);
  });
});

describe('versions of a plan', () => {
  const terms = { basePriceCents: 5000, currency: 'AUD', items: [] };
  const add = () => addPlanVersion(em(), 'studio', terms, request);
  const publish = (version: number) => publishPlanVersion(em(), { planCode: 'studio', version }, request);
  const statuses = () => rows('select version, status from plan_versions order by version');

  beforeEach(async () => {
    await createPlan(em(), { code: 'studio', name: 'Studio' }, request);
  });

  it('are numbered without a gap, twenty at once too', async () => {
    const added = await Promise.all(Array.from({ length: 20 }, add));
    expect(added.map((version) => version?.version ?? 0).toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: 20 }, (_, index) => index + 1),
    );
  });

  it('are for sale one at a time: publishing retires the one before, in one transaction', async () => {
    await add();
    await add();
    await publish(1);
    expect(await statuses()).toEqual([
      { version: 1, status: 'active' },
      { version: 2, status: 'draft' },
    ]);
    await publish(2);
    expect(
      await rows('select version, status, published_at, retired_at from plan_versions order by 1'),
    ).toEqual([
      { version: 1, status: 'retired', published_at: expect.anything(), retired_at: expect.anything() },
      { version: 2, status: 'active', published_at: expect.anything(), retired_at: null },
    ]);
  });

  it('end with exactly one for sale, whichever of ten publishes at once comes last', async () => {
    for (let index = 0; index < 10; index += 1) await add();
    const published = await Promise.all(Array.from({ length: 10 }, (_, index) => publish(index + 1)));
    expect(published).toEqual(Array.from({ length: 10 }, () => true));
    const found = await rows(
      'select status, count(*)::int as versions from plan_versions group by 1 order by 1',
    );
    expect(found).toEqual([
      { status: 'active', versions: 1 },
      { status: 'retired', versions: 9 },
    ]);
  });

  it('are published once: the active one again changes nothing, a retired one is refused', async () => {
    await add();
    await add();
    await publish(1);
    const before = await everything();
    expect(await publish(1)).toBe(true);
    expect(await everything()).toEqual(before);
    await publish(2);
    await expect(publish(1)).rejects.toMatchObject({ code: 'version_retired' });
    expect(await publish(3)).toBe(false);
  });

  it('stay as they were where publishing fails halfway', async () => {
    await add();
    await add();
    await publish(1);
    const attempt = em().transactional(async (transaction) => {
      await publishPlanVersion(transaction, { planCode: 'studio', version: 2 }, request);
      throw new Error('the process dies');
    });
    await expect(attempt).rejects.toThrow('the process dies');
    expect(await statuses()).toEqual([
      { version: 1, status: 'active' },
      { version: 2, status: 'draft' },
    ]);
  });

  it('say in the audit log who put which price up for sale, and what was before', async () => {
    await add();
    await addPlanVersion(em(), 'studio', { ...terms, basePriceCents: 6000 }, request);
    await publish(1);
    await publishPlanVersion(
      em(),
      { planCode: 'studio', version: 2 },
      { ...request, reason: 'dearer droplets' },
    );
    expect(
      await rows(
        `select actor, reason, before, after from audit_log where action = 'plan_version.publish' order by id desc limit 1`,
      ),
    ).toEqual([
      {
        actor: 'alice',
        reason: 'dearer droplets',
        before: { version: 1, base_price_cents: 5000, currency: 'AUD' },
        after: { plan_code: 'studio', version: 2, base_price_cents: 6000, currency: 'AUD' },
      },
    ]);
  });
});
