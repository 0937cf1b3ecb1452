import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { PartsOfAnotherWhole, roundParts } from '../../../src/domain/allocation.ts';
import { type CostPart, convertByKind, convertCosts } from '../../../src/domain/margin/convertCosts.ts';
import { marginPercentage } from '../../../src/domain/margin/percentage.ts';
import { Decimal } from '../../../src/domain/money.ts';

const of = (tenantId: string | null, deploymentId: string | null, amount: string): CostPart => ({
  tenantId,
  bucket: tenantId === null ? 'shared' : 'attributed',
  deploymentId,
  amount: new Decimal(amount),
});
const amount = fc
  .tuple(fc.integer({ min: -10_000_000, max: 10_000_000 }), fc.nat(6))
  .map(([digits, places]) => new Decimal(digits).dividedBy(10 ** places));
const rate = fc.integer({ min: 1, max: 3_000_000 }).map((digits) => new Decimal(digits).dividedBy(1_000_000));
const parts = fc
  .uniqueArray(
    fc.record({
      tenantId: fc.constantFrom('a', 'b', 'c', null),
      deploymentId: fc.constantFrom('d1', 'd2', 'd3', null),
      bucket: fc.constantFrom('shared', 'tax', 'credit', 'unattributed'),
      amount,
    }),
    {
      maxLength: 20,
      selector: ({ tenantId, deploymentId, bucket }) =>
        tenantId === null ? bucket : `${tenantId}/${deploymentId}`,
    },
  )
  .map((all) =>
    all.map((part) =>
      part.tenantId === null ? { ...part, deploymentId: null } : { ...part, bucket: 'attributed' },
    ),
  );
const add = (cents: readonly number[]) => cents.reduce((total, one) => total + one, 0);

describe('costs in the reporting currency', () => {
  it('are the exact total, converted and rounded once; tenants and buckets share it, deployments share their tenant’s', () => {
    const converted = convertCosts(
      [of('a', 'd1', '0.005'), of('a', 'd2', '0.005'), of('b', 'd3', '0.005'), of(null, null, '0.005')],
      new Decimal(1),
    );
    expect(converted.map(({ cents }) => cents)).toEqual([1, 0, 0, 1]);
  });

  it('of the pilot in April 2026 are what the golden says', () => {
    const converted = convertCosts(
      [of('dashboard-pilot', 'd', '30.53'), of(null, null, '56.39')],
      new Decimal(1),
    );
    expect(converted.map(({ cents }) => cents)).toEqual([3053, 5639]);
    expect(marginPercentage(7112 - 3053, 7112)).toBe('57.1');
  });

  it('add up to the rounded total, each within a cent of its exact amount a level', () => {
    fc.assert(
      fc.property(parts, rate, (all, by) => {
        const exactOf = (some: readonly CostPart[]) =>
          some
            .reduce((total, part) => total.plus(part.amount), new Decimal(0))
            .times(by)
            .times(100);
        const converted = convertCosts(all, by);
        expect(add(converted.map(({ cents }) => cents))).toBe(exactOf(all).toDecimalPlaces(0).toNumber() + 0);
        for (const part of converted) {
          expect(exactOf([part]).minus(part.cents).abs().lessThan(2)).toBe(true);
        }
      }),
    );
  });

  it('are the same for each owner, in whatever order they come', () => {
    const shuffled = parts.chain((all) =>
      fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length })),
    );
    fc.assert(
      fc.property(shuffled, rate, ([all, other], by) => {
        const byOwner = (given: readonly CostPart[]) =>
          new Map(
            convertCosts(given, by).map((part) => [
              `${part.bucket}/${part.tenantId}/${part.deploymentId}`,
              part.cents,
            ]),
          );
        expect(byOwner(other)).toEqual(byOwner(all));
      }),
    );
  });

  it('by kind add up to the same total', () => {
    fc.assert(
      fc.property(parts, rate, (all, by) => {
        const kinds = all.map((part, index) => ({ kind: `kind ${index}`, amount: part.amount }));
        expect(add(convertByKind(kinds, by))).toBe(add(convertCosts(all, by).map(({ cents }) => cents)));
      }),
    );
  });
});

describe('rounded parts', () => {
  it('refuse a whole that is not theirs', () => {
    expect(() => roundParts(3, [{ key: 'a', exact: new Decimal('1.5') }])).toThrow(PartsOfAnotherWhole);
  });

  it('of a whole without parts are none', () => {
    expect(roundParts(0, [])).toEqual([]);
  });
});

describe('the percentage of a margin', () => {
  it.each([
    [4059, 7112, '57.1'],
    [-1580, 7112, '-22.2'],
    [1, 2000, '0.1'],
    [-1, 2000, '-0.1'],
    [0, 7112, '0.0'],
    [10, 10, '100.0'],
    [5, 0, null],
    [-8692, 0, null],
  ])('of %i on %i is %s', (margin, revenue, expected) => {
    expect(marginPercentage(margin, revenue)).toBe(expected);
  });
});
