import { Decimal } from './money.ts';

/** One reading of a rate: the mean since the reading before. */
export interface RateSample {
  /** Whole seconds since 1970. */
  readonly atSecond: number;
  /** Null where the provider gave a reading without a number. */
  readonly megabitsPerSecond: Decimal | null;
}

/** What went out in one hour, as far as readings cover it. */
export interface HourlyBandwidth {
  readonly hourStart: Date;
  /** Rounded once, half up. */
  readonly bytes: bigint;
  /** How much of the hour's 3,600 seconds readings stand for; the rest is unknown and counts as nothing. */
  readonly coveredSeconds: number;
}

/** A reading stands for this long before it at most: what was in a longer silence nobody knows. */
export const longestGapSeconds = 900;

const hourSeconds = 3600;
/** A megabit is 10^6 bits (SI), a byte 8 bits. */
const bytesPerMegabit = 125_000;

/**
 * Integrates readings by the look-back rule: each stands for the seconds since the reading before it, at most
 * `longestGapSeconds`; the first one stands for nothing, it only begins. Readings may come in any order; of two of the same
 * second the first counts. A later reading never changes what was before its predecessor.
 * @param from a full hour, as is `until`, which is excluded
 * @returns every hour between them, in order, also those that nothing is known of
 */
export function bytesByHour(samples: readonly RateSample[], from: Date, until: Date): HourlyBandwidth[] {
  const hours = new Map<number, { megabits: Decimal; covered: number }>();
  for (let hour = seconds(from); hour < seconds(until); hour += hourSeconds) {
    hours.set(hour, { megabits: new Decimal(0), covered: 0 });
  }
  let previous: number | undefined;
  for (const { atSecond, megabitsPerSecond } of inOrder(samples)) {
    let start = previous === undefined ? atSecond : Math.max(previous, atSecond - longestGapSeconds);
    previous = atSecond;
    while (megabitsPerSecond !== null && start < atSecond) {
      const hour = start - (start % hourSeconds);
      const stop = Math.min(atSecond, hour + hourSeconds);
      const sums = hours.get(hour);
      if (sums !== undefined) {
        sums.megabits = sums.megabits.plus(megabitsPerSecond.times(stop - start));
        sums.covered += stop - start;
      }
      start = stop;
    }
  }
  return [...hours].map(([hour, { megabits, covered }]) => ({
    hourStart: new Date(hour * 1000),
    bytes: BigInt(megabits.times(bytesPerMegabit).toDecimalPlaces(0).toFixed()),
    coveredSeconds: covered,
  }));
}

/** Adds up the series of one droplet, hour by hour; an hour is covered as far as its best series. */
export function addSeries(series: readonly (readonly HourlyBandwidth[])[]): HourlyBandwidth[] {
  const hours = new Map<number, HourlyBandwidth>();
  for (const hour of series.flat()) {
    const time = hour.hourStart.getTime();
    const sum = hours.get(time);
    hours.set(time, {
      hourStart: hour.hourStart,
      bytes: hour.bytes + (sum?.bytes ?? 0n),
      coveredSeconds: Math.max(hour.coveredSeconds, sum?.coveredSeconds ?? 0),
    });
  }
  return [...hours.values()];
}

function seconds(instant: Date): number {
  return instant.getTime() / 1000;
}

function inOrder(samples: readonly RateSample[]): RateSample[] {
  const bySecond = new Map<number, RateSample>();
  for (const sample of samples) if (!bySecond.has(sample.atSecond)) bySecond.set(sample.atSecond, sample);
  return [...bySecond.values()].toSorted((one, other) => one.atSecond - other.atSecond);
}
