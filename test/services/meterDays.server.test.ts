import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { nextPeriod } from '../../src/domain/period.ts';
import { usageForPeriod } from '../../src/services/usageForPeriod.ts';
import { countStatements } from './countStatements.ts';
import { gb, type Metering, meteringIn } from './meteringWorld.ts';
import { openWorld, type World } from './world.ts';

const { metering: golden } = JSON.parse(
  readFileSync(new URL('../../dev/golden/cases.json', import.meta.url), 'utf8'),
);
const longAgo = new Date('2025-01-01T00:00:00Z');

let world: World;
let meters: Metering;
let providers = 0;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());
beforeEach(() => {
  providers += 1;
  meters = meteringIn(world, `cloud-${providers}`);
});

describe('the golden month', () => {
  it.each([golden])(
    '$droplets droplets through $period are $droplet_hours droplet-hours',
    async ({ droplets, period, droplet_hours: hours }) => {
      const deployment = await meters.deployment();
      const ids = Array.from({ length: droplets }, (_, index) => String(index));
      await meters.list(
        'droplet',
        '2026-05-01T00:15:00Z',
        Object.fromEntries(ids.map((id) => [id, { createdAt: longAgo }])),
      );
      for (const id of ids) await meters.attach('droplet', id, deployment, period);
      await meters.meter(period, nextPeriod(period), '2026-05-01T00:45:00Z');
      const used = await usageForPeriod(world.em(), { deploymentId: deployment, period });
      expect(used).toEqual([
        { resourceKind: 'droplet_hours', metered: String(hours * 3600), qty: String(hours) },
      ]);
    },
  );
});

describe('droplet-hours', () => {
  it('count from creation to the second, whatever size and power state the droplet has', async () => {
    const deployment = await meters.deployment();
    const createdAt = new Date('2026-04-01T22:59:30.900Z');
    await meters.list('droplet', '2026-04-01T23:15:00Z', {
      small: { createdAt, sizeSlug: 's-1vcpu-1gb' },
      off: { createdAt, sizeSlug: 'gpu-h100x8-640gb', status: 'off' },
    });
    await meters.attach('droplet', 'small', deployment, '2026-01-01');
    await meters.attach('droplet', 'off', deployment, '2026-01-01');
    await meters.meter('2026-04-01', '2026-04-03', '2026-04-02T12:00:00.999Z');
    expect(await meters.days('droplet_hours', deployment)).toEqual([
      { '2026-04-01': String(2 * 3630), '2026-04-02': String(2 * 43_200) },
    ]);
  });

  it('count from when it was first seen where the provider says no creation, until it was last seen where it is gone', async () => {
    const deployment = await meters.deployment();
    await meters.list('droplet', '2026-04-01T10:15:00.500Z', { undated: {} });
    await meters.attach('droplet', 'undated', deployment, '2026-01-01');
    await meters.list('droplet', '2026-04-02T01:15:00.700Z', { undated: {} });
    await meters.meter('2026-04-01', '2026-04-03', '2026-04-02T02:00:00Z');
    expect(await meters.days('droplet_hours', deployment)).toEqual([
      { '2026-04-01': '49500', '2026-04-02': '7200' },
    ]);
    await meters.list('droplet', '2026-04-02T02:15:00Z', {});
    await meters.meter('2026-04-01', '2026-04-03', '2026-04-02T12:00:00Z');
    expect(await meters.days('droplet_hours', deployment)).toEqual([
      { '2026-04-01': '49500', '2026-04-02': '4500' },
    ]);
  });

  it('of one that a listing lacked for a while go on as if it had not', async () => {
    const deployment = await meters.deployment();
    await meters.list('droplet', '2026-04-01T00:15:00Z', { '1': { createdAt: longAgo } });
    await meters.attach('droplet', '1', deployment, '2026-04-01');
    await meters.list('droplet', '2026-04-01T05:15:00Z', {});
    await meters.list('droplet', '2026-04-01T09:15:00Z', { '1': { createdAt: longAgo } });
    await meters.meter('2026-04-01', '2026-04-02', '2026-04-02T00:45:00Z');
    expect(await meters.days('droplet_hours', deployment)).toEqual([{ '2026-04-01': '86400' }]);
  });

  it('follow a droplet that moves, to the second, even there and back on one day', async () => {
    const [one, other] = [await meters.deployment('tenant-a'), await meters.deployment('tenant-b')];
    await meters.list('droplet', '2026-04-01T00:15:00Z', { '1': { createdAt: longAgo } });
    await meters.attach('droplet', '1', one, '2026-04-01T00:00:00Z', '2026-04-01T08:00:00Z');
    await meters.attach('droplet', '1', other, '2026-04-01T08:00:00Z', '2026-04-01T09:30:01Z');
    await meters.attach('droplet', '1', one, '2026-04-01T09:30:01Z');
    await meters.meter('2026-04-01', '2026-04-02', '2026-04-02T00:45:00Z');
    expect(await meters.days('droplet_hours', one, other)).toEqual([
      { '2026-04-01': String(86_400 - 5401) },
      { '2026-04-01': '5401' },
    ]);
    const tenants = await world
      .em()
      .execute(`select tenant_id from metered_usage where deployment_id in (?, ?) order by 1`, [one, other]);
    expect(tenants).toEqual([{ tenant_id: 'tenant-a' }, { tenant_id: 'tenant-b' }]);
  });

  it('belong to nobody outside of a deployment', async () => {
    const deployment = await meters.deployment();
    await meters.list('droplet', '2026-04-01T00:15:00Z', {
      '1': { createdAt: longAgo },
      alone: { createdAt: longAgo },
    });
    await meters.attach('droplet', '1', deployment, '2026-04-02T00:00:00Z', '2026-04-03T00:00:00Z');
    await meters.meter('2026-04-01', '2026-04-05', '2026-04-05T00:45:00Z');
    expect(await meters.days('droplet_hours', deployment)).toEqual([{ '2026-04-02': '86400' }]);
  });
});

