import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { MikroORM } from '@mikro-orm/postgresql';
import fc from 'fast-check';
import { startOrm } from '../../src/orm.ts';
import { addPlanVersion } from '../../src/services/addPlanVersion.ts';
import { changePlan } from '../../src/services/changePlan.ts';
import { createPlan } from '../../src/services/createPlan.ts';
import { findPlan } from '../../src/services/listCatalog.ts';
import { listPlanMigrations, migrateSubscribers } from '../../src/services/planMigration.ts';
import { previewPlanMigration } from '../../src/services/planMigrationPreview.ts';
import { listPlanSubscribers } from '../../src/services/planMigrationSubscribers.ts';
import { publishPlanVersion } from '../../src/services/publishPlanVersion.ts';
import type { ReasonedRequest } from '../../src/services/recordChange.ts';
import { forSession, systemSession } from '../../src/session.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
let orm: MikroORM;
/** The ids of the versions 1 to 3 of each plan. */
const versions: Record<string, string[]> = {};

const now = new Date('2026-05-20T10:00:00Z');
const today = '2026-05-20';
const request: ReasonedRequest = {
  actor: { role: 'platform_admin', tenantId: '', subject: 'alice' },
  now,
  reason: 'new prices',
};
const em = () => forSession(orm, systemSession);

beforeAll(async () => {
  database = await createTestDatabase();
  orm = await startOrm({ url: database.appUrl });
});
afterAll(async () => {
  await orm.close(true);
  await database.drop();
});

const droplets = (includedQty: string) => ({
  resourceKind: 'droplet_hours' as const,
  includedQty,
  overageUnit: 'hour' as const,
  overagePriceCents: '1',
  hardCapQty: null,
});

/** A plan of its own for each test, with three published versions: $50 with 1,488 hours, $60 with 2,000, $60 without any item. */
async function newPlan(): Promise<string> {
  const code = `plan-${randomUUID()}`;
  await createPlan(em(), { code, name: code }, request);
  versions[code] = [];
  for (const terms of [
    { basePriceCents: 5000, items: [droplets('1488')] },
    { basePriceCents: 6000, items: [droplets('2000')] },
    { basePriceCents: 6000, items: [] },
  ]) {
    const added = await addPlanVersion(em(), code, { currency: 'AUD', ...terms }, request);
    if (added === null) throw new Error('the plan is there');
    await publishPlanVersion(em(), { planCode: code, version: added.version }, request);
    versions[code].push(added.id);
  }
  return code;
}

const idOf = (code: string, version: number) => versions[code]?.[version - 1] ?? '';

interface World {
  readonly deployment: string;
  readonly subscription: string;
  readonly tenantId: string;
}

/** A subscription with the given rows of versions: `[first day, plan, number]`. */
async function subscribe(
  history: readonly (readonly [startsOn: string, code: string, version: number])[],
  options: { readonly tenantId?: string; readonly status?: string } = {},
): Promise<World> {
  const [deployment, subscription] = [randomUUID(), randomUUID()];
  const { tenantId = `tenant-${deployment}`, status = 'active' } = options;
  await em().execute(
    `insert into cloud_deployments (id, tenant_id, slug, display_name, created_at, updated_at) values (?, ?, ?, 'test', now(), now())`,
    [deployment, tenantId, deployment],
  );
  await em().execute(
    `insert into subscriptions (id, deployment_id, tenant_id, status, starts_on, current_period_start, current_period_end, created_at)
     values (?, ?, ?, ?, ?, '2026-05-01', '2026-06-01', now())`,
    [subscription, deployment, tenantId, status, history[0]?.[0]],
  );
  for (const [startsOn, code, version] of history) {
    await em().execute(
      `insert into subscription_versions (subscription_id, tenant_id, plan_version_id, starts_on, created_at)
       values (?, ?, ?, ?, now())`,
      [subscription, tenantId, idOf(code, version), startsOn],
    );
  }
  return { deployment, subscription, tenantId };
}

/** The rows of a subscription: `2026-05-20 v2`, by day. */
async function historyOf({ subscription }: World): Promise<string[]> {
  const rows = await em().execute<{ said: string }[]>(
    `select row.starts_on || ' v' || version.version as said from subscription_versions row
     join plan_versions version on version.id = row.plan_version_id
     where row.subscription_id = ? order by row.starts_on`,
    [subscription],
  );
  return rows.map((row) => row.said);
}

