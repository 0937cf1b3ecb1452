import { daysOfPeriod } from './calendar.ts';
import { Decimal } from './money.ts';
import type { Period } from './period.ts';

/** How many base units one overage unit has. */
export const unitFactors = { hour: 1, gb_month: 1, gb: 1, zone: 1, '1k_tokens': 1000 } as const;
export type OverageUnit = keyof typeof unitFactors;

interface Meter {
  /** What plans, addons and caps count. */
  readonly baseUnit: 'hour' | 'gb_month' | 'gb' | 'zone' | 'token';
  /** What overage is priced by; a kind has exactly one. */
  readonly overageUnit: OverageUnit;
  /** What usage rows hold, as exact integers. */
  readonly meteredUnit: 'second' | 'byte_second' | 'byte' | 'zone' | 'token';
  /** How a month comes from its days: their sum, or their maximum. */
  readonly aggregation: 'sum' | 'max';
}

/** Every kind that is metered, in the order in which invoices list them. */
export const meterKinds = {
  droplet_hours: { baseUnit: 'hour', overageUnit: 'hour', meteredUnit: 'second', aggregation: 'sum' },
  spaces_gb_month: {
    baseUnit: 'gb_month',
    overageUnit: 'gb_month',
    meteredUnit: 'byte_second',
    aggregation: 'sum',
  },
  snapshot_gb_month: {
    baseUnit: 'gb_month',
    overageUnit: 'gb_month',
    meteredUnit: 'byte_second',
    aggregation: 'sum',
  },
  volume_gb_month: {
    baseUnit: 'gb_month',
    overageUnit: 'gb_month',
    meteredUnit: 'byte_second',
    aggregation: 'sum',
  },
  bandwidth_gb: { baseUnit: 'gb', overageUnit: 'gb', meteredUnit: 'byte', aggregation: 'sum' },
  dns_zones: { baseUnit: 'zone', overageUnit: 'zone', meteredUnit: 'zone', aggregation: 'max' },
  llm_tokens: { baseUnit: 'token', overageUnit: '1k_tokens', meteredUnit: 'token', aggregation: 'sum' },
} as const satisfies Record<string, Meter>;
export type MeterKind = keyof typeof meterKinds;
export const meterKindNames = Object.keys(meterKinds) as MeterKind[];

/** A GB is 2^30 bytes everywhere. */
export const bytesPerGb = 2 ** 30;

/** Usage, allowances and caps have six decimals: one rounding each, half up. */
export function roundQuantity(quantity: Decimal): Decimal {
  return quantity.toDecimalPlaces(6);
}

/**
 * A sum (or maximum) of metered integers in base units, rounded once to six decimals, half up: hours are seconds / 3,600, gigabytes
 * bytes / 2^30, and gigabyte-months byte-seconds / 2^30 / the seconds of the month.
 * @param metered in the kind's metered unit
 */
export function toBaseQuantity(kind: MeterKind, metered: string | Decimal, period: Period): Decimal {
  return roundQuantity(new Decimal(metered).dividedBy(meteredPerBase(kind, period)));
}

/** How many metered units one base unit has in a month; all are whole numbers. */
function meteredPerBase(kind: MeterKind, period: Period): number {
  switch (meterKinds[kind].baseUnit) {
    case 'hour':
      return 3600;
    case 'gb':
      return bytesPerGb;
    case 'gb_month':
      return bytesPerGb * daysOfPeriod(period) * 86_400;
    case 'zone':
    case 'token':
      return 1;
  }
}
