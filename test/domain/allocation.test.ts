import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type AllocationShare, allocate, NothingToAllocateBy } from '../../src/domain/allocation.ts';
import { Decimal } from '../../src/domain/money.ts';

const byWeight = (...weights: readonly (number | string)[]): AllocationShare[] =>
  weights.map((weight, index) => ({ key: String.fromCharCode(97 + index), weight: new Decimal(weight) }));

const shares = fc
  .uniqueArray(fc.tuple(fc.string({ minLength: 1, maxLength: 3 }), fc.nat(1_000_000), fc.nat(4)), {
    minLength: 1,
    maxLength: 12,
    selector: ([key]) => key,
  })
  .filter((all) => all.some(([, weight]) => weight > 0))
  .map((all) =>
    all.map(([key, weight, places]) => ({ key, weight: new Decimal(weight).dividedBy(10 ** places) })),
  );
const whole = fc.oneof(fc.integer({ min: -1_000, max: 1_000 }), fc.maxSafeInteger());

describe('an allocation', () => {
  it.each([
    [100, [1, 1], [50, 50]],
    [100, [1, 1, 1], [34, 33, 33]],
    [101, [1, 1, 1], [34, 34, 33]],
    [-101, [1, 1, 1], [-34, -34, -33]],
    [10, [1, 2, 4], [1, 3, 6]],
    [10, [0, 5, 0], [0, 10, 0]],
    [0, [3, 4], [0, 0]],
    [1, ['0.2', '0.3', '0.5'], [0, 0, 1]],
    [9007199254740991, [1, 1], [4503599627370496, 4503599627370495]],
  ] as const)('of %i by %j is %j', (cents, weights, expected) => {
    expect(allocate(cents, byWeight(...weights))).toEqual(expected);
  });

  it('gives the cent between equal remainders to the lower key, by code units, wherever it stands', () => {
    const [a, b, upper] = [
      { key: 'a', weight: new Decimal(1) },
      { key: 'b', weight: new Decimal(1) },
      { key: 'B', weight: new Decimal(1) },
    ];
    expect(allocate(1, [b, a])).toEqual([0, 1]);
    expect(allocate(1, [a, b, upper])).toEqual([0, 0, 1]);
    expect(allocate(2, [b, a, upper])).toEqual([0, 1, 1]);
  });

  it('adds up to the whole, each share within a cent of its exact part', () => {
    fc.assert(
      fc.property(whole, shares, (cents, all) => {
        const allocated = allocate(cents, all);
        expect(allocated.reduce((sum, share) => sum + BigInt(share), 0n)).toBe(BigInt(cents));
        const total = all.reduce((sum, { weight }) => sum.plus(weight), new Decimal(0));
        for (const [index, { weight }] of all.entries()) {
          const exact = weight.times(cents).dividedBy(total);
          expect(
            exact
              .minus(allocated[index] ?? Number.NaN)
              .abs()
              .lessThan(1),
          ).toBe(true);
        }
      }),
    );
  });

  it('of the negative whole is that of the positive with the sign turned', () => {
    fc.assert(
      fc.property(whole, shares, (cents, all) => {
        const turned = allocate(-cents, all).map((share) => 0 - share);
        expect(turned).toEqual(allocate(cents, all));
      }),
    );
  });

  it('gives each key the same, in whatever order the shares come', () => {
    const shuffled = shares.chain((all) =>
      fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length })),
    );
    fc.assert(
      fc.property(whole, shuffled, (cents, [all, other]) => {
        const byKey = (given: readonly AllocationShare[]) => {
          const allocated = allocate(cents, given);
          return new Map(given.map(({ key }, index) => [key, allocated[index]]));
        };
        expect(byKey(other)).toEqual(byKey(all));
      }),
    );
  });

  it.each([
    ['no shares', []],
    ['weights of nothing', byWeight(0, 0)],
    ['a negative weight', byWeight(2, -1)],
  ])('refuses %s', (_, all) => {
    expect(() => allocate(5, all)).toThrow(NothingToAllocateBy);
    expect(() => allocate(5, all)).toThrow(
      expect.objectContaining({
        code: 'nothing_to_allocate_by',
        message: "5 can't be shared out: expected weights of 0 or more, one of them above 0",
        context: { whole_cents: 5 },
      }),
    );
  });
});