const move = (planCode: string, fromVersion: number, toVersion: number, effectiveOn?: string) =>
  migrateSubscribers(em(), { planCode, fromVersion, toVersion, effectiveOn }, request);

describe('moving the subscribers of a version', () => {
  it('puts each on the new one from the day on, with an event, and counts them', async () => {
    const code = await newPlan();
    const first = await subscribe([['2026-04-01', code, 1]]);
    const second = await subscribe([['2026-05-20', code, 1]]);
    const elsewhere = await subscribe([['2026-04-01', code, 2]]);
    const cancelled = await subscribe([['2026-04-01', code, 1]], { status: 'cancelled' });
    const row = await move(code, 1, 2, '2026-06-01');
    expect(row).toMatchObject({
      from_version: 1,
      to_version: 2,
      effective_on: '2026-06-01',
      subscribers: 2,
      requested_by: 'alice',
      reason: 'new prices',
    });
    expect(await historyOf(first)).toEqual(['2026-04-01 v1', '2026-06-01 v2']);
    expect(await historyOf(second)).toEqual(['2026-05-20 v1', '2026-06-01 v2']);
    expect(await historyOf(elsewhere)).toEqual(['2026-04-01 v2']);
    expect(await historyOf(cancelled)).toEqual(['2026-04-01 v1']);
    expect(
      await em().execute(
        `select deployment_id, actor, reason, details from cloud_deployment_events where type = 'plan_changed' and tenant_id = ?`,
        [first.tenantId],
      ),
    ).toEqual([
      {
        deployment_id: first.deployment,
        actor: 'alice',
        reason: 'new prices',
        details: { plan_code: code, version: 2, from_version: 1, starts_on: '2026-06-01' },
      },
    ]);
  });

  it('moves whoever begins later from their first day on', async () => {
    const code = await newPlan();
    const later = await subscribe([['2026-07-15', code, 1]]);
    expect(await move(code, 1, 2, '2026-06-01')).toMatchObject({ subscribers: 1 });
    expect(await historyOf(later)).toEqual(['2026-07-15 v2']);
  });

  it('lets a change of plan on that day or later win', async () => {
    const code = await newPlan();
    const other = await newPlan();
    const sameDay = await subscribe([
      ['2026-04-01', code, 1],
      ['2026-06-01', other, 3],
    ]);
    const later = await subscribe([
      ['2026-04-01', code, 1],
      ['2026-06-10', other, 3],
    ]);
    expect(await move(code, 1, 2, '2026-06-01')).toMatchObject({ subscribers: 1 });
    expect(await historyOf(sameDay)).toEqual(['2026-04-01 v1', '2026-06-01 v3']);
    expect(await historyOf(later)).toEqual(['2026-04-01 v1', '2026-06-01 v2', '2026-06-10 v3']);
  });

  it('changes nothing when it is asked for again, and then moves those who came in between', async () => {
    const code = await newPlan();
    const early = await subscribe([['2026-04-01', code, 1]]);
    const first = await move(code, 1, 2, '2026-06-01');
    const again = await move(code, 1, 2, '2026-06-01');
    expect(again).toEqual(first);
    await subscribe([['2026-05-20', code, 1]]);
    expect(await move(code, 1, 2, '2026-06-01')).toEqual({ ...first, subscribers: 2 });
    expect(await historyOf(early)).toEqual(['2026-04-01 v1', '2026-06-01 v2']);
    expect(await listPlanMigrations(em(), code)).toMatchObject([{ id: first.id, subscribers: 2 }]);
  });

  it('is taken back by the move back on the same day, without a trace in the days', async () => {
    const code = await newPlan();
    const world = await subscribe([['2026-04-01', code, 1]]);
    await move(code, 1, 2, '2026-06-01');
    await move(code, 2, 1, '2026-06-01');
    expect(await historyOf(world)).toEqual(['2026-04-01 v1']);
  });

  it('leaves no change to the version that is in force already', async () => {
    const code = await newPlan();
    const world = await subscribe([
      ['2026-04-01', code, 1],
      ['2026-06-10', code, 2],
    ]);
    await move(code, 1, 2, '2026-06-01');
    expect(await historyOf(world)).toEqual(['2026-04-01 v1', '2026-06-01 v2']);
  });

  it('begins today where no day is given', async () => {
    const code = await newPlan();
    const world = await subscribe([['2026-04-01', code, 1]]);
    expect(await move(code, 1, 2)).toMatchObject({ effective_on: today });
    expect(await historyOf(world)).toEqual(['2026-04-01 v1', '2026-05-20 v2']);
  });

  it('is refused where it can not be meant, and then moves nobody', async () => {
    const code = await newPlan();
    const world = await subscribe([['2026-04-01', code, 1]]);
    await addPlanVersion(em(), code, { basePriceCents: 1, currency: 'AUD', items: [] }, request);
    await addPlanVersion(em(), code, { basePriceCents: 1, currency: 'USD', items: [] }, request);
    await publishPlanVersion(em(), { planCode: code, version: 5 }, request);
    for (const [attempt, expected, field] of [
      [() => move(code, 1, 2, '2026-05-19'), 'effective_on_past', 'effective_on'],
      [() => move(code, 1, 1), 'same_version', 'to_version'],
      [() => move(code, 9, 1), 'unknown_version', 'from_version'],
      [() => move(code, 1, 9), 'unknown_version', 'to_version'],
      [() => move(code, 1, 4), 'version_not_published', 'to_version'],
      [() => move(code, 1, 5), 'currency_mismatch', 'to_version'],
    ] as const) {
      await expect(attempt()).rejects.toMatchObject({ code: expected, field });
    }
    expect(await historyOf(world)).toEqual(['2026-04-01 v1']);
    expect(await listPlanMigrations(em(), code)).toEqual([]);
  });

  it('waits for a change of plan that is being made, and lets it win', async () => {
    const code = await newPlan();
    const other = await newPlan();
    const world = await subscribe([['2026-04-01', code, 1]]);
    let moving: Promise<unknown> | undefined;
    await em().transactional(async (transaction) => {
      await changePlan(transaction, world.deployment, { planCode: other }, request);
      moving = move(code, 1, 2, '2026-06-01');
      for (let waiting = 0; waiting === 0; ) {
        const [found] = await transaction.execute<{ waiting: number }[]>(
          'select count(*)::int as waiting from pg_locks where not granted and pid <> pg_backend_pid()',
        );
        waiting = found?.waiting ?? 0;
      }
    });
    expect(await moving).toMatchObject({ subscribers: 0 });
    expect(await historyOf(world)).toEqual(['2026-04-01 v1', '2026-05-20 v3']);
  });

  it('for any history, leaves every day before as it was, and after it changes the old version to the new one until the next change', async () => {
    const code = await newPlan();
    const other = await newPlan();
    const days = ['2026-05-01', '2026-05-20', '2026-06-01', '2026-06-02', '2026-06-15', '2026-07-01'];
    const inForce = (history: readonly string[], day: string) =>
      history.findLast((row) => row.slice(0, 10) <= day)?.slice(11) ?? null;
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.constantFrom(...days), { minLength: 1 }),
        fc.array(fc.integer({ min: 1, max: 3 }), { minLength: days.length, maxLength: days.length }),
        fc.constantFrom('2026-05-20', '2026-06-01', '2026-06-02'),
        async (starts, picked, effectiveOn) => {
          const sorted = starts.toSorted();
          // Version 3 stands for another plan's.
          const world = await subscribe(
            sorted.map((day, index) => {
              const version = picked[index] ?? 1;
              return [day, version === 3 ? other : code, version] as const;
            }),
          );
          const before = await historyOf(world);
          await move(code, 1, 2, effectiveOn);
          const after = await historyOf(world);
          const first = sorted[0] ?? '';
          const [, from = ''] = [first, effectiveOn].toSorted();
          const nextChange = before.find((row) => row.slice(0, 10) > from)?.slice(0, 10) ?? '9999';
          for (const day of days) {
            const old = inForce(before, day);
            const isMoved = inForce(before, from) === 'v1' && day >= from && day < nextChange;
            expect([day, inForce(after, day)]).toEqual([day, isMoved ? 'v2' : old]);
          }
          // Everybody leaves the plan, so that the next history is alone.
          await em().execute(`update subscriptions set status = 'cancelled' where id = ?`, [
            world.subscription,
          ]);
        },
      ),
      { numRuns: 40 },
    );
  });
});

