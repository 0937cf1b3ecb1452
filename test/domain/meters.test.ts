import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { daysOfPeriod } from '../../src/domain/calendar.ts';
import {
  bytesPerGb,
  meterKindNames,
  meterKinds,
  roundQuantity,
  toBaseQuantity,
  unitFactors,
} from '../../src/domain/meters.ts';
import { Decimal } from '../../src/domain/money.ts';

describe('metered usage in base units', () => {
  it.each([
    ['droplet_hours', String(3 * 30 * 86_400), '2026-04-01', '2160'],
    ['droplet_hours', '1', '2026-04-01', '0.000278'],
    ['droplet_hours', '-3600', '2026-04-01', '-1'],
    ['spaces_gb_month', String(100 * bytesPerGb * 30 * 86_400), '2026-04-01', '100'],
    ['snapshot_gb_month', String(100 * bytesPerGb * 30 * 86_400), '2026-05-01', '96.774194'],
    ['volume_gb_month', String(100 * bytesPerGb * 28 * 86_400), '2026-02-01', '100'],
    ['volume_gb_month', String(100 * bytesPerGb * 28 * 86_400), '2028-02-01', '96.551724'],
    ['bandwidth_gb', String(bytesPerGb * 1.5), '2026-04-01', '1.5'],
    ['dns_zones', '7', '2026-04-01', '7'],
    ['llm_tokens', '1500000', '2026-04-01', '1500000'],
  ] as const)('of %s: %s in %s is %s', (kind, metered, period, expected) => {
    expect(toBaseQuantity(kind, metered, period).toFixed()).toBe(expected);
    expect(toBaseQuantity(kind, new Decimal(metered), period).toFixed()).toBe(expected);
  });

  it('is rounded once, to six decimals, half up, away from zero', () => {
    expect(
      ['0.0000005', '-0.0000005', '0.0000004'].map((qty) =>
        roundQuantity(new Decimal(qty)).plus(0).toFixed(),
      ),
    ).toEqual(['0.000001', '-0.000001', '0']);
  });

  it('of a gigabyte that is kept all month is one, in every month', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 2000, max: 2100 }), (month, year) => {
        const period = `${year}-${String(month).padStart(2, '0')}-01`;
        const byteSeconds = new Decimal(bytesPerGb).times(daysOfPeriod(period)).times(86_400);
        expect(toBaseQuantity('volume_gb_month', byteSeconds, period).toFixed()).toBe('1');
      }),
    );
  });
});

describe('the kinds that are metered', () => {
  it('have an overage unit with a factor, and only zones count by maximum', () => {
    expect(meterKindNames.map((kind) => [kind, unitFactors[meterKinds[kind].overageUnit]])).toEqual(
      meterKindNames.map((kind) => [kind, kind === 'llm_tokens' ? 1000 : 1]),
    );
    expect(meterKindNames.filter((kind) => meterKinds[kind].aggregation === 'max')).toEqual(['dns_zones']);
  });
});
