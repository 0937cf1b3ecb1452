import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Day } from '../../src/domain/calendar.ts';
import type { MeterKind } from '../../src/domain/meters.ts';
import { PeriodLedger } from '../../src/entities/periodLedger.ts';
import { meterResources } from '../../src/services/meterDays.ts';
import { acceptUnknownDays, findDaysToMeter } from '../../src/services/meteredDays.ts';
import { recordUnknownKind } from '../../src/services/recordInventory.ts';
import { incompleteDays } from '../../src/services/usageForPeriod.ts';
import { systemSession } from '../../src/session.ts';
import { type Metering, meteringIn } from './meteringWorld.ts';
import { openWorld, type World } from './world.ts';

const longAgo = new Date('2025-01-01T00:00:00Z');
const hours = (count: number) => Array.from({ length: count }, () => 5n);

/** How far days are known depends on everything that is listed, so each test has a database of its own. */
let world: World;
let meters: Metering;
beforeEach(async () => {
  world = await openWorld();
  meters = meteringIn(world);
});
afterEach(() => world.close());

/** A day of each test: the first of April, metered at 00:45 of the second unless said otherwise. */
const meterFirst = (now = '2026-04-02T00:45:00Z') => meters.meter('2026-04-01', '2026-04-02', now);

/** The kinds of one day that a deployment can't be billed for yet, with the state and its code. */
async function incomplete(deploymentId: string, day: Day = '2026-04-01'): Promise<Record<string, string>> {
  const until = new Date(Date.parse(day) + 86_400_000).toISOString().slice(0, 10);
  const entries = await incompleteDays(world.em(), [{ deploymentId, from: day, until }]);
  return Object.fromEntries(
    entries.map((entry) => [entry.resourceKind, [entry.state, entry.reason?.split(':')[0]].join(' ').trim()]),
  );
}

describe('a day', () => {
  it('is open while it runs, and closed at the first metering after it ended where nothing is missing', async () => {
    const deployment = await meters.deployment();
    await meters.meter('2026-04-01', '2026-04-03', '2026-04-01T23:59:59Z');
    expect(await meters.states('llm_tokens')).toEqual({ '2026-04-01': 'open' });
    expect(await incomplete(deployment)).toMatchObject({ droplet_hours: 'open', llm_tokens: 'open' });
    await meters.meter('2026-04-01', '2026-04-03', '2026-04-02T00:00:00Z');
    for (const kind of ['droplet_hours', 'llm_tokens', 'bandwidth_gb'] as const) {
      expect(await meters.states(kind)).toEqual({ '2026-04-01': 'closed', '2026-04-02': 'open' });
    }
    expect(await incomplete(deployment)).toEqual({});
  });

  it('that was never metered holds up everybody, whatever they have', async () => {
    const deployment = await meters.deployment();
    expect(Object.values(await incomplete(deployment))).toEqual(Array.from({ length: 7 }, () => 'missing'));
  });

  it('keeps the time at which it was closed first', async () => {
    await meterFirst();
    await meterFirst('2026-04-03T00:45:00Z');
    const rows = await world.em().execute(
      `select distinct to_char(closed_at at time zone 'UTC', 'DD HH24:MI') as closed, to_char(metered_at at time zone 'UTC', 'DD') as metered
       from metered_days`,
    );
    expect(rows).toEqual([{ closed: '02 00:45', metered: '03' }]);
  });

  it.each<readonly [MeterKind, Parameters<Metering['list']>[0]]>([
    ['droplet_hours', 'droplet'],
    ['bandwidth_gb', 'droplet'],
    ['volume_gb_month', 'volume'],
    ['snapshot_gb_month', 'snapshot'],
    ['spaces_gb_month', 'spaces_bucket'],
    ['dns_zones', 'domain'],
  ])('of %s is unknown until %s was listed whole after it ended', async (metered, kind) => {
    const [deployment, without] = [await meters.deployment(), await meters.deployment()];
    const one = { '1': { createdAt: longAgo, attributes: { size_gigabytes: 1 } } };
    await meters.list(kind, '2026-04-01T23:59:59Z', one);
    await meters.attach(kind, '1', deployment, '2026-04-01');
    await recordUnknownKind(world.em(), {
      provider: 'digitalocean',
      kind,
      attemptedAt: new Date('2026-04-02T00:15:00Z'),
      code: 'provider_unavailable',
      message: 'it was away',
    });
    const metering = await meterFirst();
    expect(metering.firstUnknown).toMatchObject({
      day: '2026-04-01',
      reason: 'listing_incomplete: 1 of the resources in deployments',
    });
    expect(await meters.states(metered)).toEqual({ '2026-04-01': 'unknown listing_incomplete' });
    expect((await incomplete(deployment))[metered]).toBe('unknown listing_incomplete');
    expect(await incomplete(without)).toEqual({});

    await meters.list(kind, '2026-04-02T01:15:00Z', one);
    // Listed whole, but not metered since: what the rows say is what was known before.
    expect((await incomplete(deployment))[metered]).toBe('unknown listing_incomplete');
    if (kind === 'spaces_bucket') await meters.measure('1', '2026-04-02T01:35:00Z', 1n);
    await meterFirst('2026-04-02T01:45:00Z');
    expect(await meters.states(metered)).toEqual({ '2026-04-01': 'closed' });
    expect(await incomplete(deployment)).toEqual({});
  });

  it('is closed where nobody has a resource of a kind that was never listed whole', async () => {
    await recordUnknownKind(world.em(), {
      provider: 'digitalocean',
      kind: 'spaces_bucket',
      attemptedAt: new Date('2026-04-02T00:15:00Z'),
      code: 'provider_unauthorized',
      message: 'there is no key',
    });
    await meterFirst();
    expect(await meters.states('spaces_gb_month')).toEqual({ '2026-04-01': 'closed' });
  });

  it('of one provider does not wait for the listings of another', async () => {
    const deployment = await meters.deployment();
    await meters.list('droplet', '2026-04-02T00:15:00Z', { '1': { createdAt: longAgo } });
    await meters.attach('droplet', '1', deployment, '2026-04-01');
    await meteringIn(world, 'left-behind').list('droplet', '2026-03-01T00:15:00Z', { '2': {} });
    await meterFirst();
    expect(await meters.states('droplet_hours')).toEqual({ '2026-04-01': 'closed' });
  });
});