describe('gigabyte-months of volumes and snapshots', () => {
  it.each([
    ['volume', 'volume_gb_month'],
    ['snapshot', 'snapshot_gb_month'],
  ] as const)(
    'of a %s: a size holds from the sync that saw it, the first one from creation',
    async (kind, metered) => {
      const deployment = await meters.deployment();
      const createdAt = new Date('2026-04-01T12:00:00Z');
      const sized = (gigabytes: number, more: object = {}) => ({
        '1': { createdAt, attributes: { size_gigabytes: gigabytes, ...more } },
      });
      await meters.list(kind, '2026-04-01T12:15:00Z', sized(100));
      await meters.attach(kind, '1', deployment, '2026-04-01');
      await meters.list(kind, '2026-04-01T18:15:00Z', sized(100, { description: 'the size is the same' }));
      await meters.list(kind, '2026-04-02T06:00:00Z', sized(250));
      await meters.meter('2026-04-01', '2026-04-04', '2026-04-04T00:45:00Z');
      expect(await meters.days(metered, deployment)).toEqual([
        {
          '2026-04-01': String(100n * gb * 43_200n),
          '2026-04-02': String(100n * gb * 21_600n + 250n * gb * 64_800n),
          '2026-04-03': String(250n * gb * 86_400n),
        },
      ]);
    },
  );

  it('count parts of a gigabyte as whole bytes, and nothing of another kind of image', async () => {
    const deployment = await meters.deployment();
    const createdAt = longAgo;
    await meters.list('snapshot', '2026-04-02T00:15:00Z', {
      '1': { createdAt, attributes: { size_gigabytes: 2.34 } },
    });
    await meters.list('backup', '2026-04-02T00:15:00Z', {
      '2': { createdAt, attributes: { size_gigabytes: 20 } },
    });
    await meters.attach('snapshot', '1', deployment, '2026-04-01');
    await meters.attach('backup', '2', deployment, '2026-04-01');
    await meters.meter('2026-04-01', '2026-04-02', '2026-04-02T00:45:00Z');
    // 2.34 × 2^30 = 2,512,555,868.16
    expect(await meters.days('snapshot_gb_month', deployment)).toEqual([
      { '2026-04-01': String(2_512_555_868n * 86_400n) },
    ]);
    const used = await usageForPeriod(world.em(), { deploymentId: deployment, period: '2026-04-01' });
    expect(used).toMatchObject([{ resourceKind: 'snapshot_gb_month', qty: '0.078' }]);
  });

  it('know a size that the provider told late from creation on', async () => {
    const deployment = await meters.deployment();
    await meters.list('snapshot', '2026-04-01T00:15:00Z', { '1': { createdAt: longAgo } });
    await meters.attach('snapshot', '1', deployment, '2026-04-01');
    await meters.meter('2026-04-01', '2026-04-02', '2026-04-02T00:05:00Z');
    expect(await meters.days('snapshot_gb_month', deployment)).toEqual([{}]);
    await meters.list('snapshot', '2026-04-02T00:15:00Z', {
      '1': { createdAt: longAgo, attributes: { size_gigabytes: 3 } },
    });
    await meters.meter('2026-04-01', '2026-04-02', '2026-04-02T00:45:00Z');
    expect(await meters.days('snapshot_gb_month', deployment)).toEqual([
      { '2026-04-01': String(3n * gb * 86_400n) },
    ]);
  });
});

