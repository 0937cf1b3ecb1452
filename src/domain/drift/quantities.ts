import type { JsonValue } from '../errors.ts';
import { Decimal } from '../money.ts';

/** Powers of 1024 above a byte. Providers write GB and mean GiB, so both letters are one unit here. */
const powers = { b: 0, k: 1, m: 2, g: 3, t: 4 } as const;
type Unit = keyof typeof powers;

const bare = /^\d+(?:\.\d+)?$/;
const withUnit = /^(\d+(?:\.\d+)?)\s*(?:([kmgt])(?:i?b)?|b)$/i;

/**
 * An amount of storage or memory in the unit that its field counts in: 100, `100`, `100GB`, `100 GiB` and `102400 MiB` are the same
 * number of `g`. Exact; null for what is no such amount.
 */
export function quantityIn(unit: Unit, value: JsonValue): Decimal | null {
  if (typeof value === 'object') return null;
  const text = String(value).trim();
  if (bare.test(text)) return new Decimal(text);
  const [whole, digits, letter] = withUnit.exec(text) ?? [];
  if (whole === undefined) return null;
  // A text of bytes alone has its digits before the `b`.
  const amount = new Decimal(digits ?? text.slice(0, -1).trim());
  const given: Unit = letter === undefined ? 'b' : unitOf(letter);
  return amount.times(new Decimal(1024).pow(powers[given] - powers[unit]));
}

function unitOf(letter: string): Unit {
  const unit = letter.toLowerCase();
  return unit === 'k' || unit === 'm' || unit === 'g' || unit === 't' ? unit : 'b';
}