describe('who is on which version', () => {
  it('is shown with where they go next, the newest version first, then by tenant, page by page, and counted', async () => {
    const code = await newPlan();
    const moved = await subscribe(
      [
        ['2026-04-01', code, 1],
        ['2026-05-01', code, 2],
      ],
      { tenantId: 'a' },
    );
    const leaving = await subscribe(
      [
        ['2026-04-01', code, 1],
        ['2026-06-01', code, 2],
      ],
      { tenantId: 'b' },
    );
    const coming = await subscribe([['2026-07-01', code, 1]], { tenantId: 'c' });
    await subscribe([['2026-04-01', code, 1]], { tenantId: 'd', status: 'cancelled' });
    const list = (version?: number, after?: { version: number; tenant: string; subscription: string }) =>
      listPlanSubscribers(em(), { planCode: code, version, today }, { limit: 1, after });
    const page = await list();
    expect(page).toMatchObject([
      {
        subscription_id: moved.subscription,
        tenant_id: 'a',
        version: 2,
        starts_on: '2026-05-01',
        next: null,
      },
      {
        subscription_id: leaving.subscription,
        version: 1,
        next: { plan_code: code, version: 2, starts_on: '2026-06-01' },
      },
    ]);
    const rest = await list(undefined, { version: 1, tenant: 'b', subscription: leaving.subscription });
    expect(rest).toMatchObject([
      { subscription_id: coming.subscription, version: 1, starts_on: '2026-07-01' },
    ]);
    expect((await list(2)).map((row) => row.tenant_id)).toEqual(['a']);
    const plan = await findPlan(em(), code, today);
    expect(plan?.versions.map(({ version, subscribers }) => [version.version, subscribers])).toEqual([
      [3, 0],
      [2, 1],
      [1, 2],
    ]);
  });
});

