import { Decimal } from 'decimal.js';

/** Integer US cents from a decimal string such as `-1.50`. Refuses what is not a whole number of cents. */
export function centsOf(amountUsd: string): number {
  const cents = new Decimal(amountUsd).times(100);
  if (!cents.isInteger()) {
    throw new RangeError(`amount "${amountUsd}" is not a whole number of cents`);
  }
  return cents.toNumber();
}

/** A decimal string with two places, as the provider writes amounts: -150 is `-1.50`. */
export function usdOf(cents: number): string {
  const digits = String(Math.abs(cents)).padStart(3, '0');
  return `${cents < 0 ? '-' : ''}${digits.slice(0, -2)}.${digits.slice(-2)}`;
}
