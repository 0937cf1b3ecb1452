import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  InvalidPeriod,
  nextPeriod,
  parsePeriod,
  periodBounds,
  periodOfMonth,
  shiftPeriod,
} from '../../src/domain/period.ts';

const period = fc
  .record({ year: fc.integer({ min: 1000, max: 8999 }), month: fc.integer({ min: 1, max: 12 }) })
  .map(({ year, month }) => `${year}-${String(month).padStart(2, '0')}-01`);

const badForms = [
  '',
  ' ',
  '2026',
  '2026-04',
  '2026-04-02',
  '2026-04-30',
  '2026-04-1',
  '2026-4-01',
  '26-04-01',
  '02026-04-01',
  '2026-00-01',
  '2026-13-01',
  '2026-04-00',
  '2026/04/01',
  '20260401',
  '2026-04-01T00:00:00Z',
  ' 2026-04-01',
  '2026-04-01 ',
  '2026-04-01\n',
  '-2026-04-01',
  '+2026-04-01',
  '２０２６-04-01',
  'April 2026',
  'null',
];

describe('parsePeriod', () => {
  it.each(badForms)('refuses %j, naming it and what is expected', (text) => {
    expect(() => parsePeriod(text)).toThrow(InvalidPeriod);
    expect(() => parsePeriod(text)).toThrow(
      expect.objectContaining({
        code: 'invalid_period',
        message: `"${text}" is not a period: expected the first day of a month, like 2026-04-01`,
        context: { value: text },
      }),
    );
  });

  it('takes the first day of any month', () => {
    fc.assert(fc.property(period, (text) => expect(parsePeriod(text)).toBe(text)));
  });
});

describe('periodOfMonth', () => {
  it('reads a month as providers name it', () => {
    expect(periodOfMonth('2014-12')).toBe('2014-12-01');
  });

  it.each(['', '2026', '2026-4', '2026-13', '2026-00', '2026-04-01', '2026-04 ', '2026-04\n', 'April'])(
    'refuses %j',
    (text) => {
      expect(() => periodOfMonth(text)).toThrow(InvalidPeriod);
    },
  );
});

describe('shiftPeriod', () => {
  it.each([
    ['2026-12-01', 1, '2027-01-01'],
    ['2026-01-01', -1, '2025-12-01'],
    ['2026-04-01', 0, '2026-04-01'],
    ['2026-04-01', 21, '2028-01-01'],
    ['2026-04-01', -16, '2024-12-01'],
  ])('moves %s by %i months to %s', (from, months, to) => {
    expect(shiftPeriod(from, months)).toBe(to);
  });

  it('is undone by moving back, and adds up, for every month', () => {
    const months = fc.integer({ min: -2_000, max: 2_000 });
    fc.assert(
      fc.property(period, months, months, (from, first, second) => {
        expect(shiftPeriod(shiftPeriod(from, first), -first)).toBe(from);
        expect(shiftPeriod(shiftPeriod(from, first), second)).toBe(shiftPeriod(from, first + second));
      }),
    );
  });

  it('refuses to move what is no period', () => {
    expect(() => shiftPeriod('2026-04-02', 1)).toThrow(InvalidPeriod);
  });
});

describe('periodBounds', () => {
  it('includes the first instant in UTC and excludes the last', () => {
    expect(periodBounds('2024-02-01')).toEqual({
      start: new Date('2024-02-01T00:00:00.000Z'),
      end: new Date('2024-03-01T00:00:00.000Z'),
    });
  });

  it('leaves no gap and no overlap between a period and the next', () => {
    fc.assert(
      fc.property(period, (text) => {
        expect(periodBounds(text).end).toEqual(periodBounds(nextPeriod(text)).start);
      }),
    );
  });
});
