import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { addDays, type Day } from '../../src/domain/calendar.ts';
import { type MeterKind, meterKindNames, meterKinds } from '../../src/domain/meters.ts';
import type { ResourcePriceTerms } from '../../src/domain/planTerms.ts';
import { ManualUsage } from '../../src/entities/manualUsage.ts';
import { MeteredUsage } from '../../src/entities/meteredUsage.ts';
import { ResourcePrice } from '../../src/entities/resourcePrice.ts';
import { incompleteDays, sumUsage, toUsageTerms, usageForPeriod } from '../../src/services/usageForPeriod.ts';
import { countStatements } from './countStatements.ts';
import { type Metering, meteringIn } from './meteringWorld.ts';
import { openWorld, type World } from './world.ts';

let world: World;
let meters: Metering;
let deployment: string;
beforeAll(async () => {
  world = await openWorld();
  meters = meteringIn(world);
});
afterAll(() => world.close());
beforeEach(async () => {
  deployment = await meters.deployment();
});

const metered = (resourceKind: MeterKind, day: Day, quantity: string | number, deploymentId = deployment) =>
  world.em().insert(MeteredUsage, {
    tenantId: 'tenant-a',
    deploymentId,
    resourceId: randomUUID(),
    resourceKind,
    day,
    quantity: String(quantity),
    meteredAt: new Date(),
  });
const corrected = (resourceKind: MeterKind, day: Day, quantity: string | number, of = deployment) =>
  world.em().insert(ManualUsage, {
    tenantId: 'tenant-a',
    deployment: of,
    resourceKind,
    day,
    quantity: String(quantity),
    reason: 'test',
    actor: 'test',
    createdAt: new Date(),
  });
/** Prices in a currency of the test's own. */
const price = async (currency: string, resourceKind: MeterKind, effectiveFrom: Day, priceCents = '1') => {
  const unit = meterKinds[resourceKind].overageUnit;
  await world.em().insert(ResourcePrice, { resourceKind, unit, priceCents, currency, effectiveFrom });
};
const april = (currency = 'AUD') => ({
  deploymentId: deployment,
  from: '2026-04-01',
  until: '2026-05-01',
  currency,
});