describe('gigabyte-months of buckets', () => {
  it('hold what was measured until the next measurement, and nothing before the first', async () => {
    const deployment = await meters.deployment();
    await meters.list('spaces_bucket', '2026-04-01T00:15:00Z', { b: { createdAt: longAgo } });
    await meters.attach('spaces_bucket', 'b', deployment, '2026-04-01');
    await meters.measure('b', '2026-04-01T12:00:00.400Z', 7n * gb);
    await meters.measure('b', '2026-04-02T06:00:00Z', 3n * gb);
    await meters.meter('2026-04-01', '2026-04-06', '2026-04-06T00:45:00Z');
    const held = String(3n * gb * 86_400n);
    const expected = {
      '2026-04-01': String(7n * gb * 43_200n),
      '2026-04-02': String(7n * gb * 21_600n + 3n * gb * 64_800n),
      '2026-04-03': held,
      '2026-04-04': held,
      '2026-04-05': held,
    };
    expect(await meters.days('spaces_gb_month', deployment)).toEqual([expected]);
    await world.em().execute('delete from metered_usage');
    await meters.meter('2026-04-05', '2026-04-06', '2026-04-06T00:45:00Z');
    expect(await meters.days('spaces_gb_month', deployment)).toEqual([{ '2026-04-05': held }]);
  });

  it('are exact beyond what a double holds, of a measurement that ended a day after it began too', async () => {
    const deployment = await meters.deployment();
    await meters.list('spaces_bucket', '2026-04-01T00:15:00Z', { b: { createdAt: longAgo } });
    await meters.attach('spaces_bucket', 'b', deployment, '2026-04-01');
    await meters.measure('b', '2026-04-02T23:59:59Z', 9_007_199_254_740_993n, '2026-04-01');
    await meters.meter('2026-04-02', '2026-04-04', '2026-04-04T00:45:00Z');
    expect(await meters.days('spaces_gb_month', deployment)).toEqual([
      { '2026-04-02': '9007199254740993', '2026-04-03': String(9_007_199_254_740_993n * 86_400n) },
    ]);
  });

  it('of a bucket that came again under its name begin anew, with nothing while it was away', async () => {
    const deployment = await meters.deployment();
    const again = new Date('2026-04-02T12:00:00Z');
    await meters.list('spaces_bucket', '2026-04-01T00:15:00Z', { b: { createdAt: longAgo } });
    await meters.attach('spaces_bucket', 'b', deployment, '2026-03-01');
    await meters.measure('b', '2026-03-31T12:00:00Z', gb);
    await meters.list('spaces_bucket', '2026-04-01T06:00:00Z', { b: { createdAt: longAgo } });
    await meters.list('spaces_bucket', '2026-04-01T07:00:00Z', {});
    await meters.list('spaces_bucket', '2026-04-02T13:00:00Z', { b: { createdAt: again } });
    await meters.measure('b', '2026-04-02T18:00:00Z', 5n * gb);
    await meters.meter('2026-03-31', '2026-04-03', '2026-04-03T00:45:00Z');
    expect(await meters.days('spaces_gb_month', deployment)).toEqual([
      {
        '2026-03-31': String(gb * 43_200n),
        '2026-04-01': String(gb * 21_600n),
        '2026-04-02': String(5n * gb * 21_600n),
      },
    ]);
  });
});

