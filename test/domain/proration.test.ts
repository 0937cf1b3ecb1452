import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { prorateCents } from '../../src/domain/proration.ts';

const monthDays = fc.integer({ min: 28, max: 31 });
const cents = fc.oneof(fc.integer({ min: 0, max: 20_000 }), fc.maxSafeNat());

describe('the share of a fee', () => {
  it.each([
    [5000, 12, 31, 1935],
    [750, 12, 31, 290],
    [5000, 0, 31, 0],
    [5000, 31, 31, 5000],
    [0, 12, 31, 0],
    [1, 15, 30, 1],
    [1, 14, 30, 0],
    [-1, 15, 30, -1],
    [-1, 14, 30, 0],
    [-750, 12, 31, -290],
    [9007199254740991, 29, 30, 8706959279582958],
    [9007199254740991, 30, 30, 9007199254740991],
  ])('of %i for %i of %i days is %i: half up, away from zero', (full, days, month, expected) => {
    expect(prorateCents(full, days, month)).toBe(expected);
  });

  it('is within half a cent of the exact share, for every amount that a number holds', () => {
    fc.assert(
      fc.property(cents, monthDays, fc.nat(31), (full, month, some) => {
        const days = Math.min(some, month);
        const twiceOff =
          2n * (BigInt(prorateCents(full, days, month)) * BigInt(month) - BigInt(full) * BigInt(days));
        expect(twiceOff > -BigInt(month) && twiceOff <= BigInt(month)).toBe(true);
      }),
    );
  });

  it('turns its sign with the fee', () => {
    fc.assert(
      fc.property(cents, monthDays, fc.nat(28), (full, month, days) => {
        expect(prorateCents(-full, days, month) + prorateCents(full, days, month)).toBe(0);
      }),
    );
  });

  it('adds up to the fee: two shares of a month to a cent, and a day more never costs less', () => {
    fc.assert(
      fc.property(cents, monthDays, fc.nat(27), (full, month, days) => {
        const [share, rest] = [prorateCents(full, days, month), prorateCents(full, month - days, month)];
        expect(Math.abs(share + rest - full)).toBeLessThanOrEqual(1);
        expect(prorateCents(full, days + 1, month)).toBeGreaterThanOrEqual(share);
      }),
    );
  });
});