describe('the preview of a move', () => {
  const used = (deployment: string, hours: number, kind = 'droplet_hours') =>
    em().execute(
      `insert into manual_usage (tenant_id, deployment_id, resource_kind, day, quantity, reason, actor, created_at)
       select tenant_id, id, ?, '2026-04-10', ?, 'test', 'test', now() from cloud_deployments where id = ?`,
      [kind, hours * 3600, deployment],
    );
  const preview = (
    planCode: string,
    toVersion: number,
    page: { after?: string; limit: number } = { limit: 50 },
  ) => previewPlanMigration(em(), { planCode, fromVersion: 1, toVersion }, now, page);

  it("says what a month costs each tenant now and then, by the quote, with last month's usage and the attached addons", async () => {
    const code = await newPlan();
    const heavy = await subscribe([['2026-04-01', code, 1]], { tenantId: 'heavy' });
    await used(heavy.deployment, 2160);
    await used((await subscribe([['2026-05-01', code, 1]], { tenantId: 'heavy' })).deployment, 10);
    const light = await subscribe([['2026-04-01', code, 1]], { tenantId: 'light' });
    await em().execute(
      `insert into addons (code, resource_kind, qty, price_cents, currency, created_at)
       values ('hours_100', 'droplet_hours', 100, 75, 'AUD', now())`,
    );
    for (const [startsOn, endsOn] of [
      ['2026-04-01', null],
      ['2026-04-01', '2026-05-19'],
      ['2026-05-21', null],
    ]) {
      await em().execute(
        `insert into subscription_addons (subscription_id, tenant_id, addon_id, code, resource_kind, qty, price_cents, currency, starts_on, ends_on)
         select ?, 'light', id, code, resource_kind, qty, price_cents, currency, ?, ? from addons where code = 'hours_100'`,
        [light.subscription, startsOn, endsOn],
      );
    }
    const before = await em().execute('select * from subscription_versions order by id');
    const found = await preview(code, 2);
    expect(found.usageMonth).toBe('2026-04-01');
    expect(found.tenants).toEqual([
      {
        tenantId: 'heavy',
        subscriptions: 2,
        // 50.00 + (2160 − 1488) × 1c, and 50.00.
        currentCents: 5000 + 672 + 5000,
        // 60.00 + (2160 − 2000) × 1c, and 60.00.
        newCents: 6000 + 160 + 6000,
        differenceCents: 1488,
        problem: null,
      },
      {
        tenantId: 'light',
        subscriptions: 1,
        currentCents: 5075,
        newCents: 6075,
        differenceCents: 1000,
        problem: null,
      },
    ]);
    expect(found.totals).toEqual({
      tenants: 2,
      subscriptions: 3,
      unpriced: 0,
      currentCents: 15_747,
      newCents: 18_235,
      differenceCents: 2488,
    });
    expect(await em().execute('select * from subscription_versions order by id')).toEqual(before);
  });

  it('names the tenants whose usage would have no price, and still shows the others', async () => {
    const code = await newPlan();
    await used((await subscribe([['2026-04-01', code, 1]], { tenantId: 'user' })).deployment, 1);
    await subscribe([['2026-04-01', code, 1]], { tenantId: 'zero' });
    const found = await preview(code, 3);
    expect(found.tenants).toMatchObject([
      {
        tenantId: 'user',
        currentCents: 5000,
        newCents: null,
        differenceCents: null,
        problem: { code: 'unpriced_usage' },
      },
      { tenantId: 'zero', currentCents: 5000, newCents: 6000, differenceCents: 1000, problem: null },
    ]);
    expect(found.totals).toMatchObject({ tenants: 2, unpriced: 1, differenceCents: 1000 });
  });

  it('comes in pages of tenants, with the sums of all on the first', async () => {
    const code = await newPlan();
    for (const tenantId of ['p1', 'p2', 'p3', 'p4', 'p5'])
      await subscribe([['2026-04-01', code, 1]], { tenantId });
    const first = await preview(code, 2, { limit: 2 });
    expect(first.tenants.map((tenant) => tenant.tenantId)).toEqual(['p1', 'p2', 'p3']);
    expect(first.totals).toMatchObject({ tenants: 5, differenceCents: 5000 });
    const next = await preview(code, 2, { limit: 2, after: 'p2' });
    expect(next.tenants.map((tenant) => tenant.tenantId)).toEqual(['p3', 'p4', 'p5']);
    expect(next.totals).toBeNull();
    expect((await preview(code, 2, { limit: 2, after: 'p4' })).tenants).toHaveLength(1);
  });
});

