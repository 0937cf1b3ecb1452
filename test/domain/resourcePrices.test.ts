import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { addDays, daysBetween } from '../../src/domain/calendar.ts';
import type { ResourcePriceTerms } from '../../src/domain/planTerms.ts';
import { priceInForce, priceSpans } from '../../src/domain/resourcePrices.ts';

const price = (effectiveFrom: string): ResourcePriceTerms => ({
  unit: 'hour',
  priceCents: '1',
  effectiveFrom,
});
const spansOf = (prices: readonly string[], from: string, until: string) =>
  priceSpans(prices.map(price), from, until).map((span) => [
    span.from,
    span.until,
    span.days,
    span.price?.effectiveFrom ?? null,
  ]);

describe('the spans of days with one price', () => {
  it.each([
    ['no price at all', [], [['2026-04-01', '2026-05-01', 30, null]]],
    ['one price from before', ['2020-01-01'], [['2026-04-01', '2026-05-01', 30, '2020-01-01']]],
    ['a price from the first day', ['2026-04-01'], [['2026-04-01', '2026-05-01', 30, '2026-04-01']]],
    ['a price from after the last day', ['2026-05-01'], [['2026-04-01', '2026-05-01', 30, null]]],
    [
      'a first price within',
      ['2026-04-11'],
      [
        ['2026-04-01', '2026-04-11', 10, null],
        ['2026-04-11', '2026-05-01', 20, '2026-04-11'],
      ],
    ],
    [
      'changes within, given in any order',
      ['2026-04-30', '2020-01-01', '2026-04-11', '2019-01-01'],
      [
        ['2026-04-01', '2026-04-11', 10, '2020-01-01'],
        ['2026-04-11', '2026-04-30', 19, '2026-04-11'],
        ['2026-04-30', '2026-05-01', 1, '2026-04-30'],
      ],
    ],
  ])('of %s', (_, prices, expected) => {
    expect(spansOf(prices, '2026-04-01', '2026-05-01')).toEqual(expected);
  });

  it('of no days are none', () => {
    expect(spansOf(['2020-01-01'], '2026-04-01', '2026-04-01')).toEqual([]);
    expect(spansOf(['2020-01-01'], '2026-04-02', '2026-04-01')).toEqual([]);
  });

  it('follow on each other over all days, each day at the price in force at its end', () => {
    const offsets = fc.uniqueArray(fc.integer({ min: -40, max: 40 }), { maxLength: 6 });
    fc.assert(
      fc.property(offsets, fc.integer({ min: 1, max: 31 }), (starts, days) => {
        const from = '2026-04-01';
        const until = addDays(from, days);
        const effective = starts.map((offset) => addDays(from, offset));
        const spans = priceSpans(effective.map(price), from, until);
        expect([from, ...spans.map((span) => span.until)]).toEqual([
          ...spans.map((span) => span.from),
          until,
        ]);
        for (const span of spans) {
          expect(span.days).toBe(daysBetween(span.from, span.until));
          for (let day = span.from; day < span.until; day = addDays(day, 1)) {
            const inForce =
              effective
                .filter((start) => start <= day)
                .toSorted()
                .at(-1) ?? null;
            expect(span.price?.effectiveFrom ?? null).toBe(inForce);
          }
        }
      }),
    );
  });
});

describe('the price in force', () => {
  it.each([
    ['2026-04-10', null],
    ['2026-04-11', '2026-04-11'],
    ['2026-04-20', '2026-04-11'],
    ['2026-04-21', '2026-04-21'],
  ])('at the end of %s is that of %s', (day, expected) => {
    const prices = ['2026-04-21', '2026-04-11', '2026-05-01'].map(price);
    expect(priceInForce(prices, day)?.effectiveFrom ?? null).toBe(expected);
  });
});
