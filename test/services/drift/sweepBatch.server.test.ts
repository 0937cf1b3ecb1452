import { readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Decimal } from '../../../src/domain/money.ts';
import { acceptDrift } from '../../../src/services/drift/acceptDrift.ts';
import { readSizes, recordSizes } from '../../../src/services/drift/recordSizes.ts';
import { readKindPage } from '../../../src/services/drift/sweepReads.ts';
import { countStatements } from '../countStatements.ts';
import { ingest, openWorld, resource, type World } from '../world.ts';
import { byAdmin, listedAt, now, type Sweeps, size, sweepsIn } from './sweepWorld.ts';

const golden: {
  readonly drift: {
    readonly spec: { readonly size_slug: string; readonly region: string };
    readonly live: { readonly size_slug: string; readonly region: string };
    readonly open: readonly string[];
    readonly after_accept: readonly string[];
  };
} = JSON.parse(readFileSync(new URL('../../../dev/golden/cases.json', import.meta.url), 'utf8'));

const nothing = { opened: 0, changed: 0, stale: 0, ignored: 0, unknown: null };
const minutesLater = (minutes: number) => new Date(now.getTime() + minutes * 60_000);

describe('a sweep of drift', () => {
  let world: World;
  let sweeps: Sweeps;
  beforeAll(async () => {
    world = await openWorld();
    sweeps = sweepsIn(world);
  });
  afterAll(async () => {
    await world?.close();
  });

  /** One droplet that is as it was asked for, until a test says otherwise. */
  const web = resource({ externalId: '101', name: 'web', tags: ['web'], attributes: { vpc_uuid: 'v-1' } });
  const spec = { name: 'web', region: 'syd1', size_slug: 's-1vcpu-1gb', tags: ['web'], vpc_uuid: 'v-1' };
  async function managed(provider: string, live = web): Promise<void> {
    await sweeps.list(provider, [web]);
    await sweeps.want(provider, '101', spec);
    await sweeps.list(provider, [live]);
  }
  const everything = async (provider: string) => [
    await sweeps.drift(provider),
    await sweeps.events(provider),
    await sweeps.kind(provider),
  ];

  it('golden: a wrong size and a right region are one drift, which accepting closes for good', async () => {
    const { spec: wanted, live, open, after_accept: afterAccept } = golden.drift;
    await sweeps.list('golden', [
      resource({ externalId: '1', name: 'pilot', sizeSlug: live.size_slug, region: live.region }),
    ]);
    await sweeps.want('golden', '1', wanted);
    await sweeps.sweep('golden');
    const [drift, ...others] = await sweeps.drift('golden');
    expect(others).toEqual([]);
    expect([drift?.field]).toEqual(open);
    expect(drift).toMatchObject({ state: 'open', desired: wanted.size_slug, actual: live.size_slug });

    expect(await acceptDrift(world.em(), drift?.id ?? '', byAdmin)).toBe(true);
    expect(await sweeps.sweep('golden')).toMatchObject(nothing);
    expect(await sweeps.open('golden')).toEqual(afterAccept);
    expect((await sweeps.drift('golden')).map(({ state }) => state)).toEqual(['accepted']);
  });

  it('opens a row for each field that differs, with an event that moves no cost line', async () => {
    await managed('fields', { ...web, sizeSlug: 's-2vcpu-4gb', tags: ['db'] });
    expect(await sweeps.sweep('fields')).toEqual({ ...nothing, opened: 2, resources: 1, after: null });
    expect(await sweeps.drift('fields')).toMatchObject([
      { field: 'size_slug', desired: 's-1vcpu-1gb', actual: 's-2vcpu-4gb', spec_version: 1, currency: 'USD' },
      { field: 'tags', desired: ['web'], actual: ['db'], type: 'field', state: 'open', unbilled: false },
    ]);
    expect(await sweeps.events('fields')).toEqual([
      {
        resource: '101',
        changes: { size_slug: { from: 's-1vcpu-1gb', to: 's-2vcpu-4gb' } },
        is_attributed: true,
      },
      { resource: '101', changes: { tags: { from: ['web'], to: ['db'] } }, is_attributed: true },
    ]);
    expect(await sweeps.kind('fields')).toMatchObject({
      state: 'swept',
      resources: 1,
      open: 2,
      of_listing: true,
    });
  });

  it('reads out of the database only what is not exactly as asked for, where columns come before attributes', async () => {
    const live = {
      ...web,
      priceMonthly: new Decimal('6.00'),
      attributes: { name: 'not the name', vcpus: 1, rules: [{ port: 80, to: ['a', 'b'] }], nothing: null },
    };
    const exact = {
      name: 'web',
      price_monthly: '6',
      vcpus: 1.0,
      rules: [{ to: ['a', 'b'], port: 80 }],
      nothing: null,
      tags: ['web'],
    };
    const all = { provider: 'exact', kind: 'droplet', after: '', limit: 10 } as const;
    const read = async () => (await readKindPage(world.em(), all)).differing.length;
    await sweeps.list('exact', [live]);
    await sweeps.want('exact', '101', exact);
    expect(await read()).toBe(0);
    for (const loose of [
      { name: 'not the name' },
      { vcpus: '1' },
      { rules: [{ port: 80 }] },
      { absent: null },
      { tags: ['web', 'web'] },
    ]) {
      await sweeps.want('exact', '101', { ...exact, ...loose });
      expect(await read()).toBe(1);
    }
    await sweeps.want('exact', '101', { ...exact, vcpus: '1', rules: [{ port: 80 }], absent: null });
    expect(await sweeps.sweep('exact')).toMatchObject(nothing);
  });

  it('changes nothing when it sweeps the same inventory again', async () => {
    await managed('again', { ...web, sizeSlug: 's-2vcpu-4gb' });
    await sweeps.list('again', [
      { ...web, sizeSlug: 's-2vcpu-4gb' },
      resource({ externalId: '7', name: 'other' }),
    ]);
    expect(await sweeps.sweep('again')).toMatchObject({ opened: 2 });
    const before = await everything('again');
    expect(await sweeps.sweep('again', { now: minutesLater(60) })).toMatchObject(nothing);
    expect(await everything('again')).toEqual(before);
  });

  it('keeps an open row and says since when and until when it was seen, with what is there now', async () => {
    await managed('moves', { ...web, sizeSlug: 's-2vcpu-4gb' });
    await sweeps.sweep('moves');
    await sweeps.list('moves', [{ ...web, sizeSlug: 's-8vcpu-16gb' }], { at: minutesLater(55) });
    expect(await sweeps.sweep('moves', { now: minutesLater(60) })).toMatchObject({ ...nothing, changed: 1 });
    expect(await sweeps.drift('moves')).toMatchObject([
      {
        state: 'open',
        actual: 's-8vcpu-16gb',
        detected_at: '2026-05-10 10:20:00+00',
        last_seen_at: '2026-05-10 11:20:00+00',
      },
    ]);
    expect(await sweeps.events('moves')).toHaveLength(1);
  });

  it('closes as stale what no longer differs, and opens another row when it comes back', async () => {
    const resized = { ...web, sizeSlug: 's-2vcpu-4gb' };
    await managed('stale', resized);
    await sweeps.sweep('stale');
    await sweeps.list('stale', [web], { at: minutesLater(1) });
    expect(await sweeps.sweep('stale', { now: minutesLater(2) })).toMatchObject({ ...nothing, stale: 1 });
    expect(await sweeps.drift('stale')).toMatchObject([
      {
        state: 'stale',
        resolved_by: 'sweep-drift',
        workflow_id: 'sweep-drift',
        reason: 'it differs no longer',
      },
    ]);
    await sweeps.list('stale', [resized], { at: minutesLater(3) });
    expect(await sweeps.sweep('stale', { now: minutesLater(4) })).toMatchObject({ ...nothing, opened: 1 });
    expect((await sweeps.drift('stale')).map(({ state }) => state)).toEqual(['stale', 'open']);
    expect(await sweeps.events('stale')).toHaveLength(2);
  });

  it('finds what is missing and what nobody asked for, each once, and neither of what nobody expects to be recorded', async () => {
    await managed('both', { ...web, sizeSlug: 's-2vcpu-4gb' });
    const node = resource({
      externalId: '103',
      name: 'pool-1',
      tags: ['k8s', 'k8s:0a1b2c3d-0000-4000-8000-000000000001'],
    });
    await sweeps.list('both', [
      { ...web, sizeSlug: 's-2vcpu-4gb' },
      resource({ externalId: '102', name: 'forgotten' }),
      node,
    ]);
    await sweeps.sweep('both');
    expect(await sweeps.open('both')).toEqual(['101 size_slug', '102 unmanaged']);

    await sweeps.list('both', [node], { at: minutesLater(1) });
    expect(await sweeps.sweep('both', { now: minutesLater(2) })).toMatchObject({ opened: 1, stale: 2 });
    expect(await sweeps.open('both')).toEqual(['101 missing']);
    const states = (await sweeps.drift('both')).map(({ resource: id, type, reason }) => [id, type, reason]);
    expect(states).toEqual([
      ['101', 'field', 'the resource is gone'],
      ['102', 'unmanaged', 'it differs no longer'],
      ['101', 'missing', null],
    ]);
  });

  it('turns from one kind of whole-resource drift to the other in one sweep', async () => {
    await sweeps.list('turns', [web]);
    await sweeps.sweep('turns');
    await sweeps.want('turns', '101', spec);
    await sweeps.list('turns', [], { at: minutesLater(1) });
    expect(await sweeps.sweep('turns', { now: minutesLater(2) })).toMatchObject({ opened: 1, stale: 1 });
    expect(await sweeps.open('turns')).toEqual(['101 missing']);
  });

  it('prices a difference by the list, and keeps the size table', async () => {
    const seenAt = listedAt;
    await recordSizes(world.em(), {
      provider: 'priced',
      sizes: [size('s-1vcpu-1gb', 6), size('s-2vcpu-4gb', 24), size('old', 5)],
      seenAt,
    });
    await recordSizes(world.em(), {
      provider: 'priced',
      sizes: [size('s-1vcpu-1gb', 6), size('s-2vcpu-4gb', 24)],
      seenAt,
    });
    const table = await readSizes(world.em(), 'priced');
    expect([...table.values()].map(({ slug, isAvailable }) => [slug, isAvailable]).toSorted()).toEqual([
      ['old', false],
      ['s-1vcpu-1gb', true],
      ['s-2vcpu-4gb', true],
    ]);

    await managed('priced', { ...web, sizeSlug: 's-2vcpu-4gb' });
    await sweeps.list('priced', [
      { ...web, sizeSlug: 's-2vcpu-4gb' },
      resource({ externalId: '102', name: 'forgotten' }),
    ]);
    await sweeps.sweep('priced');
    expect(await sweeps.drift('priced')).toMatchObject([
      { field: 'size_slug', price: '18', price_source: 'list_price', billed: null, unbilled: false },
      { type: 'unmanaged', price: '6', price_source: 'list_price', billed: null, unbilled: true },
    ]);
  });

  it('prices by its own lines of the last ingested month what no list prices, and knows whose money nobody bills', async () => {
    const charge = { kind: 'droplet' as const, from: '2026-04-01T00:00:00Z', to: '2026-05-01T00:00:00Z' };
    const billed = [
      resource({ externalId: '101', name: 'web', sizeSlug: 'unlisted' }),
      resource({ externalId: '102', name: 'forgotten', sizeSlug: 'unlisted' }),
      resource({ externalId: '103', name: 'deployed', sizeSlug: 'unlisted' }),
      resource({ externalId: '104', name: 'left-off', sizeSlug: 'unlisted' }),
    ];
    const april = new Date('2026-04-10T00:00:00Z');
    await sweeps.list('billed', billed, { at: april });
    for (const id of ['101', '104']) await sweeps.want('billed', id, { size_slug: 'unlisted', name: 'web' });
    await world
      .em()
      .execute(
        `update cloud_resources set deployment_id = gen_random_uuid() where provider = 'billed' and external_id = '103'`,
      );
    // The first month is not the last one.
    await ingest(world, {
      provider: 'billed',
      invoiceUuid: 'march',
      period: '2026-03-01',
      charges: [{ ...charge, name: 'forgotten', id: '102', amount: '99.00' }],
    });
    await ingest(world, {
      provider: 'billed',
      invoiceUuid: 'april',
      period: '2026-04-01',
      charges: [
        { ...charge, name: 'web', id: '101', amount: '6.00', to: '2026-04-09T00:00:00Z' },
        { ...charge, name: 'forgotten', id: '102', amount: '7.25' },
        { ...charge, name: 'forgotten', id: '102', amount: '-0.25' },
        { ...charge, name: 'deployed', id: '103', amount: '8.00' },
        { ...charge, name: 'left-off', id: '104', amount: '9.00' },
      ],
    });
    // 101 and 104 are gone since the tenth: only one of them is charged for the time after.
    await sweeps.list('billed', billed.slice(1, 3), { at: april });
    await sweeps.list('billed', billed.slice(1, 3), { at: new Date(april.getTime() + 1000) });
    await sweeps.list('billed', billed.slice(1, 3));
    await sweeps.sweep('billed');
    expect(await sweeps.drift('billed')).toMatchObject([
      { resource: '101', type: 'missing', price: '-6', billed: '6', unbilled: false },
      { resource: '102', type: 'unmanaged', price: '7', price_source: 'cost_lines', unbilled: true },
      { resource: '103', type: 'unmanaged', price: '8', billed_period: '2026-04-01', unbilled: false },
      { resource: '104', type: 'missing', price: '-9', billed: '9', unbilled: true },
    ]);
  });

  describe('under ignore rules', () => {
    const rule = async (provider: string, facts: Record<string, string | null> = {}): Promise<string> => {
      const {
        kind = 'droplet',
        field = null,
        resource: id = null,
        expires = '2026-12-01',
        ended = null,
      } = facts;
      const [row] = await world.em().execute<{ id: string }[]>(
        `insert into drift_ignore_rules (provider, kind, resource_id, field, owner, reason, expires_at, created_at, created_by, ended_at)
         values (?, ?, ?, ?, 'ops', 'known', ?, ?, 'admin-1', ?) returning id`,
        [provider, kind, id, field, expires, now, ended],
      );
      return row?.id ?? '';
    };
    const drifted = { ...web, sizeSlug: 's-2vcpu-4gb', tags: ['db'] };

    it.each([
      ['everything of a kind', {}, []],
      ['one field of a kind', { field: 'tags' }, ['101 size_slug', '102 unmanaged']],
      ['unmanaged ones of a kind', { field: 'unmanaged' }, ['101 size_slug', '101 tags']],
    ])('opens no row for %s', async (name, facts, open) => {
      await managed(name, drifted);
      await sweeps.list(name, [drifted, resource({ externalId: '102', name: 'forgotten' })]);
      await rule(name, facts);
      await sweeps.sweep(name);
      expect(await sweeps.open(name)).toEqual(open);
    });

    it('opens no row for the resource that a rule names, whatever its kind, and for no other field than the rule\u2019s', async () => {
      await managed('named', drifted);
      const id = await sweeps.idOf('named', '101');
      await rule('named', { kind: null, resource: id, field: 'size_slug' });
      await sweeps.sweep('named');
      expect(await sweeps.open('named')).toEqual(['101 tags']);
    });

    it.each<[string, Record<string, string>]>([
      ['of another provider', { provider: 'elsewhere' }],
      ['of another kind', { kind: 'volume' }],
      ['that has expired', { expires: '2026-05-10T10:20:00Z' }],
      ['that was ended', { ended: '2026-05-01' }],
    ])('goes by no rule %s', async (name, { provider = name, ...facts }) => {
      await managed(name, drifted);
      await rule(provider, facts);
      await sweeps.sweep(name);
      expect(await sweeps.open(name)).toEqual(['101 size_slug', '101 tags']);
    });

    it('closes as ignored what a rule covers by now, and opens it again once the rule is over', async () => {
      await managed('covered', drifted);
      await sweeps.sweep('covered');
      const id = await rule('covered', { field: 'tags', expires: '2026-05-10T11:00:00Z' });
      expect(await sweeps.sweep('covered')).toMatchObject({ ...nothing, ignored: 1 });
      expect((await sweeps.drift('covered')).find(({ field }) => field === 'tags')).toMatchObject({
        state: 'ignored',
        resolved_by: 'admin-1',
        reason: 'known',
        ignore_rule_id: id,
      });
      expect(await sweeps.sweep('covered')).toMatchObject(nothing);
      expect(await sweeps.sweep('covered', { now: minutesLater(60) })).toMatchObject({
        ...nothing,
        opened: 1,
      });
      expect(await sweeps.open('covered')).toEqual(['101 size_slug', '101 tags']);
    });
  });

  it('leaves a resource alone while a revert is at work on it: nothing opens, changes or closes', async () => {
    await managed('held', { ...web, sizeSlug: 's-2vcpu-4gb' });
    await sweeps.sweep('held');
    const [drift] = await sweeps.drift('held');
    const before = await everything('held');
    await world.em().execute(
      `insert into cloud_drift_reverts (drift_id, resource_id, workflow_id, run_id, state, currency, planned_by, reason, created_at)
       select id, resource_id, 'w', 'r', 'running', 'USD', 'admin-1', 'back', now() from cloud_drift where id = ?`,
      [drift?.id ?? ''],
    );
    for (const live of [web, { ...web, sizeSlug: 's-8vcpu-16gb', tags: ['moved'] }]) {
      await sweeps.list('held', [live]);
      expect(await sweeps.sweep('held')).toMatchObject(nothing);
      expect(await everything('held')).toEqual(before);
    }
    await world
      .em()
      .execute(`update cloud_drift_reverts set state = 'failed' where drift_id = ?`, [drift?.id ?? '']);
    expect(await sweeps.sweep('held')).toMatchObject({ opened: 1, changed: 1 });
  });

  describe('of a kind whose inventory is not to be gone by', () => {
    const unmanaged = resource({ externalId: '102', name: 'forgotten' });
    const expectUntouched = async (provider: string, code: string, message: string) => {
      const before = await sweeps.drift(provider);
      expect(await sweeps.sweep(provider)).toEqual({
        ...nothing,
        resources: 0,
        after: null,
        unknown: { code, message: expect.stringContaining(message) },
      });
      expect(await sweeps.drift(provider)).toEqual(before);
      expect(await sweeps.kind(provider)).toMatchObject({ state: 'unknown', code });
    };
    /** One open drift that has gone since, and one that is new. */
    async function changed(provider: string, at = listedAt): Promise<void> {
      await managed(provider, { ...web, sizeSlug: 's-2vcpu-4gb' });
      await sweeps.sweep(provider);
      await sweeps.list(provider, [web, unmanaged], { at });
      expect(await sweeps.open(provider)).toEqual(['101 size_slug']);
    }

    it('says that it was never listed', async () => {
      await expectUntouched('unlisted', 'never_listed', 'droplet was never listed');
      expect(await sweeps.kind('unlisted')).toMatchObject({ was_swept: false, resources: 0, open: 0 });
    });

    it('neither opens nor closes anything after a listing that failed or came partial, and gives its reason', async () => {
      await changed('partial');
      await world.em().execute(
        `update cloud_inventory_listings set state = 'unknown', error_code = 'partial_listing', error_message = '7 of 9 droplets came'
         where provider = 'partial'`,
      );
      await expectUntouched('partial', 'partial_listing', '7 of 9');
      expect(await sweeps.kind('partial')).toMatchObject({ was_swept: true, resources: 1, open: 1 });
      await sweeps.list('partial', [web, unmanaged], { at: minutesLater(1) });
      expect(await sweeps.sweep('partial', { now: minutesLater(2) })).toMatchObject({ opened: 1, stale: 1 });
      expect(await sweeps.kind('partial')).toMatchObject({
        state: 'swept',
        code: null,
        message: null,
        resources: 2,
      });
    });

    it('takes a listing of 90 minutes ago, and none that is older', async () => {
      await changed('old');
      const listed = async (at: string) =>
        world
          .em()
          .execute(
            `update cloud_inventory_listings set complete_at = ?::timestamptz where provider = 'old'`,
            [at],
          );
      await listed('2026-05-10T08:49:59Z');
      await expectUntouched('old', 'inventory_stale', 'began at 2026-05-10T08:49:59.000Z');
      await listed('2026-05-10T08:50:00Z');
      expect(await sweeps.sweep('old')).toMatchObject({ unknown: null, opened: 1, stale: 1 });
    });
  });

  it('goes through a kind by batches, live and gone resources alike, and finishes it with the last', async () => {
    const many = Array.from({ length: 25 }, (_, index) =>
      resource({ externalId: String(1000 + index), name: `n-${index}` }),
    );
    await sweeps.list('many', many, { at: new Date('2026-05-10T09:15:00Z') });
    for (const { externalId, name } of many) await sweeps.want('many', externalId, { name });
    await sweeps.list('many', many.slice(0, 13));
    const seen: number[] = [];
    let after: string | null = null;
    do {
      const batch = await sweeps.sweep('many', { after, limit: 10 });
      seen.push(batch.resources + batch.opened);
      after = batch.after;
      expect((await sweeps.kind('many'))?.['state']).toBe(after === null ? 'swept' : undefined);
    } while (after !== null);
    expect(seen).toEqual([10, 10, 5]);
    expect(await sweeps.open('many')).toEqual(
      many.slice(13).map(({ externalId }) => `${externalId} missing`),
    );
    expect(await sweeps.kind('many')).toMatchObject({ resources: 13, open: 12 });
  });

  it('takes the same number of statements for a batch whether nothing differs or everything does', async () => {
    const wide = Array.from({ length: 300 }, (_, index) =>
      resource({ externalId: String(1000 + index), name: `n-${index}`, attributes: { vcpus: 1 } }),
    );
    await sweeps.list('counted', wide);
    const specs = JSON.stringify({ size_slug: 's-1vcpu-1gb', vcpus: 1 });
    await world.em().execute(
      `insert into cloud_provisioned (resource_id, provider, kind, spec, spec_version, recorded_by, recorded_at)
       select id, provider, kind, ?::jsonb, 1, 'test', now() from cloud_resources where provider = 'counted'`,
      [specs],
    );
    const counts: number[] = [];
    const sweepCounted = async (opened: number, stale: number) => {
      const sweep = async () => expect(await sweeps.sweep('counted')).toMatchObject({ opened, stale });
      counts.push(await countStatements(world, sweep));
    };
    await sweepCounted(0, 0);
    await sweeps.list(
      'counted',
      wide.map((droplet) => ({ ...droplet, sizeSlug: 's-2', attributes: {} })),
    );
    await sweepCounted(600, 0);
    await sweepCounted(0, 0);
    await sweeps.list('counted', wide);
    await sweepCounted(0, 600);
    expect(new Set(counts).size).toBe(1);
    // The last one is for the kind as a whole, after its last batch.
    expect(counts[0]).toBeLessThanOrEqual(13);
  });

  it('gives way where somebody accepts between its reading and its writing, and finds nothing when it is tried again', async () => {
    await managed('raced', { ...web, sizeSlug: 's-2vcpu-4gb' });
    await sweeps.sweep('raced');
    await sweeps.list('raced', [{ ...web, sizeSlug: 's-8vcpu-16gb' }], { at: minutesLater(1) });
    await sweeps.sweep('raced', { now: minutesLater(2) });
    await sweeps.list('raced', [{ ...web, sizeSlug: 's-8vcpu-16gb' }], { at: minutesLater(3) });
    const [drift] = await sweeps.drift('raced');
    let sweeping: Promise<string> = Promise.resolve('not begun');
    await world.em().transactional(async (transaction) => {
      // By then it has read what differs and what is open, and waits for the rules.
      await transaction.execute('lock table drift_ignore_rules in access exclusive mode');
      sweeping = sweeps.sweep('raced', { now: minutesLater(4) }).then(
        () => 'done',
        (error: Error) => error.message,
      );
      await untilSomebodyWaits();
      expect(await acceptDrift(world.em(), drift?.id ?? '', byAdmin)).toBe(true);
    });
    expect(await sweeping).toContain('could not serialize access');
    expect(await sweeps.sweep('raced', { now: minutesLater(4) })).toMatchObject(nothing);
    expect((await sweeps.drift('raced')).map(({ state }) => state)).toEqual(['accepted']);
  });

  async function untilSomebodyWaits(): Promise<void> {
    const waiting = `select from pg_locks where not granted and relation = 'drift_ignore_rules'::regclass`;
    while ((await world.em().execute<object[]>(waiting)).length === 0) await setTimeout(20);
  }
});
