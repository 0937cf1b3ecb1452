import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { PartsOfAnotherWhole, roundParts } from '../../../src/domain/allocation.ts';
import { convertByKind, convertParts, type SourcePart } from '../../../src/domain/margin/convertParts.ts';
import { labelOf } from '../../../src/domain/margin/figureLabel.ts';
import { marginPercentage } from '../../../src/domain/margin/percentage.ts';
import { Decimal, sum } from '../../../src/domain/money.ts';

const of = (tenantId: string | null, deploymentId: string | null, amount: string): SourcePart => ({
  tenantId,
  bucket: tenantId === null ? 'shared' : 'attributed',
  deploymentId,
  kind: 'droplet',
  label: 'reconciled',
  currency: 'USD',
  amount: new Decimal(amount),
});
const atPar = () => new Decimal(1);
const amount = fc
  .tuple(fc.integer({ min: -10_000_000, max: 10_000_000 }), fc.nat(6))
  .map(([digits, places]) => new Decimal(digits).dividedBy(10 ** places));
const rate = fc.integer({ min: 1, max: 3_000_000 }).map((digits) => new Decimal(digits).dividedBy(1_000_000));
const currencies = ['EUR', 'USD'] as const;
const rates = fc.record({ EUR: rate, USD: rate });
const parts: fc.Arbitrary<SourcePart[]> = fc.array(
  fc
    .record({
      tenantId: fc.constantFrom('a', 'b', 'c', null),
      deploymentId: fc.constantFrom('d1', 'd2', 'd3', null),
      bucket: fc.constantFrom('shared', 'tax', 'credit', 'unattributed'),
      kind: fc.constantFrom('droplet', 'volume', null),
      label: fc.constantFrom('estimated', 'reconciled', 'adjusted'),
      currency: fc.constantFrom(...currencies),
      amount,
    })
    .map((part) =>
      part.tenantId === null ? { ...part, deploymentId: null } : { ...part, bucket: 'attributed' },
    ),
  { maxLength: 20 },
);
const add = (cents: readonly number[]) => cents.reduce((total, one) => total + one, 0);
type Rates = Readonly<Record<string, Decimal>>;
const from = (by: Rates) => (currency: string) => by[currency] ?? new Decimal(Number.NaN);
const exactCents = (some: readonly SourcePart[], by: Rates) =>
  sum(some.map((part) => part.amount.times(from(by)(part.currency)).times(100)));
/** Each currency's total, rounded once. */
const wholeCents = (all: readonly SourcePart[], by: Rates) =>
  add(
    currencies.map((currency) =>
      exactCents(
        all.filter((part) => part.currency === currency),
        by,
      )
        .toDecimalPlaces(0)
        .toNumber(),
    ),
  );
type Owned = Pick<SourcePart, 'tenantId' | 'bucket' | 'deploymentId'>;
const ownerOf = ({ bucket, tenantId, deploymentId }: Owned) =>
  JSON.stringify([bucket, tenantId, deploymentId]);
/** What each owner has, and how sure it is. */
const byOwner = (all: readonly SourcePart[], by: Rates) =>
  new Map(
    [...Map.groupBy(convertParts(all, from(by)), ownerOf)].map(([owner, own]) => [
      owner,
      { cents: add(own.map(({ cents }) => cents)), label: labelOf(own) },
    ]),
  );

describe('a side in the reporting currency', () => {
  it('is the exact total, converted and rounded once; tenants and buckets share it, deployments share their tenant’s', () => {
    const converted = convertParts(
      [of('a', 'd1', '0.005'), of('a', 'd2', '0.005'), of('b', 'd3', '0.005'), of(null, null, '0.005')],
      atPar,
    );
    expect(converted.map(({ cents }) => cents)).toEqual([1, 0, 0, 1]);
  });

  it('of the pilot in April 2026 costs what the golden says', () => {
    const converted = convertParts([of('dashboard-pilot', 'd', '30.53'), of(null, null, '56.39')], atPar);
    expect(converted.map(({ cents }) => cents)).toEqual([3053, 5639]);
    expect(marginPercentage(7112 - 3053, 7112)).toBe('57.1');
  });

  it('gives a deployment its share of the tenant’s by all that it has, not kind by kind', () => {
    const converted = convertParts(
      [
        ...['droplet', 'volume', 'domain'].map((kind) => ({ ...of('a', 'd1', '0.004'), kind })),
        ...['droplet', 'volume'].map((kind) => ({ ...of('a', 'd2', '0.005'), kind })),
      ],
      atPar,
    );
    expect(converted.map(({ deploymentId, cents }) => [deploymentId, cents])).toEqual([
      ['d1', 1],
      ['d2', 1],
    ]);
  });

  it('adds up to the rounded totals of its currencies, each part within a cent a level of its exact amount', () => {
    fc.assert(
      fc.property(parts, rates, (all, by) => {
        expect(add(convertParts(all, from(by)).map(({ cents }) => cents))).toBe(wholeCents(all, by));
        for (const currency of currencies) {
          const own = all.filter((part) => part.currency === currency);
          for (const part of convertParts(own, from(by))) {
            const exact = exactCents(
              own.filter((one) => ownerOf(one) === ownerOf(part)),
              by,
            );
            expect(exact.minus(part.cents).abs().lessThan(2)).toBe(true);
          }
        }
      }),
    );
  });

  it('is the same for each owner, in whatever order and however many parts it comes', () => {
    const again = parts.chain((all) =>
      fc.record({
        all: fc.constant(all),
        other: fc.shuffledSubarray(all, { minLength: all.length }),
        cuts: fc.array(amount, { minLength: all.length, maxLength: all.length }),
      }),
    );
    fc.assert(
      fc.property(again, rates, ({ all, other, cuts }, by) => {
        const inPieces = other.flatMap((part, index) => {
          const cut = cuts[index] ?? new Decimal(0);
          return [
            { ...part, amount: cut },
            { ...part, kind: 'another', amount: part.amount.minus(cut) },
          ];
        });
        expect(byOwner(inPieces, by)).toEqual(byOwner(all, by));
      }),
    );
  });

  it('by kind adds up to the same total', () => {
    fc.assert(
      fc.property(parts, rates, (all, by) => {
        expect(add(convertByKind(all, from(by)).map(({ cents }) => cents))).toBe(wholeCents(all, by));
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