describe('a day of traffic', () => {
  const listed = '2026-04-02T00:15:00Z';
  let deployment: string;
  let unconcerned: string;
  beforeEach(async () => {
    deployment = await meters.deployment();
    unconcerned = await meters.deployment();
    await meters.list('droplet', listed, { '1': { createdAt: longAgo }, '2': { createdAt: longAgo } });
    await meters.attach('droplet', '1', deployment, '2026-03-01');
    await meters.attach('droplet', '2', unconcerned, '2026-03-01');
  });

  it('is closed where no droplet was ever read', async () => {
    await meterFirst();
    expect(await meters.states('bandwidth_gb')).toEqual({ '2026-04-01': 'closed' });
  });

  it('is unknown while hours are missing from a first reading to its end, to the deployment alone that has the droplet', async () => {
    await meters.traffic('1', '2026-04-01T12:00:00Z', hours(11));
    const metering = await meterFirst();
    expect(metering).toMatchObject({
      unknown: 1,
      firstUnknown: {
        resourceKind: 'bandwidth_gb',
        reason: 'readings_missing: 1 of the resources in deployments',
      },
    });
    expect(await incomplete(deployment)).toEqual({ bandwidth_gb: 'unknown readings_missing' });
    expect(await incomplete(unconcerned)).toEqual({});

    await meters.traffic('1', '2026-04-01T23:00:00Z', hours(1), '2026-04-02T01:40:00Z');
    expect(await incomplete(deployment)).toEqual({ bandwidth_gb: 'unknown readings_missing' });
    await meterFirst('2026-04-02T01:45:00Z');
    expect(await incomplete(deployment)).toEqual({});
    expect(await meters.days('bandwidth_gb', deployment)).toEqual([{ '2026-04-01': '60' }]);
  });

  it('needs the hours of its deployment alone', async () => {
    const later = await meters.deployment();
    await meters.list('droplet', listed, {
      '1': { createdAt: longAgo },
      '2': { createdAt: longAgo },
      '3': { createdAt: longAgo },
    });
    await meters.attach('droplet', '3', later, '2026-04-01T10:30:00Z', '2026-04-01T12:10:00Z');
    await meters.traffic('3', '2026-03-30T00:00:00Z', hours(1));
    await meters.traffic('3', '2026-04-01T10:00:00Z', hours(2));
    await meterFirst();
    expect(await incomplete(later)).toEqual({ bandwidth_gb: 'unknown readings_missing' });
    await meters.traffic('3', '2026-04-01T12:00:00Z', hours(1));
    await meterFirst();
    expect(await incomplete(later)).toEqual({});
  });

  it('of a droplet that is gone is waited for while it may still be read, and then no longer', async () => {
    await meters.list('droplet', '2026-04-01T20:15:00Z', {
      '1': { createdAt: longAgo },
      '2': { createdAt: longAgo },
      '4': { createdAt: longAgo },
    });
    const gone = await meters.deployment();
    await meters.attach('droplet', '4', gone, '2026-04-01');
    await meters.traffic('4', '2026-04-01T00:00:00Z', hours(18));
    await meters.list('droplet', '2026-04-01T21:15:00Z', {
      '1': { createdAt: longAgo },
      '2': { createdAt: longAgo },
    });
    await meters.list('droplet', listed, { '1': { createdAt: longAgo }, '2': { createdAt: longAgo } });
    await meterFirst();
    expect(await incomplete(gone)).toEqual({ bandwidth_gb: 'unknown readings_missing' });
    await meterFirst('2026-04-02T03:45:00Z');
    expect(await incomplete(gone)).toEqual({});
    expect(await meters.days('bandwidth_gb', gone)).toEqual([{ '2026-04-01': '90' }]);
  });

  it('that nobody will ever know is closed on an operator’s word, and stays so', async () => {
    await meters.traffic('1', '2026-03-31T00:00:00Z', hours(3));
    await meterFirst();
    const accept = () =>
      acceptUnknownDays(
        world.em(),
        { resourceKind: 'bandwidth_gb', from: '2026-04-01', until: '2026-04-02' },
        {
          actor: systemSession,
          reason: 'the provider forgot',
          at: new Date('2026-04-03T00:00:00Z'),
          requestId: 'r',
        },
      );
    expect(await accept()).toBe(1);
    expect(await accept()).toBe(0);
    await meterFirst('2026-04-04T00:45:00Z');
    expect(await meters.states('bandwidth_gb')).toEqual({ '2026-04-01': 'closed accepted' });
    expect(await incomplete(deployment)).toEqual({});
    const audit = await world
      .em()
      .execute(
        `select action, reason, before->0->>'state' as before, after->>'state' as after from audit_log`,
      );
    expect(audit).toEqual([
      { action: 'metered_day.accept', reason: 'the provider forgot', before: 'unknown', after: 'closed' },
    ]);
  });
});

