import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  addSeries,
  bytesByHour,
  type HourlyBandwidth,
  longestGapSeconds,
  type RateSample,
} from '../../src/domain/bandwidth.ts';
import { Decimal } from '../../src/domain/money.ts';

const from = new Date('2026-04-01T10:00:00Z');
const until = new Date('2026-04-01T13:00:00Z');
const start = from.getTime() / 1000;

const sample = (offset: number, rate: string | null): RateSample => ({
  atSecond: start + offset,
  megabitsPerSecond: rate === null ? null : new Decimal(rate),
});
const inShort = (hours: readonly HourlyBandwidth[]) =>
  hours.map(({ bytes, coveredSeconds }) => [bytes, coveredSeconds]);

/** Readings from a quarter before the first hour to a quarter after the last, in any order, some of the same second. */
const samples = fc.array(
  fc.record({
    atSecond: fc.integer({ min: start - 900, max: start + 3 * 3600 + 900 }),
    megabitsPerSecond: fc.oneof(
      {
        weight: 9,
        arbitrary: fc.bigInt(0n, 10n ** 21n).map((units) => new Decimal(units.toString()).div('1e18')),
      },
      { weight: 1, arbitrary: fc.constant(null) },
    ),
  }),
  { maxLength: 60 },
);

describe('bytes by hour', () => {
  it('are rate × seconds × 125,000 for a steady rate, whatever the step', () => {
    for (const step of [15, 60, 300, 840]) {
      const steady = Array.from({ length: Math.ceil(10_800 / step) + 2 }, (_, index) =>
        sample((index - 1) * step, '0.016600450090265357'),
      );
      expect(inShort(bytesByHour(steady, from, until))).toEqual(
        // 0.016600450090265357 × 3,600 × 125,000 = 7,470,202.54…
        Array.from({ length: 3 }, () => [7_470_203n, 3600]),
      );
    }
  });

  it('give each reading the seconds since the one before, split where the hour ends', () => {
    const readings = [sample(3300, '1'), sample(3900, '8')];
    expect(inShort(bytesByHour(readings, from, until))).toEqual([
      [300_000_000n, 300],
      [300_000_000n, 300],
      [0n, 0],
    ]);
  });

  it('give a reading after a longer silence the longest gap only, and one without a number nothing', () => {
    const readings = [sample(0, '5'), sample(3000, '8'), sample(3060, null), sample(3120, '8')];
    expect(inShort(bytesByHour(readings, from, until))[0]).toEqual([
      BigInt(longestGapSeconds + 60) * 1_000_000n,
      longestGapSeconds + 60,
    ]);
  });

  it('are there for every hour, also without any reading', () => {
    expect(inShort(bytesByHour([], from, until))).toEqual([
      [0n, 0],
      [0n, 0],
      [0n, 0],
    ]);
  });

  it('do not depend on the order of the readings', () => {
    fc.assert(
      fc.property(samples, fc.infiniteStream(fc.nat()), (readings, order) => {
        const distinct = [...new Map(readings.map((one) => [one.atSecond, one])).values()];
        const shuffled = distinct
          .map((one) => ({ one, key: order.next().value }))
          .toSorted((left, right) => left.key - right.key)
          .map(({ one }) => one);
        expect(bytesByHour(shuffled, from, until)).toEqual(bytesByHour(distinct, from, until));
      }),
    );
  });

  it('are the same read in one piece and hour by hour, where readings are no further apart than the longest gap', () => {
    const steps = fc.array(
      fc.record({ step: fc.integer({ min: 1, max: longestGapSeconds }), rate: fc.nat(1_000_000) }),
      { minLength: 40, maxLength: 60 },
    );
    fc.assert(
      fc.property(steps, (readings) => {
        let offset = -longestGapSeconds;
        const all = readings.map(({ step, rate }) => {
          offset += step;
          return sample(offset, `0.${String(rate).padStart(7, '0')}`);
        });
        const pieces = [0, 1, 2].flatMap((hour) => {
          const begin = start + hour * 3600;
          const seen = all.filter(
            ({ atSecond }) =>
              atSecond >= begin - longestGapSeconds && atSecond <= begin + 3600 + longestGapSeconds,
          );
          return bytesByHour(seen, new Date(begin * 1000), new Date((begin + 3600) * 1000));
        });
        expect(pieces).toEqual(bytesByHour(all, from, until));
      }),
    );
  });

  it('of an hour are settled once a reading after its end is there: a later one changes nothing', () => {
    fc.assert(
      fc.property(samples, fc.integer({ min: 1, max: 900 }), (readings, later) => {
        const closed = [...readings, sample(3600, '1')];
        const [hour] = bytesByHour(closed, from, until);
        const [again] = bytesByHour([...closed, sample(3600 + later, '900')], from, until);
        expect(again).toEqual(hour);
      }),
    );
  });

  it('never cover more than the hour, and are at most its seconds at the highest rate', () => {
    fc.assert(
      fc.property(samples, (readings) => {
        for (const { bytes, coveredSeconds } of bytesByHour(readings, from, until)) {
          expect(coveredSeconds).toBeLessThanOrEqual(3600);
          expect(bytes).toBeLessThanOrEqual(BigInt(coveredSeconds) * 1000n * 125_000n);
          expect(bytes).toBeGreaterThanOrEqual(0n);
        }
      }),
    );
  });
});

describe('two series of one droplet', () => {
  it('add up by the hour, covered as far as the better one', () => {
    const one = bytesByHour([sample(0, '1'), sample(600, '1')], from, until);
    const other = bytesByHour([sample(0, '2'), sample(300, '2')], from, until);
    expect(inShort(addSeries([one, other]))[0]).toEqual([600n * 125_000n + 600n * 125_000n, 600]);
    expect(addSeries([one])).toEqual(one);
  });
});
