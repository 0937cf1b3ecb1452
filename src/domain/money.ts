import { Decimal as GlobalDecimal } from 'decimal.js';
import { ArcadiaError, Unprocessable } from './errors.ts';

/**
 * Our own decimals: 40 significant digits, half up (away from zero), so that nobody's global settings move a total.
 */
export const Decimal = GlobalDecimal.clone({
  precision: 40,
  rounding: GlobalDecimal.ROUND_HALF_UP,
  toExpNeg: -40,
  toExpPos: 40,
});
export type Decimal = GlobalDecimal;

export class InvalidAmount extends ArcadiaError {
  constructor(text: string, expectation: string) {
    super('invalid_amount', `"${text}" is not an amount: ${expectation}`, { context: { value: text } });
  }
}

const plainDecimal = /^-?\d+(?:\.\d+)?$/;

/**
 * Reads a plain decimal text such as `-12.50`.
 * @throws InvalidAmount for exponents, signs other than a leading minus, separators, blanks
 */
export function parseDecimal(text: string): Decimal {
  if (!plainDecimal.test(text)) {
    throw new InvalidAmount(
      text,
      'expected digits with an optional leading minus and decimal point, like -12.50',
    );
  }
  return new Decimal(text);
}

/** Adds exact amounts of one currency; the sum of none is zero. */
export function sum(amounts: Iterable<Decimal>): Decimal {
  let total: Decimal = new Decimal(0);
  for (const amount of amounts) total = total.plus(amount);
  return total;
}

/** Decimal text with at least two places and no rounding: `5` is `5.00`, `0.125` stays `0.125`. */
export function toAmountText(amount: Decimal): string {
  const places = Math.max(2, amount.decimalPlaces());
  return (amount.isZero() ? new Decimal(0) : amount).toFixed(places);
}

/** Whether two amounts are the same to the cent, each rounded once, half up. */
export function sameToTheCent(left: Decimal, right: Decimal): boolean {
  return left.toDecimalPlaces(2).equals(right.toDecimalPlaces(2));
}

/** A sum of money that is no longer exact as a number of cents. */
export class AmountTooLarge extends Unprocessable {
  constructor(cents: string) {
    super(
      'amount_too_large',
      `${cents} cents are more than can be billed: at most ${Number.MAX_SAFE_INTEGER}`,
      {
        context: { value: cents },
      },
    );
  }
}

/** Whole cents, half up, away from zero: 2.5 is 3, -2.5 is -3. @throws AmountTooLarge beyond what a number holds exactly */
export function roundHalfUpToCents(cents: Decimal): number {
  return safeCents(cents.toDecimalPlaces(0).toFixed());
}

/** The sum of whole cents. @throws AmountTooLarge */
export function sumCents(amounts: Iterable<number>): number {
  let total = 0;
  for (const amount of amounts) total = addCents(total, amount);
  return total;
}

/** @throws AmountTooLarge */
export function addCents(left: number, right: number): number {
  const total = left + right;
  if (!Number.isSafeInteger(total)) throw new AmountTooLarge(String(BigInt(left) + BigInt(right)));
  return total;
}

/** Integer text, as a bigint column is read, as a number of cents. @throws AmountTooLarge */
export function safeCents(text: string): number {
  const cents = Number(text);
  if (!Number.isSafeInteger(cents)) throw new AmountTooLarge(text);
  // No minus before a zero: it would not survive a round trip through JSON.
  return cents === 0 ? 0 : cents;
}