describe('the sum of a range', () => {
  it('is metered rows and corrections of its days, of each kind by itself', async () => {
    await metered('droplet_hours', '2026-03-31', 1000);
    await metered('droplet_hours', '2026-04-01', 3600);
    await metered('droplet_hours', '2026-04-01', 7200);
    await metered('droplet_hours', '2026-04-30', 10);
    await metered('droplet_hours', '2026-05-01', 1000);
    await metered('volume_gb_month', '2026-04-10', '123456789012345678901234567890');
    await corrected('droplet_hours', '2026-04-30', -4);
    await corrected('llm_tokens', '2026-04-15', 12);
    const sums = await sumUsage(world.em(), [april()]);
    expect(sums).toEqual(
      (
        [
          ['droplet_hours', '10806'],
          ['llm_tokens', '12'],
          ['volume_gb_month', '123456789012345678901234567890'],
        ] as const
      ).map(([resourceKind, quantity]) => ({
        deploymentId: deployment,
        from: '2026-04-01',
        resourceKind,
        priceEffectiveFrom: null,
        metered: quantity,
      })),
    );
    expect(await usageForPeriod(world.em(), { deploymentId: deployment, period: '2026-04-01' })).toEqual([
      { resourceKind: 'droplet_hours', metered: '10806', qty: '3.001667' },
      { resourceKind: 'llm_tokens', metered: '12', qty: '12' },
      {
        resourceKind: 'volume_gb_month',
        metered: '123456789012345678901234567890',
        qty: '44358832791951.271874',
      },
    ]);
  });

  it('takes the maximum of the days of a kind that counts so, each with its corrections', async () => {
    await metered('dns_zones', '2026-04-02', 1);
    await metered('dns_zones', '2026-04-02', 1);
    await metered('dns_zones', '2026-04-03', 1);
    await corrected('dns_zones', '2026-04-03', 4);
    await metered('dns_zones', '2026-04-04', 1);
    await corrected('dns_zones', '2026-04-04', -1);
    expect(await sumUsage(world.em(), [april()])).toMatchObject([
      { resourceKind: 'dns_zones', metered: '5' },
    ]);
  });

  it('has no day below nothing, where metering took back what a correction was of', async () => {
    await corrected('droplet_hours', '2026-04-01', -3600);
    await metered('droplet_hours', '2026-04-02', 60);
    expect(await sumUsage(world.em(), [april()])).toMatchObject([{ metered: '60' }]);
  });

  it('is divided where another resource price of its currency comes into force, each day at the price at its end', async () => {
    await price('NZD', 'volume_gb_month', '2026-04-10', '15');
    await price('NZD', 'volume_gb_month', '2026-04-20', '20');
    await price('NZD', 'volume_gb_month', '2026-05-01', '99');
    await price('CHF', 'volume_gb_month', '2026-01-01', '1');
    for (const [day, quantity] of [
      ['2026-04-09', 1],
      ['2026-04-10', 20],
      ['2026-04-19', 300],
      ['2026-04-20', 4000],
    ] as const) {
      await metered('volume_gb_month', day, quantity);
    }
    const divided = await sumUsage(world.em(), [april('NZD')]);
    expect(divided.map((sum) => [sum.priceEffectiveFrom, sum.metered])).toEqual([
      [null, '1'],
      ['2026-04-10', '320'],
      ['2026-04-20', '4000'],
    ]);
    const whole = await sumUsage(world.em(), [april('CHF')]);
    expect(whole.map((sum) => [sum.priceEffectiveFrom, sum.metered])).toEqual([['2026-01-01', '4321']]);
  });

  it('comes in one statement for however many ranges, and each range has its own', async () => {
    const others = [await meters.deployment(), await meters.deployment()];
    await metered('droplet_hours', '2026-04-03', 7, others[0]);
    await metered('droplet_hours', '2026-04-20', 11, others[0]);
    await metered('droplet_hours', '2026-04-03', 13, others[1]);
    const ranges = others.flatMap((deploymentId) => [
      { deploymentId, from: '2026-04-01', until: '2026-04-15', currency: 'AUD' },
      { deploymentId, from: '2026-04-15', until: '2026-05-01', currency: 'AUD' },
      { deploymentId, from: '2026-05-01', until: '2026-05-01', currency: 'AUD' },
    ]);
    let sums: unknown[] = [];
    const one = await countStatements(world, () => sumUsage(world.em(), ranges.slice(0, 1)));
    const all = await countStatements(world, async () => {
      sums = (await sumUsage(world.em(), ranges)).map((sum) => [
        others.indexOf(sum.deploymentId),
        sum.from,
        sum.metered,
      ]);
    });
    expect(one).toBeGreaterThan(0);
    expect(all).toBe(one);
    expect(sums).toHaveLength(3);
    expect(sums).toEqual(
      expect.arrayContaining([
        [0, '2026-04-01', '7'],
        [0, '2026-04-15', '11'],
        [1, '2026-04-01', '13'],
      ]),
    );
    expect(await sumUsage(world.em(), [])).toEqual([]);
    expect(await incompleteDays(world.em(), [])).toEqual([]);
  });

  it('agrees with adding up the days one by one, whatever they hold', async () => {
    const entry = fc.record({
      kind: fc.constantFrom(...meterKindNames),
      day: fc.integer({ min: 0, max: 39 }).map((offset) => addDays('2026-03-27', offset)),
      quantity: fc.bigInt({ min: 1n, max: 10n ** 30n }),
      isManual: fc.boolean(),
    });
    const rising = fc.uniqueArray(fc.integer({ min: -5, max: 35 }), { maxLength: 3 });
    let run = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(entry, { maxLength: 25 }), rising, async (entries, offsets) => {
        run += 1;
        const currency = `X${run}`;
        const own = await meters.deployment();
        const effective = offsets.map((offset) => addDays('2026-04-01', offset)).toSorted();
        for (const day of effective) await price(currency, 'bandwidth_gb', day);
        for (const { kind, day, quantity, isManual } of entries) {
          if (isManual) await corrected(kind, day, String(quantity), own);
          else await metered(kind, day, String(quantity), own);
        }
        const byDay = Map.groupBy(
          entries.filter(({ day }) => day >= '2026-04-01' && day < '2026-05-01'),
          ({ kind, day }) =>
            JSON.stringify([
              kind,
              kind === 'bandwidth_gb' ? (effective.findLast((from) => from <= day) ?? null) : null,
              day,
            ]),
        );
        const expected = new Map<string, bigint>();
        for (const [key, rows] of byDay) {
          const [kind, from]: [MeterKind, Day | null] = JSON.parse(key);
          const total = rows.reduce((sum, row) => sum + row.quantity, 0n);
          const slice = JSON.stringify([kind, from]);
          const before = expected.get(slice) ?? 0n;
          const isMaximum = meterKinds[kind].aggregation === 'max';
          expected.set(slice, isMaximum ? (total > before ? total : before) : before + total);
        }
        const sums = await sumUsage(world.em(), [
          { deploymentId: own, from: '2026-04-01', until: '2026-05-01', currency },
        ]);
        expect(
          new Map(
            sums.map((sum) => [
              JSON.stringify([sum.resourceKind, sum.priceEffectiveFrom]),
              BigInt(sum.metered),
            ]),
          ),
        ).toEqual(expected);
      }),
      { numRuns: 25 },
    );
  });
});

