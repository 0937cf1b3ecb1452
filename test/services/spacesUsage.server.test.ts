import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { bucketsToMeasure, recordSpacesUsage } from '../../src/services/spacesUsage.ts';
import { openWorld, resource, sync, type World } from './world.ts';

const provider = 'cloud';
const day = '2026-05-28';
let world: World;

beforeAll(async () => {
  world = await openWorld();
  const bucket = (name: string, region: string | null) =>
    resource({ externalId: `${name}@${region}`, name, kind: 'spaces_bucket', region });
  const listing = (at: string, ...names: string[]) =>
    sync(world, {
      provider,
      kind: 'spaces_bucket',
      at,
      resources: [...names.map((name) => bucket(name, 'syd1')), bucket('nowhere', null)],
    });
  await listing('2026-05-27T00:00:00Z', 'a', 'b', 'c', 'gone');
  await listing('2026-05-28T00:00:00Z', 'a', 'b', 'c');
});
afterAll(() => world.close());

const toMeasure = (on = day, after: string | null = null, limit = 50) =>
  bucketsToMeasure(world.em(), { provider, day: on, after, limit });

describe('the buckets to measure', () => {
  it('are those that live, in pages', async () => {
    const all = await toMeasure();
    expect(all.map(({ name }) => name).toSorted()).toEqual(['a', 'b', 'c']);
    const [first] = await toMeasure(day, null, 1);
    expect(first).toEqual(all[0]);
    expect(await toMeasure(day, first?.resourceId)).toEqual(all.slice(1));
  });

  it('are measured once a day, exactly, and the first measurement of a day stays', async () => {
    const [bucket] = await toMeasure();
    if (bucket === undefined) throw new Error('there is no bucket');
    const usage = { resourceId: bucket.resourceId, day, objects: 5_000_000_001 };
    const record = (bytes: bigint, at: string) =>
      recordSpacesUsage(world.em(), { ...usage, bytes, measuredAt: new Date(at) });
    await record(9_007_199_254_740_993n, '2026-05-28T01:00:00Z');
    await record(1n, '2026-05-28T02:00:00Z');
    expect(await toMeasure()).toHaveLength(2);
    expect(await toMeasure('2026-05-29')).toHaveLength(3);
    expect(
      await world
        .em()
        .execute(
          `select measured_on::text, to_char(measured_at at time zone 'UTC', 'HH24:MI') as measured_at, bytes::text, objects::text from cloud_spaces_usage where resource_id = ?`,
          [bucket.resourceId],
        ),
    ).toEqual([
      {
        measured_on: day,
        measured_at: '01:00',
        bytes: '9007199254740993',
        objects: '5000000001',
      },
    ]);
  });
});