describe('a day of buckets', () => {
  it('is unknown until each bucket that is still there was measured since the day began', async () => {
    const [deployment, other] = [await meters.deployment(), await meters.deployment()];
    const buckets = { a: { createdAt: longAgo }, b: { createdAt: longAgo }, gone: { createdAt: longAgo } };
    await meters.list('spaces_bucket', '2026-04-01T00:15:00Z', buckets);
    for (const name of ['a', 'gone']) await meters.attach('spaces_bucket', name, deployment, '2026-03-01');
    await meters.attach('spaces_bucket', 'b', other, '2026-03-01');
    await meters.measure('a', '2026-03-31T23:59:59Z', 1n);
    await meters.measure('b', '2026-04-01T00:00:00Z', 1n);
    const { gone: _gone, ...left } = buckets;
    await meters.list('spaces_bucket', '2026-04-02T00:15:00Z', left);
    await meterFirst();
    expect(await incomplete(deployment)).toEqual({ spaces_gb_month: 'unknown bucket_unmeasured' });
    expect(await incomplete(other)).toEqual({});
    await meters.measure('a', '2026-04-02T00:50:00Z', 1n);
    await meterFirst('2026-04-02T01:45:00Z');
    expect(await meters.states('spaces_gb_month')).toEqual({ '2026-04-01': 'closed' });
  });
});

describe('a day of snapshots', () => {
  it('is unknown while the provider has not said how large one is', async () => {
    const deployment = await meters.deployment();
    await meters.list('snapshot', '2026-04-02T00:15:00Z', { '1': { createdAt: longAgo } });
    await meters.attach('snapshot', '1', deployment, '2026-04-01');
    await meterFirst();
    expect(await incomplete(deployment)).toEqual({ snapshot_gb_month: 'unknown size_unknown' });
  });
});

describe('resources that are metered again by themselves', () => {
  it('change no other resource’s usage, and open a closed day that they have gaps on', async () => {
    const [deployment, other] = [await meters.deployment(), await meters.deployment()];
    await meters.list('droplet', '2026-04-02T00:15:00Z', {
      '1': { createdAt: longAgo },
      '2': { createdAt: longAgo },
    });
    await meters.attach('droplet', '1', deployment, '2026-04-01');
    await meters.traffic('2', '2026-03-31T00:00:00Z', hours(30));
    await meterFirst();
    await world.em().execute(`update metered_usage set quantity = 1`);
    await meters.attach('droplet', '2', other, '2026-04-01T12:00:00Z');
    const rows = await meterResources(world.em(), {
      resourceIds: [await meters.idOf('droplet', '2')],
      deploymentIds: [other],
      from: '2026-04-01',
      until: '2026-04-03',
      now: new Date('2026-04-02T06:00:00Z'),
    });
    expect(rows).toEqual({ added: 2, changed: 0, removed: 0 });
    expect(await meters.days('droplet_hours', deployment, other)).toEqual([
      { '2026-04-01': '1' },
      { '2026-04-01': '43200', '2026-04-02': '21600' },
    ]);
    expect(await meters.states('bandwidth_gb')).toEqual({ '2026-04-01': 'unknown readings_missing' });
    expect(await meters.states('droplet_hours')).toEqual({ '2026-04-01': 'closed' });
    expect(await incomplete(deployment)).toEqual({});
    expect(await incomplete(other)).toEqual({ bandwidth_gb: 'unknown readings_missing' });
  });
});

