import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Decimal } from '../../src/domain/money.ts';
import type { ProviderResource } from '../../src/providers/provider.ts';
import {
  missingFromListing,
  recordInventory,
  recordUnknownKind,
} from '../../src/services/recordInventory.ts';
import { recordRead } from '../../src/services/recordRead.ts';
import { openWorld, resource, type World } from './world.ts';

describe('recordInventory', () => {
  let world: World;
  beforeAll(async () => {
    world = await openWorld();
  });
  afterAll(async () => {
    await world?.close();
  });

  const record = (provider: string, at: string, resources: readonly ProviderResource[]) =>
    recordInventory(world.em(), { provider, kind: 'droplet', listedAt: new Date(at), resources });

  const events = (provider: string) =>
    world.em().execute(
      `select resource.external_id as id, event.type, event.changes from cloud_resource_events event
       join cloud_resources resource on resource.id = event.resource_id
       where resource.provider = ? order by event.id`,
      [provider],
    );
  const names = (provider: string) =>
    world.em().execute(
      `select named.name, to_json(named.valid_from) #>> '{}' as "from", to_json(named.valid_to) #>> '{}' as "to"
       from cloud_resource_names named join cloud_resources resource on resource.id = named.resource_id
       where resource.provider = ? order by named.id`,
      [provider],
    );
  const live = async (provider: string) => {
    const rows = await world
      .em()
      .execute<{ external_id: string }[]>(
        `select external_id from cloud_resources where provider = ? and gone_at is null order by external_id`,
        [provider],
      );
    return rows.map((row) => row.external_id);
  };

  const web = resource({ externalId: '101', name: 'web' });
  const db = resource({ externalId: '102', name: 'db' });
  const dayOne = '2026-04-01T00:15:00+00:00';
  const dayTwo = '2026-04-02T00:15:00+00:00';
  const dayThree = '2026-04-03T00:15:00+00:00';

  it('adds what it sees for the first time, each with an event and its name since ever', async () => {
    expect(await record('first', dayOne, [web, db])).toEqual({ live: 2, discovered: 2, changed: 0, gone: 0 });
    expect(await events('first')).toMatchObject([
      { id: '101', type: 'discovered' },
      { id: '102', type: 'discovered' },
    ]);
    expect(await names('first')).toEqual([
      { name: 'web', from: null, to: null },
      { name: 'db', from: null, to: null },
    ]);
  });

  it('changes nothing when it takes the same listing twice, or a later one that shows the same', async () => {
    const priced = {
      ...web,
      priceMonthly: new Decimal('6.00'),
      tags: ['b', 'a'],
      attributes: { vcpus: 1, nested: { x: [1] } },
    };
    const reordered = {
      ...priced,
      priceMonthly: new Decimal(6),
      tags: ['a', 'b'],
      attributes: { nested: { x: [1] }, vcpus: 1 },
    };
    await record('same', dayOne, [priced]);
    const before = [await events('same'), await names('same')];
    const unchanged = { live: 1, discovered: 0, changed: 0, gone: 0 };
    expect(await record('same', dayOne, [priced])).toEqual(unchanged);
    expect(await record('same', dayTwo, [reordered])).toEqual(unchanged);
    expect([await events('same'), await names('same')]).toEqual(before);
  });

  it('says what changed, from what to what', async () => {
    await record('changed', dayOne, [web]);
    const changed = await record('changed', dayTwo, [{ ...web, sizeSlug: 's-2vcpu-2gb', status: 'off' }]);
    expect(changed).toMatchObject({ discovered: 0, changed: 1 });
    expect((await events('changed')).at(-1)).toEqual({
      id: '101',
      type: 'changed',
      changes: {
        size_slug: { from: 's-1vcpu-1gb', to: 's-2vcpu-2gb' },
        status: { from: 'active', to: 'off' },
      },
    });
  });

  it('keeps an earlier name, to the moment it was last possible, and the new one from the moment it became possible', async () => {
    await record('renamed', dayOne, [web]);
    await record('renamed', dayTwo, [web]);
    await record('renamed', dayThree, [{ ...web, name: 'front' }]);
    expect((await events('renamed')).at(-1)).toMatchObject({
      type: 'renamed',
      changes: { name: { from: 'web', to: 'front' } },
    });
    expect(await names('renamed')).toEqual([
      { name: 'web', from: null, to: dayThree },
      { name: 'front', from: dayTwo, to: null },
    ]);
  });

  it('keeps a resource that is gone, dated, and takes it back when it returns', async () => {
    await record('gone', dayOne, [web, db]);
    expect(await record('gone', dayTwo, [db])).toEqual({ live: 1, discovered: 0, changed: 0, gone: 1 });
    expect(await live('gone')).toEqual(['102']);
    expect((await events('gone')).at(-1)).toMatchObject({
      id: '101',
      type: 'gone',
      changes: { gone_at: { from: null, to: expect.stringMatching(/^2026-04-02T00:15:00/) } },
    });
    expect(await record('gone', dayTwo, [db])).toMatchObject({ gone: 0 });

    expect(await record('gone', dayThree, [web, db])).toMatchObject({ live: 2, discovered: 0, changed: 1 });
    expect(await live('gone')).toEqual(['101', '102']);
    expect((await events('gone')).at(-1)).toMatchObject({ id: '101', type: 'returned' });
    expect(await names('gone')).toHaveLength(2);
  });

  it('names the live resources that a listing lacks, and not those that are gone already', async () => {
    await record('missing', dayOne, [web, db]);
    const listing = { provider: 'missing', kind: 'droplet' } as const;
    expect(await missingFromListing(world.em(), { ...listing, externalIds: ['102', '103'] })).toEqual([
      '101',
    ]);
    await record('missing', dayTwo, [db]);
    expect(await missingFromListing(world.em(), { ...listing, externalIds: ['102'] })).toEqual([]);
  });

  it('takes nothing as gone where a listing failed; the kind is unknown until it comes whole again', async () => {
    await record('unknown', dayOne, [web, db]);
    await recordUnknownKind(world.em(), {
      provider: 'unknown',
      kind: 'droplet',
      attemptedAt: new Date(dayTwo),
      code: 'partial_listing',
      message: 'half of it came',
    });
    const listing = () =>
      world.em().execute(
        `select state, live, error_code as code, complete_at = ? as complete_on_day_one, attempted_at > complete_at as tried_since
         from cloud_inventory_listings where provider = 'unknown' and kind = 'droplet'`,
        [new Date(dayOne)],
      );
    expect(await live('unknown')).toEqual(['101', '102']);
    expect(await listing()).toEqual([
      { state: 'unknown', live: 2, code: 'partial_listing', complete_on_day_one: true, tried_since: true },
    ]);

    await record('unknown', dayThree, [db]);
    expect(await live('unknown')).toEqual(['102']);
    expect(await listing()).toEqual([
      { state: 'fresh', live: 1, code: null, complete_on_day_one: false, tried_since: false },
    ]);
  });

  it('marks a kind as unknown that was never listed', async () => {
    await recordUnknownKind(world.em(), {
      provider: 'never',
      kind: 'volume',
      attemptedAt: new Date(dayOne),
      code: 'provider_unauthorized',
      message: 'the token lacks the scope',
    });
    const rows = await world
      .em()
      .execute(`select state, complete_at, live from cloud_inventory_listings where provider = 'never'`);
    expect(rows).toEqual([{ state: 'unknown', complete_at: null, live: null }]);
  });

  it('never takes a resource of another kind or provider as gone', async () => {
    await record('mine', dayOne, [web]);
    await record('theirs', dayOne, [web]);
    await recordInventory(world.em(), {
      provider: 'mine',
      kind: 'volume',
      listedAt: new Date(dayTwo),
      resources: [],
    });
    await record('theirs', dayTwo, []);
    expect(await live('mine')).toEqual(['101']);
    expect(await live('theirs')).toEqual([]);
  });

  it('keeps the time of creation that it knows where a listing no longer says it', async () => {
    const createdAt = new Date('2026-01-01T00:00:00Z');
    await record('created', dayOne, [{ ...web, createdAt }]);
    expect(await record('created', dayTwo, [{ ...web, createdAt: null }])).toMatchObject({ changed: 0 });
    const rows = await world
      .em()
      .execute(`select created_at = ? as kept from cloud_resources where provider = 'created'`, [createdAt]);
    expect(rows).toEqual([{ kept: true }]);
  });

  describe('beside reads of one resource', () => {
    const read = (provider: string, at: string, externalId: string, found: ProviderResource | null) =>
      recordRead(world.em(), {
        provider,
        kind: 'droplet',
        externalId,
        resource: found,
        readAt: new Date(at),
      });
    const stored = (provider: string) =>
      world
        .em()
        .execute(
          `select external_id as id, size_slug as size, gone_at is not null as gone from cloud_resources where provider = ? order by 1`,
          [provider],
        );
    const bigger = { ...web, sizeSlug: 's-4vcpu-8gb' };
    const size = 's-1vcpu-1gb';

    it('takes what was read as a listing does, and names the resource', async () => {
      expect(await read('read', dayOne, '101', null)).toBeNull();
      const id = await read('read', dayOne, '101', web);
      expect(await read('read', dayOne, '101', web)).toBe(id);
      expect(await read('read', dayTwo, '101', bigger)).toBe(id);
      expect(await read('read', dayThree, '101', null)).toBe(id);
      expect(await read('read', dayThree, '101', null)).toBe(id);
      expect(await events('read')).toMatchObject([
        { type: 'discovered' },
        { type: 'changed', changes: { size_slug: { from: size, to: 's-4vcpu-8gb' } } },
        { type: 'gone' },
      ]);
      expect(await names('read')).toEqual([{ name: 'web', from: null, to: null }]);
    });

    it('leaves the rest of the kind alone, and how fresh it is', async () => {
      await record('alone', dayOne, [web, db]);
      await read('alone', dayTwo, '101', null);
      expect(await live('alone')).toEqual(['102']);
      const listings = await world
        .em()
        .execute(
          `select complete_at = ? as of_day_one from cloud_inventory_listings where provider = 'alone'`,
          [new Date(dayOne)],
        );
      expect(listings).toEqual([{ of_day_one: true }]);
    });

    it('never undoes by a listing that began earlier what was read since: not a change, a birth or an end', async () => {
      const born = resource({ externalId: '103', name: 'born' });
      await record('later', dayOne, [web, db]);
      await read('later', dayThree, '101', bigger);
      await read('later', dayThree, '102', null);
      await read('later', dayThree, '103', born);
      const since = [
        { id: '101', size: 's-4vcpu-8gb', gone: false },
        { id: '102', size, gone: true },
        { id: '103', size, gone: false },
      ];
      const seen = await events('later');
      expect(await record('later', dayTwo, [web, db])).toEqual({
        live: 2,
        discovered: 0,
        changed: 0,
        gone: 0,
      });
      expect(await stored('later')).toEqual(since);
      expect(await record('later', dayTwo, [])).toMatchObject({ gone: 0 });
      expect(await stored('later')).toEqual(since);
      expect(await events('later')).toEqual(seen);

      await record('later', '2026-04-04T00:15:00+00:00', [web, db]);
      expect(await stored('later')).toEqual([
        { id: '101', size, gone: false },
        { id: '102', size, gone: false },
        { id: '103', size, gone: true },
      ]);
    });

    it('never undoes by a read that began earlier what a listing saw since', async () => {
      await record('earlier', dayTwo, [bigger]);
      await read('earlier', dayOne, '101', web);
      await read('earlier', dayOne, '101', null);
      expect(await stored('earlier')).toEqual([{ id: '101', size: 's-4vcpu-8gb', gone: false }]);
    });
  });
});