describe('two thousand subscribers, three a tenant', () => {
  it('are previewed by whole tenants, listed page by page, and moved once each', async () => {
    const code = await newPlan();
    await em().execute(
      `with deployment as (
         insert into cloud_deployments (tenant_id, slug, display_name, created_at, updated_at)
         select 'many-' || place / 3, place, 'test', now(), now() from generate_series(0, 2099) place
         returning id, tenant_id
       ), subscription as (
         insert into subscriptions (deployment_id, tenant_id, status, starts_on, current_period_start, current_period_end, created_at)
         select id, tenant_id, 'active', '2026-04-01', '2026-05-01', '2026-06-01', now() from deployment
         returning id, tenant_id
       )
       insert into subscription_versions (subscription_id, tenant_id, plan_version_id, starts_on, created_at)
       select id, tenant_id, ?::uuid, '2026-04-01', now() from subscription`,
      [idOf(code, 1)],
    );
    const wanted = { planCode: code, fromVersion: 1, toVersion: 2 };
    const { tenants, totals } = await previewPlanMigration(em(), wanted, now, { limit: 1000 });
    expect(totals).toMatchObject({ tenants: 700, subscriptions: 2100, differenceCents: 2_100_000 });
    expect(tenants.map((tenant) => tenant.subscriptions)).toEqual(Array.from({ length: 700 }, () => 3));

    const listed = new Set<string>();
    for (let after: { version: number; tenant: string; subscription: string } | undefined; ; ) {
      const page = await listPlanSubscribers(em(), { planCode: code, today }, { limit: 200, after });
      for (const row of page.slice(0, 200)) listed.add(row.subscription_id);
      const last = page[199];
      if (page.length <= 200 || last === undefined) break;
      after = { version: last.version, tenant: last.tenant_id, subscription: last.subscription_id };
    }
    expect(listed.size).toBe(2100);

    expect(await move(code, 1, 2, '2026-06-01')).toMatchObject({ subscribers: 2100 });
    expect(await move(code, 1, 2, '2026-06-01')).toMatchObject({ subscribers: 2100 });
    const events = await em().execute(
      `select count(*)::int as rows, count(distinct deployment_id)::int as deployments from cloud_deployment_events
       where tenant_id like 'many-%'`,
    );
    expect(events).toEqual([{ rows: 2100, deployments: 2100 }]);
  });
});
