import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { AmountTooLarge } from '../../src/domain/money.ts';
import { creditNoteTax, taxOn } from '../../src/domain/tax.ts';

const subtotal = fc.integer({ min: -1_000_000, max: 1_000_000 });
const rate = fc.constantFrom('0', '0.05', '0.10', '0.15', '0.2125', '1');

describe('tax', () => {
  it.each([
    [6422, '0.10', 642],
    [7112, '0.1', 711],
    [7232, '0.1', 723],
    [105, '0.1', 11],
    [104, '0.1', 10],
    [-105, '0.1', -11],
    [-104, '0.1', -10],
    [-4, '0.1', 0],
    [0, '0.1', 0],
    [6422, '0', 0],
    [8188362958855446, '0.1', 818836295885545],
  ])('on %i at %s is %i: half up, away from zero', (cents, at, expected) => {
    expect(taxOn(cents, at)).toBe(expected);
  });

  it('refuses what no number of cents holds exactly', () => {
    expect(() => taxOn(Number.MAX_SAFE_INTEGER, '1.5')).toThrow(AmountTooLarge);
  });
});

describe('the tax of a credit note', () => {
  it('is what the tax on all that is credited grows by', () => {
    expect([0, 5, 10, 15].map((credited) => creditNoteTax(credited, 5, '0.1'))).toEqual([1, 0, 1, 0]);
  });

  it('of many notes adds up to that of one', () => {
    fc.assert(
      fc.property(fc.array(subtotal, { maxLength: 8 }), rate, (notes, at) => {
        let credited = 0;
        let tax = 0;
        for (const note of notes) {
          tax += creditNoteTax(credited, note, at);
          credited += note;
        }
        expect(tax).toBe(taxOn(credited, at));
      }),
    );
  });
});