describe('bandwidth', () => {
  it('is what went out, and an hour that deployments share is split by its seconds into bytes that add up', async () => {
    const [one, other] = [await meters.deployment(), await meters.deployment()];
    await meters.list('droplet', '2026-04-01T00:15:00Z', { '1': { createdAt: longAgo } });
    await meters.attach('droplet', '1', one, '2026-04-01T00:00:00Z', '2026-04-01T01:20:00Z');
    await meters.attach('droplet', '1', other, '2026-04-01T01:20:00Z');
    await meters.traffic('1', '2026-04-01T00:00:00Z', [1000n, 100n, 7n]);
    await meters.meter('2026-04-01', '2026-04-02', '2026-04-02T00:45:00Z');
    expect(await meters.days('bandwidth_gb', one, other)).toEqual([
      { '2026-04-01': '1033' },
      { '2026-04-01': '74' },
    ]);
  });

  it('of the hours in which a droplet was made and destroyed belongs whole to who had it', async () => {
    const deployment = await meters.deployment();
    const createdAt = new Date('2026-04-01T10:50:00Z');
    await meters.list('droplet', '2026-04-01T11:15:00Z', { '1': { createdAt } });
    await meters.attach('droplet', '1', deployment, '2026-04-01T10:50:00Z');
    await meters.list('droplet', '2026-04-01T12:15:00Z', {});
    // Destroyed after it was last seen, and heard of until then.
    await meters.traffic('1', '2026-04-01T10:00:00Z', [11n, 13n, 17n]);
    await meters.meter('2026-04-01', '2026-04-02', '2026-04-02T00:45:00Z');
    expect(await meters.days('bandwidth_gb', deployment)).toEqual([{ '2026-04-01': '41' }]);
  });

  it('is kept by day, and waits for hours to end', async () => {
    const deployment = await meters.deployment();
    await meters.list('droplet', '2026-04-01T00:15:00Z', { '1': { createdAt: longAgo } });
    await meters.attach('droplet', '1', deployment, '2026-04-01');
    await meters.traffic('1', '2026-04-01T22:00:00Z', [1n, 2n, 4n, 8n]);
    await meters.meter('2026-04-01', '2026-04-03', '2026-04-02T01:59:00Z');
    expect(await meters.days('bandwidth_gb', deployment)).toEqual([{ '2026-04-01': '3', '2026-04-02': '4' }]);
  });
});

