import { describe, expect, it } from '@jest/globals';
import { Decimal as GlobalDecimal } from 'decimal.js';
import fc from 'fast-check';
import {
  AmountTooLarge,
  addCents,
  Decimal,
  InvalidAmount,
  parseDecimal,
  roundHalfUpToCents,
  safeCents,
  sameToTheCent,
  sum,
  sumCents,
  toAmountText,
} from '../../src/domain/money.ts';

/** Plain decimal texts with up to 20 digits before and 10 after the point. */
const amountText = fc
  .record({
    isNegative: fc.boolean(),
    whole: fc.bigInt({ min: 0n, max: 10n ** 20n }),
    places: fc.option(fc.stringMatching(/^\d{1,10}$/), { nil: null }),
  })
  .map(
    ({ isNegative, whole, places }) =>
      `${isNegative ? '-' : ''}${whole}${places === null ? '' : `.${places}`}`,
  );

describe('parseDecimal', () => {
  it.each([
    '',
    ' ',
    '.',
    '-',
    '+1',
    '--1',
    '1.',
    '.5',
    '-.5',
    '1..2',
    '1.2.3',
    '1e5',
    '1E5',
    '1e-5',
    '0x10',
    '0b1',
    '1,000',
    '1 000',
    "1'000",
    ' 1',
    '1 ',
    '\t1',
    '1\n',
    '1.0\n',
    '$1',
    '1$',
    '-$1',
    '1-',
    '(1)',
    'NaN',
    'Infinity',
    '-Infinity',
    'null',
    '１２',
    '١',
    '1_000',
    '1n',
    '−1',
  ])('refuses %j, naming it and what is expected', (text) => {
    expect(() => parseDecimal(text)).toThrow(InvalidAmount);
    expect(() => parseDecimal(text)).toThrow(`"${text}" is not an amount: expected digits`);
    expect(() => parseDecimal(text)).toThrow(
      expect.objectContaining({ code: 'invalid_amount', retryable: false, context: { value: text } }),
    );
  });

  it.each([
    ['0', '0'],
    ['-0', '0'],
    ['007', '7'],
    ['-12.50', '-12.5'],
    ['86.92', '86.92'],
    ['0.1234567890123456789', '0.1234567890123456789'],
    ['123456789012345678901234567890.12', '123456789012345678901234567890.12'],
  ])('reads %s exactly', (text, expected) => {
    expect(parseDecimal(text).plus(0).toFixed()).toBe(expected);
  });

  it('reads back every amount that it wrote', () => {
    fc.assert(
      fc.property(amountText, (text) => {
        const amount = parseDecimal(text);
        expect(parseDecimal(toAmountText(amount)).equals(amount)).toBe(true);
      }),
    );
  });
});

describe('sum', () => {
  it('of none is zero', () => {
    expect(sum([]).toFixed()).toBe('0');
  });

  it('is exact where floats are not', () => {
    expect(sum(['0.1', '0.2'].map(parseDecimal)).toFixed()).toBe('0.3');
    expect(sum(Array.from({ length: 1_000 }, () => parseDecimal('0.01'))).toFixed()).toBe('10');
  });

  it('is the same in every order, and equals the sum in whole cents', () => {
    fc.assert(
      fc.property(fc.array(fc.bigInt({ min: -(10n ** 12n), max: 10n ** 12n })), (cents) => {
        const amounts = cents.map((cent) => new Decimal(cent.toString()).dividedBy(100));
        const total = cents.reduce((all, cent) => all + cent, 0n);
        expect(sum(amounts).times(100).toFixed()).toBe(total.toString());
        expect(sum(amounts.toReversed()).equals(sum(amounts))).toBe(true);
      }),
    );
  });

  it('does not move with the global settings of the library', () => {
    const { precision, rounding } = GlobalDecimal;
    GlobalDecimal.set({ precision: 3, rounding: GlobalDecimal.ROUND_DOWN });
    try {
      expect(sum(['12345.67', '0.01'].map(parseDecimal)).toFixed()).toBe('12345.68');
    } finally {
      GlobalDecimal.set({ precision, rounding });
    }
  });
});

describe('toAmountText', () => {
  it.each([
    ['5', '5.00'],
    ['-5.5', '-5.50'],
    ['0', '0.00'],
    ['-0', '0.00'],
    ['0.125', '0.125'],
    ['0.0000001', '0.0000001'],
    ['1000000000000000000000000000000', '1000000000000000000000000000000.00'],
  ])('writes %s as %s: two places at least, none lost, no exponent', (text, expected) => {
    expect(toAmountText(parseDecimal(text))).toBe(expected);
  });
});

describe('sameToTheCent', () => {
  it.each([
    ['86.92', '86.92', true],
    ['86.92', '86.93', false],
    ['86.92', '86.924', true],
    ['86.92', '86.925', false],
    ['-1.50', '-1.495', true],
    ['-1.50', '-1.505', false],
    ['0', '-0.004', true],
    ['0.005', '0.01', true],
  ])('of %s and %s is %s, each rounded once, half away from zero', (left, right, expected) => {
    expect(sameToTheCent(parseDecimal(left), parseDecimal(right))).toBe(expected);
    expect(sameToTheCent(parseDecimal(right), parseDecimal(left))).toBe(expected);
  });
});

describe('whole cents', () => {
  it.each([
    ['2.5', 3],
    ['2.4999999999999999999', 2],
    ['-2.5', -3],
    ['-2.4', -2],
    ['-0.4', 0],
    ['0', 0],
    ['9007199254740991.4', 9007199254740991],
    ['-9007199254740991', -9007199254740991],
  ])('of %s are %i: half up, away from zero', (amount, cents) => {
    expect(roundHalfUpToCents(parseDecimal(amount))).toBe(cents);
  });

  it.each(['9007199254740991.5', '-9007199254740992', '1000000000000000000000000000000'])(
    'are refused beyond what a number holds exactly: %s',
    (amount) => {
      const cents = parseDecimal(amount).toDecimalPlaces(0).toFixed();
      expect(() => roundHalfUpToCents(parseDecimal(amount))).toThrow(AmountTooLarge);
      expect(() => safeCents(cents)).toThrow(
        expect.objectContaining({
          code: 'amount_too_large',
          message: `${cents} cents are more than can be billed: at most 9007199254740991`,
          context: { value: cents },
        }),
      );
    },
  );

  it('are read from the text of a bigint column, without a negative zero', () => {
    expect(['0', '-0', '-12', '9007199254740991'].map(safeCents)).toEqual([0, 0, -12, 9007199254740991]);
    expect(() => safeCents('12.5')).toThrow(AmountTooLarge);
  });

  it('add up, and never beyond what is exact', () => {
    expect(sumCents([])).toBe(0);
    expect(sumCents([3, -5, 10])).toBe(8);
    expect(addCents(Number.MAX_SAFE_INTEGER, -1)).toBe(Number.MAX_SAFE_INTEGER - 1);
    expect(() => addCents(Number.MAX_SAFE_INTEGER, 2)).toThrow(
      '9007199254740993 cents are more than can be billed',
    );
    expect(() => sumCents([-Number.MAX_SAFE_INTEGER, -1])).toThrow(AmountTooLarge);
  });
});