describe('the days that wait for metering', () => {
  const at = (now: string) => findDaysToMeter(world.em(), new Date(now));

  it('are the running one alone where nobody has anything', async () => {
    expect(await at('2026-04-02T12:00:00Z')).toEqual([{ from: '2026-04-02', until: '2026-04-03' }]);
  });

  it('go back to the first that a resource was in a deployment, and leave out what is closed', async () => {
    const deployment = await meters.deployment();
    await meters.list('droplet', '2026-04-05T00:15:00Z', { '1': { createdAt: longAgo } });
    await meters.attach('droplet', '1', deployment, '2026-03-30T23:00:00Z');
    expect(await at('2026-04-05T12:00:00Z')).toEqual([{ from: '2026-03-30', until: '2026-04-06' }]);
    await meters.meter('2026-03-31', '2026-04-02', '2026-04-05T00:45:00Z');
    await meters.meter('2026-04-03', '2026-04-06', '2026-04-05T00:45:00Z');
    expect(await at('2026-04-05T12:00:00Z')).toEqual([
      { from: '2026-03-30', until: '2026-03-31' },
      { from: '2026-04-02', until: '2026-04-03' },
      { from: '2026-04-05', until: '2026-04-06' },
    ]);
  });

  it('take up a day that has just ended for as long as its last readings may change', async () => {
    const deployment = await meters.deployment();
    await meters.list('droplet', '2026-04-02T00:15:00Z', { '1': { createdAt: longAgo } });
    await meters.attach('droplet', '1', deployment, '2026-04-01');
    await meters.meter('2026-04-01', '2026-04-03', '2026-04-02T00:45:00Z');
    expect(await at('2026-04-02T07:45:00Z')).toEqual([{ from: '2026-04-01', until: '2026-04-03' }]);
    expect(await at('2026-04-02T08:45:00Z')).toEqual([{ from: '2026-04-02', until: '2026-04-03' }]);
  });
});

describe('usage that changes', () => {
  const late = () =>
    world
      .em()
      .execute(
        `select usage_month::text as month, tenant_id, source_metered, source_llm, settled_at is not null as settled from late_usage order by 1`,
      );
  const entry = { month: '2026-04-01', tenant_id: 'tenant-a', source_metered: true, source_llm: false };

  it('in a month that a rollup has begun with is noted as late, and only there', async () => {
    const deployment = await meters.deployment();
    await meters.list('droplet', '2026-05-02T00:15:00Z', { '1': { createdAt: longAgo } });
    await meters.attach('droplet', '1', deployment, '2026-04-01');
    await meters.meter('2026-04-01', '2026-05-02', '2026-05-02T00:45:00Z');
    expect(await late()).toEqual([]);
    await world.em().insert(PeriodLedger, {
      periodStart: '2026-04-01',
      state: 'rolling_up',
      workflowId: 'w',
      runId: 'r',
      startedAt: new Date(),
      issueAfter: new Date(),
    });
    await meters.meter('2026-04-01', '2026-05-02', '2026-05-02T00:45:00Z');
    expect(await late()).toEqual([]);

    await world.em().execute(`update cloud_resource_memberships set starts_at = '2026-04-10T00:00:00Z'`);
    await meters.meter('2026-04-01', '2026-05-02', '2026-05-02T01:45:00Z');
    expect(await late()).toEqual([{ ...entry, settled: false }]);

    await world.em().execute(`update late_usage set settled_at = now()`);
    await meters.meter('2026-04-01', '2026-05-02', '2026-05-02T02:45:00Z');
    expect(await late()).toEqual([{ ...entry, settled: true }]);
    await world.em().execute(`update cloud_resource_memberships set starts_at = '2026-04-11T00:00:00Z'`);
    await meters.meter('2026-04-01', '2026-05-02', '2026-05-02T02:45:00Z');
    expect(await late()).toEqual([{ ...entry, settled: false }]);
  });
});
