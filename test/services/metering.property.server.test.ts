import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { addDays } from '../../src/domain/calendar.ts';
import type { ResourceKind } from '../../src/domain/resourceKind.ts';
import type { ProviderResource } from '../../src/providers/provider.ts';
import { meterResources } from '../../src/services/meterDays.ts';
import { gb, type Metering, meteringIn } from './meteringWorld.ts';
import { openWorld, type World } from './world.ts';

/** Four days over the end of a month, in seconds. */
const first = '2026-04-29';
const days = 4;
const end = days * 86_400;
const until = addDays(first, days);
const start = Date.parse(`${first}T00:00:00Z`);
const at = (second: number, milliseconds = 0) => new Date(start + second * 1000 + milliseconds).toISOString();

/** A droplet and a volume that live and die together, and whom they belong to. Times are seconds since the first day began. */
interface Life {
  readonly createdAt: number;
  readonly diesAt: number | null;
  /** Whose it is from then on; null is nobody's. Said at the first sync after it was made, for the past too. */
  readonly owners: readonly { readonly from: number; readonly deployment: 0 | 1 | null }[];
  /** The volume's size from then on. */
  readonly sizes: readonly { readonly from: number; readonly gigabytes: number }[];
  /** Bytes that the droplet sends, in each hour that it lives in. */
  readonly bytes: bigint;
}

const second = fc.integer({ min: 0, max: end });
const owner = fc.constantFrom(0 as const, 0 as const, 1 as const, 1 as const, null);
const life: fc.Arbitrary<Life> = fc.record({
  createdAt: fc.integer({ min: -200_000, max: end - 1 }),
  diesAt: fc.option(second, { nil: null }),
  owners: fc
    .tuple(owner, fc.uniqueArray(fc.tuple(second, owner), { selector: ([from]) => from, maxLength: 4 }))
    .map(([deployment, changes]) => [
      { from: 0, deployment },
      ...changes
        .filter(([from]) => from > 0)
        .map(([from, next]) => ({ from, deployment: next }))
        .toSorted((one, other) => one.from - other.from),
    ]),
  sizes: fc
    .uniqueArray(fc.record({ from: second, gigabytes: fc.integer({ min: 1, max: 500 }) }), {
      selector: ({ from }) => from,
      minLength: 1,
      maxLength: 3,
    })
    .map((entries) => entries.toSorted((one, other) => one.from - other.from)),
  bytes: fc.bigInt({ min: 0n, max: 10n ** 16n }),
});

const history = fc.record({
  lives: fc.array(life, { minLength: 1, maxLength: 3 }),
  syncs: fc
    .uniqueArray(second, { minLength: 2, maxLength: 5 })
    .map((entries) => entries.toSorted((a, b) => a - b)),
  meterings: fc.array(second, { maxLength: 5 }),
  order: fc.shuffledSubarray([0, 1, 2, 3], { minLength: 4 }),
});
type History = typeof history extends fc.Arbitrary<infer Value> ? Value : never;

describe('metering, over any history', () => {
  let asItHappens: World;
  let afterwards: World;
  beforeAll(async () => {
    [asItHappens, afterwards] = await Promise.all([openWorld(), openWorld()]);
  });
  afterAll(() => Promise.all([asItHappens.close(), afterwards.close()]));

  it('gives the same rows hour by hour, day by day in any order, or all at once, and again', async () => {
    let run = 0;
    await fc.assert(
      fc.asyncProperty(history, async (told) => {
        run += 1;
        const [hourly, once] = [meteringIn(asItHappens, `run ${run}`), meteringIn(afterwards, `run ${run}`)];
        const live = await unfold(asItHappens, hourly, told, true);
        for (const day of told.order) {
          await hourly.meter(addDays(first, day), addDays(first, day + 1), at(end + 3600));
        }
        const late = await unfold(afterwards, once, told, false);
        await once.meter(first, until, at(end + 3600));

        const rows = await rowsOf(asItHappens, live);
        expect(rows).toEqual(await rowsOf(afterwards, late));
        expect(await once.meter(first, until, at(end + 7200))).toMatchObject({
          added: 0,
          changed: 0,
          removed: 0,
        });
        expect(await hourly.meter(first, until, at(end + 7200))).toMatchObject({
          added: 0,
          changed: 0,
          removed: 0,
        });

        for (const [index, one] of told.lives.entries()) {
          const expected = expectedOf(one, told.syncs);
          for (const deployment of [0, 1] as const) {
            const sumOf = (kind: string) =>
              rows
                .filter(
                  (row) => row.deployment === deployment && row.kind === kind && row.resource === `${index}`,
                )
                .reduce((total, row) => total + BigInt(row.quantity), 0n);
            expect(sumOf('droplet_hours')).toBe(expected.seconds[deployment]);
            expect(sumOf('volume_gb_month')).toBe(expected.byteSeconds[deployment]);
          }
          const bytes = rows
            .filter((row) => row.kind === 'bandwidth_gb' && row.resource === `${index}`)
            .reduce((total, row) => total + BigInt(row.quantity), 0n);
          expect(bytes).toBeLessThanOrEqual(one.bytes * BigInt(days * 24));
          if (expected.isAlwaysOwned) expect(bytes).toBe(one.bytes * BigInt(expected.readHours));
        }
      }),
      { numRuns: 25 },
    );
  }, 180_000);
});

/** Whether a listing at that second shows it. */
const isThere = (one: Life, sync: number) =>
  one.createdAt <= sync && (one.diesAt === null || sync < one.diesAt);