describe('DNS zones', () => {
  it('are counted at the end of each day; the running day as of now', async () => {
    const [one, other] = [await meters.deployment(), await meters.deployment()];
    await meters.list('domain', '2026-04-01T00:15:00Z', { 'a.example': {}, 'b.example': {} });
    await meters.attach('domain', 'a.example', one, '2026-03-01', '2026-04-02T00:00:00Z');
    await meters.attach('domain', 'a.example', other, '2026-04-02T00:00:00Z');
    await meters.attach('domain', 'b.example', one, '2026-03-01');
    await meters.list('domain', '2026-04-03T06:15:00Z', { 'a.example': {}, 'b.example': {} });
    await meters.meter('2026-03-31', '2026-04-04', '2026-04-03T07:00:00Z');
    expect(await meters.days('dns_zones', one, other)).toEqual([
      { '2026-04-01': '2', '2026-04-02': '1', '2026-04-03': '1' },
      { '2026-04-02': '1', '2026-04-03': '1' },
    ]);
    await meters.list('domain', '2026-04-03T08:15:00Z', { 'a.example': {} });
    await meters.meter('2026-03-31', '2026-04-04', '2026-04-03T09:00:00Z');
    expect(await meters.days('dns_zones', one)).toEqual([{ '2026-04-01': '2', '2026-04-02': '1' }]);
  });

  it('are not counted while a domain was away, and again from its return', async () => {
    const deployment = await meters.deployment();
    await meters.list('domain', '2026-04-01T00:15:00Z', { 'a.example': {} });
    await meters.attach('domain', 'a.example', deployment, '2026-04-01');
    await meters.list('domain', '2026-04-02T00:15:00Z', {});
    await meters.list('domain', '2026-04-03T12:15:00Z', { 'a.example': {} });
    await meters.meter('2026-04-01', '2026-04-04', '2026-04-04T00:45:00Z');
    expect(await meters.days('dns_zones', deployment)).toEqual([{ '2026-04-03': '1' }]);
  });
});

describe('a metering', () => {
  it('counts what is new, changed and gone, and touches no row that is equal', async () => {
    await world.em().execute('delete from metered_usage');
    const deployment = await meters.deployment();
    await meters.list('droplet', '2026-04-01T00:15:00Z', {
      '1': { createdAt: longAgo },
      '2': { createdAt: longAgo },
    });
    await meters.attach('droplet', '1', deployment, '2026-04-01');
    await meters.attach('droplet', '2', deployment, '2026-04-01');
    const own = async () =>
      world
        .em()
        .execute<object[]>(
          `select xmin::text, day::text, quantity::text, metered_at from metered_usage where deployment_id = ? order by day, id`,
          [deployment],
        );
    await meters.meter('2026-04-01', '2026-04-03', '2026-04-02T06:00:00Z');
    const before = await own();
    expect(before).toHaveLength(4);
    expect(await meters.meter('2026-04-01', '2026-04-03', '2026-04-02T06:00:00Z')).toMatchObject({
      added: 0,
      changed: 0,
      removed: 0,
    });
    expect(await own()).toEqual(before);

    await world
      .em()
      .execute(
        `update cloud_resource_memberships set ends_at = '2026-04-01T12:00:00Z' where resource_id = ?`,
        [await meters.idOf('droplet', '2')],
      );
    const changes = await meters.meter('2026-04-01', '2026-04-03', '2026-04-02T06:00:00Z');
    expect(changes).toMatchObject({ added: 0, changed: 1, removed: 1 });
    expect(await meters.days('droplet_hours', deployment)).toEqual([
      { '2026-04-01': String(86_400 + 43_200), '2026-04-02': '21600' },
    ]);
  });

  it('takes the same number of statements for one deployment and day as for many', async () => {
    const count = (until: string) =>
      countStatements(world, () => meters.meter('2026-04-01', until, '2026-05-01T00:45:00Z'));
    const few = await count('2026-04-02');
    for (let index = 0; index < 20; index += 1) {
      const deployment = await meters.deployment(`tenant-${index}`);
      await meters.list('droplet', `2026-04-01T00:15:${String(index).padStart(2, '0')}Z`, {
        [`many-${index}`]: { createdAt: longAgo },
      });
      await meters.attach('droplet', `many-${index}`, deployment, '2026-04-01');
    }
    expect(few).toBeGreaterThan(6);
    expect(await count('2026-05-01')).toBe(few);
  });

  it('does not reach into days that have not begun', async () => {
    const deployment = await meters.deployment();
    await meters.list('droplet', '2026-04-01T00:15:00Z', { '1': { createdAt: longAgo } });
    await meters.attach('droplet', '1', deployment, '2026-04-01');
    await meters.meter('2026-04-01', '2026-04-10', '2026-04-02T00:00:00Z');
    expect(await meters.days('droplet_hours', deployment)).toEqual([{ '2026-04-01': '86400' }]);
  });
});
