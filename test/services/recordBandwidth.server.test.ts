import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { dropletsToRead, recordBandwidth } from '../../src/services/recordBandwidth.ts';
import { openWorld, resource, sync, type World } from './world.ts';

const until = new Date('2026-05-28T12:00:00Z');
let world: World;
let provider = '';
let providers = 0;

beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());
beforeEach(() => {
  providers += 1;
  provider = `cloud-${providers}`;
});

const list = (at: string, ...droplets: { externalId: string; createdAt?: Date }[]) =>
  sync(world, {
    provider,
    at,
    resources: droplets.map((droplet) => resource({ name: `web-${droplet.externalId}`, ...droplet })),
  });

const toRead = (after: string | null = null, limit = 50) =>
  dropletsToRead(world.em(), { provider, until, after, limit });

async function resourceIdOf(externalId: string): Promise<string> {
  const [row] = await world
    .em()
    .execute<{ id: string }[]>(`select id from cloud_resources where provider = ? and external_id = ?`, [
      provider,
      externalId,
    ]);
  return row?.id ?? '';
}

const hour = (resourceId: string, start: string, bytes: bigint, coveredSeconds = 3600) => ({
  resourceId,
  hourStart: new Date(start),
  bytes,
  coveredSeconds,
});

async function known(resourceId: string) {
  return world.em().execute(
    `select to_char(hour_start at time zone 'UTC', 'HH24') as hour, bytes::text, covered_seconds from cloud_bandwidth_hours
     where resource_id = ? order by hour_start`,
    [resourceId],
  );
}

describe('the hours of a droplet that are to be read', () => {
  it('are the last two days at first, but none before it was made', async () => {
    await list(
      '2026-05-28T11:00:00Z',
      { externalId: 'old', createdAt: new Date('2025-01-01T00:00:00Z') },
      { externalId: 'new', createdAt: new Date('2026-05-28T10:59:59Z') },
      { externalId: 'undated' },
      { externalId: 'of tomorrow', createdAt: new Date('2026-05-28T12:00:01Z') },
    );
    const found = await toRead();
    expect(Object.fromEntries(found.map(({ externalId, from }) => [externalId, from.toISOString()]))).toEqual(
      {
        old: '2026-05-26T12:00:00.000Z',
        new: '2026-05-28T10:00:00.000Z',
        undated: '2026-05-26T12:00:00.000Z',
      },
    );
  });

  it('are the last six from then on, for readings that come late, or all since the last that is known', async () => {
    await list('2026-05-28T11:00:00Z', { externalId: 'steady' }, { externalId: 'behind' });
    const [steady, behind] = [await resourceIdOf('steady'), await resourceIdOf('behind')];
    await recordBandwidth(
      world.em(),
      [hour(steady, '2026-05-28T10:00:00Z', 1n), hour(behind, '2026-05-27T20:00:00Z', 1n)],
      until,
    );
    const found = await toRead();
    expect(Object.fromEntries(found.map(({ externalId, from }) => [externalId, from.toISOString()]))).toEqual(
      {
        steady: '2026-05-28T06:00:00.000Z',
        behind: '2026-05-27T21:00:00.000Z',
      },
    );
  });

  it('are read of a droplet that is just gone, not of one that is gone for long', async () => {
    await list('2026-05-27T00:00:00Z', { externalId: 'long gone' }, { externalId: 'just gone' });
    await list('2026-05-28T01:00:00Z', { externalId: 'just gone' });
    await list('2026-05-28T11:00:00Z');
    expect((await toRead()).map(({ externalId }) => externalId)).toEqual(['just gone']);
  });

  it('come in batches that miss nobody', async () => {
    await list('2026-05-28T11:00:00Z', ...['1', '2', '3', '4', '5'].map((externalId) => ({ externalId })));
    const seen: string[] = [];
    for (let after: string | null = null, size = 2; size === 2; ) {
      const batch = await toRead(after, 2);
      seen.push(...batch.map(({ externalId }) => externalId));
      size = batch.length;
      after = batch.at(-1)?.resourceId ?? null;
    }
    expect(seen.toSorted()).toEqual(['1', '2', '3', '4', '5']);
  });
});

describe('an hour of traffic', () => {
  it('is kept exactly, beyond what a double can hold, and once', async () => {
    await list('2026-05-28T11:00:00Z', { externalId: '1' });
    const id = await resourceIdOf('1');
    const hours = [hour(id, '2026-05-28T10:00:00Z', 9_007_199_254_740_993n)];
    expect(await recordBandwidth(world.em(), hours, until)).toBe(1);
    expect(await recordBandwidth(world.em(), hours, until)).toBe(0);
    expect(await known(id)).toEqual([{ hour: '10', bytes: '9007199254740993', covered_seconds: 3600 }]);
  });

  it('grows with readings that come late, and keeps what a provider forgets', async () => {
    await list('2026-05-28T11:00:00Z', { externalId: '1' });
    const id = await resourceIdOf('1');
    const at = '2026-05-28T10:00:00Z';
    await recordBandwidth(world.em(), [hour(id, at, 100n, 600)], until);
    expect(await recordBandwidth(world.em(), [hour(id, at, 900n, 3600)], until)).toBe(1);
    expect(await recordBandwidth(world.em(), [hour(id, at, 50n, 300)], until)).toBe(0);
    expect(await known(id)).toEqual([{ hour: '10', bytes: '900', covered_seconds: 3600 }]);
  });
});