const sizeAt = (one: Life, moment: number) =>
  (one.sizes.findLast((size) => size.from <= moment) ?? one.sizes[0])?.gigabytes ?? 0;

/** Lets a history happen, with or without metering on the way. @returns the two deployments */
async function unfold(
  world: World,
  meters: Metering,
  { lives, syncs, meterings }: History,
  isMetered: boolean,
): Promise<string[]> {
  const deployments = [await meters.deployment('tenant-a'), await meters.deployment('tenant-b')];
  const attached = new Set<number>();
  const steps = [
    ...syncs.map((moment) => ({ moment, isSync: true })),
    ...(isMetered ? meterings.map((moment) => ({ moment, isSync: false })) : []),
  ].toSorted((one, other) => one.moment - other.moment);
  for (const { moment, isSync } of steps) {
    if (!isSync) {
      const day = Math.min(days - 1, Math.floor(moment / 86_400));
      await meters.meter(addDays(first, day), addDays(first, day + 1), at(moment));
      continue;
    }
    const there = [...lives.entries()].filter(([, one]) => isThere(one, moment));
    const list = (kind: ResourceKind, of: (one: Life) => Partial<ProviderResource>) =>
      meters.list(
        kind,
        at(moment, 345),
        Object.fromEntries(
          there.map(([index, one]) => [index, { createdAt: new Date(at(one.createdAt)), ...of(one) }]),
        ),
      );
    await list('droplet', () => ({}));
    await list('volume', (one) => ({ attributes: { size_gigabytes: sizeAt(one, moment) } }));
    for (const [index, one] of there) {
      if (attached.has(index)) continue;
      attached.add(index);
      for (const kind of ['droplet', 'volume'] as const) await attach(kind, index, one);
      await meters.traffic(String(index), at(0), hoursOf(one, syncs));
      if (!isMetered) continue;
      await meterResources(world.em(), {
        resourceIds: [
          await meters.idOf('droplet', String(index)),
          await meters.idOf('volume', String(index)),
        ],
        deploymentIds: deployments,
        from: first,
        until: addDays(first, Math.floor(moment / 86_400) + 1),
        now: new Date(at(moment)),
      });
    }
  }
  return deployments;

  async function attach(kind: ResourceKind, index: number, { owners }: Life): Promise<void> {
    for (const [position, { from, deployment }] of owners.entries()) {
      const next = owners[position + 1];
      const id = deployment === null ? undefined : deployments[deployment];
      if (id === undefined) continue;
      await meters.attach(kind, String(index), id, at(from), next === undefined ? null : at(next.from));
    }
  }
}

/** Bytes of each hour of the range; none outside of the droplet's life. */
const hoursOf = (one: Life, syncs: readonly number[]): bigint[] => {
  const { from, until: stop } = lifeOf(one, syncs);
  return Array.from({ length: days * 24 }, (_, hour) =>
    hour * 3600 < stop && (hour + 1) * 3600 > from ? one.bytes : 0n,
  );
};

/** As the inventory knows it: until it was last seen, where a later sync lacked it. */
function lifeOf(one: Life, syncs: readonly number[]): { from: number; until: number } {
  const seen = syncs.filter((sync) => isThere(one, sync));
  const isGone = seen.length > 0 && syncs.some((sync) => sync > (seen.at(-1) ?? 0));
  return { from: one.createdAt, until: isGone ? (seen.at(-1) ?? 0) : end };
}

/** What a life comes to, reckoned second by second of its intervals. */
function expectedOf(one: Life, syncs: readonly number[]) {
  const seconds: [bigint, bigint] = [0n, 0n];
  const byteSeconds: [bigint, bigint] = [0n, 0n];
  const seen = syncs.filter((sync) => isThere(one, sync));
  const { from, until: stop } = lifeOf(one, syncs);
  const bounds = [...new Set([0, end, from, stop, ...seen, ...one.owners.map((owner) => owner.from)])]
    .filter((moment) => moment >= Math.max(0, from) && moment <= Math.min(end, stop))
    .toSorted((left, right) => left - right);
  if (seen.length > 0) {
    for (const [index, moment] of bounds.slice(0, -1).entries()) {
      const owner = one.owners.findLast((entry) => entry.from <= moment)?.deployment ?? null;
      if (owner === null) continue;
      const length = BigInt((bounds[index + 1] ?? moment) - moment);
      seconds[owner] += length;
      byteSeconds[owner] +=
        length * BigInt(sizeAt(one, seen.findLast((sync) => sync <= moment) ?? seen[0] ?? 0)) * gb;
    }
  }
  const isAlwaysOwned =
    seen.length > 0 && one.owners.every(({ deployment }) => deployment !== null) && stop > Math.max(0, from);
  const readHours = hoursOf({ ...one, bytes: 1n }, syncs).filter((bytes) => bytes > 0n).length;
  return { seconds, byteSeconds, isAlwaysOwned, readHours };
}

async function rowsOf(world: World, deployments: readonly string[]) {
  const rows = await world
    .em()
    .execute<{ deployment_id: string; resource: string; kind: string; day: string; quantity: string }[]>(
      `select usage.deployment_id, resource.external_id as resource, usage.resource_kind as kind, usage.day::text, usage.quantity::text
       from metered_usage usage join cloud_resources resource on resource.id = usage.resource_id
       where usage.deployment_id in (?, ?) order by 5, 4, 3, 2`,
      deployments,
    );
  return rows
    .map(({ deployment_id: id, ...row }) => ({ deployment: deployments.indexOf(id), ...row }))
    .toSorted((one, other) => (JSON.stringify(one) < JSON.stringify(other) ? -1 : 1));
}