describe('usage as a quote takes it', () => {
  const terms = (priceCents: string, effectiveFrom: Day): ResourcePriceTerms => ({
    unit: 'gb_month',
    priceCents,
    effectiveFrom,
  });
  const prices = new Map<MeterKind, readonly ResourcePriceTerms[]>([
    ['volume_gb_month', [terms('15', '2026-04-10'), terms('20', '2026-04-20')]],
  ]);
  const range = { deploymentId: 'd', from: '2026-04-01', until: '2026-05-01', currency: 'AUD' };
  const sum = (resourceKind: MeterKind, quantity: bigint, priceEffectiveFrom: Day | null = null) => ({
    deploymentId: 'd',
    from: '2026-04-01',
    resourceKind,
    priceEffectiveFrom,
    metered: String(quantity),
  });
  const gbMonth = 2n ** 30n * 86_400n * 30n;

  it('is one slice without a price of a kind in the plan, rounded once, however prices divide it', () => {
    const sums = [
      sum('volume_gb_month', gbMonth / 3n),
      sum('volume_gb_month', gbMonth / 3n, '2026-04-10'),
      sum('volume_gb_month', gbMonth / 3n, '2026-04-20'),
    ];
    const planKinds = new Set<MeterKind>(['volume_gb_month']);
    expect(toUsageTerms(range, sums, { period: '2026-04-01', planKinds, prices })).toEqual([
      { resourceKind: 'volume_gb_month', slices: [{ qty: '1', days: 30, price: null }] },
    ]);
  });

  it('is a slice for each span of one price of any other kind, those without usage too', () => {
    const sums = [sum('volume_gb_month', gbMonth * 2n, '2026-04-20'), sum('volume_gb_month', gbMonth / 2n)];
    const planKinds = new Set<MeterKind>(['droplet_hours']);
    expect(toUsageTerms(range, sums, { period: '2026-04-01', planKinds, prices })).toEqual([
      {
        resourceKind: 'volume_gb_month',
        slices: [
          { qty: '0.5', days: 9, price: null },
          { qty: '0', days: 10, price: terms('15', '2026-04-10') },
          { qty: '2', days: 11, price: terms('20', '2026-04-20') },
        ],
      },
    ]);
  });

  it('is nothing for kinds without usage, and for a range without days', () => {
    const options = { period: '2026-04-01', planKinds: new Set<MeterKind>(), prices };
    expect(toUsageTerms(range, [], options)).toEqual([]);
    expect(toUsageTerms({ ...range, until: '2026-04-01' }, [sum('dns_zones', 1n)], options)).toEqual([]);
  });

  it('keeps the maximum of a kind that counts so, over all of its prices', () => {
    const sums = [sum('dns_zones', 3n), sum('dns_zones', 5n, '2026-04-10')];
    const planKinds = new Set<MeterKind>(['dns_zones']);
    expect(toUsageTerms(range, sums, { period: '2026-04-01', planKinds, prices })).toEqual([
      { resourceKind: 'dns_zones', slices: [{ qty: '5', days: 30, price: null }] },
    ]);
  });
});
