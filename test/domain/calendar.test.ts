import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Temporal } from 'temporal-polyfill';
import {
  addDays,
  dayOf,
  daysBetween,
  daysIn,
  daysOfPeriod,
  isAtOrBefore,
  periodOf,
} from '../../src/domain/calendar.ts';

const day = fc
  .date({ min: new Date('1970-01-01'), max: new Date('2199-12-31'), noInvalidDate: true })
  .map((date) => date.toISOString().slice(0, 10));

describe('a calendar', () => {
  it.each([
    ['2026-01-01', 31],
    ['2026-02-01', 28],
    ['2028-02-01', 29],
    ['2000-02-01', 29],
    ['2100-02-01', 28],
    ['2026-04-01', 30],
    ['2026-12-01', 31],
  ])('has in the month from %s on %i days', (period, days) => {
    expect(daysOfPeriod(period)).toBe(days);
    const all = daysIn(period);
    expect(all).toHaveLength(days);
    expect(all[0]).toBe(period);
    expect(all.map(periodOf)).toEqual(all.map(() => period));
    expect(all.slice(1)).toEqual(all.slice(0, -1).map((one) => addDays(one, 1)));
  });

  it.each([
    ['2026-02-28', 1, '2026-03-01'],
    ['2028-02-28', 1, '2028-02-29'],
    ['2026-12-31', 1, '2027-01-01'],
    ['2026-03-01', -1, '2026-02-28'],
    ['2026-04-05', 0, '2026-04-05'],
  ])('has %s and %i days as %s', (from, days, until) => {
    expect(addDays(from, days)).toBe(until);
    expect(daysBetween(from, until)).toBe(days);
  });

  it('counts the days that it adds', () => {
    fc.assert(
      fc.property(day, fc.integer({ min: -1_000, max: 1_000 }), (from, days) => {
        expect(daysBetween(from, addDays(from, days))).toBe(days);
        expect(addDays(from, days) > from).toBe(days > 0);
      }),
    );
  });

  it('reckons as Temporal does', () => {
    fc.assert(
      fc.property(day, day, fc.integer({ min: -1_000, max: 1_000 }), (from, until, days) => {
        const date = Temporal.PlainDate.from(from);
        expect(addDays(from, days)).toBe(date.add({ days }).toString());
        expect(daysBetween(from, until)).toBe(date.until(until).days);
        expect(daysOfPeriod(periodOf(from))).toBe(date.daysInMonth);
      }),
    );
  });

  it.each([
    ['2026-04-01T00:00:00Z', '2026-04-01'],
    ['2026-03-31T23:59:59.999999Z', '2026-03-31'],
    ['2026-04-01T09:59:59+10:00', '2026-03-31'],
    ['2026-04-01T10:00:00+10:00', '2026-04-01'],
    ['2026-03-31T20:00:00-05:00', '2026-04-01'],
  ])('puts %s into the UTC day %s', (instant, expected) => {
    expect(dayOf(instant)).toBe(expected);
  });

  it('compares instants, whatever their zones', () => {
    expect(isAtOrBefore('2026-04-01T10:00:00+10:00', '2026-04-01T00:00:00Z')).toBe(true);
    expect(isAtOrBefore('2026-04-01T00:00:00.001Z', '2026-04-01T00:00:00Z')).toBe(false);
    expect(isAtOrBefore('2026-03-31T23:59:59Z', '2026-04-01T00:00:00Z')).toBe(true);
  });

  it.each(['2026-02-29', '2026-02-30', '2026-13-01', '2026-4-1', 'today', ''])('refuses %j', (text) => {
    expect(() => addDays(text, 1)).toThrow(RangeError);
  });
});
