import { ArcadiaError } from './errors.ts';
import { type Decimal, safeCents, sum, sumCents } from './money.ts';

export interface AllocationShare {
  /** Decides between equal remainders: the lower one first, by code units. */
  readonly key: string;
  /** Not negative. */
  readonly weight: Decimal;
}

/** Weights that nothing can be shared out by. */
export class NothingToAllocateBy extends ArcadiaError {
  constructor(wholeCents: number) {
    super(
      'nothing_to_allocate_by',
      `${wholeCents} can't be shared out: expected weights of 0 or more, one of them above 0`,
      { context: { whole_cents: wholeCents } },
    );
  }
}

/**
 * Shares out whole cents by weight (largest remainder). Each share is cut down to whole cents, and the cents that are left go one each
 * to the largest remainders; between equal ones to the lower key. The shares of -x are those of x with the sign turned.
 * @returns one share for each that was given, in their order; they add up to the whole
 * @throws NothingToAllocateBy where no weight is above 0, or one is below
 */
export function allocate(wholeCents: number, shares: readonly AllocationShare[]): number[] {
  const total = sum(shares.map((share) => share.weight));
  if (total.isZero() || shares.some((share) => share.weight.lessThan(0))) {
    throw new NothingToAllocateBy(wholeCents);
  }
  const whole = Math.abs(wholeCents);
  const cut = shares.map(({ key, weight }, position) => {
    const product = weight.times(whole);
    const cents = product.dividedToIntegerBy(total);
    const remainder = product.minus(cents.times(total));
    return { key, position, cents: safeCents(cents.toFixed()), remainder };
  });
  const left = whole - sumCents(cut.map((share) => share.cents));
  const allocated = cut.map((share) => share.cents);
  for (const { position, cents } of cut.toSorted(byRemainder).slice(0, left)) allocated[position] = cents + 1;
  return wholeCents < 0 ? allocated.map((cents) => 0 - cents) : allocated;
}

export interface ExactPart {
  /** Decides between equal remainders: the lower one first, by code units. */
  readonly key: string;
  /** In cents; may be negative. */
  readonly exact: Decimal;
}

/** Parts that are not those of the whole. */
export class PartsOfAnotherWhole extends ArcadiaError {
  constructor(wholeCents: number, exact: Decimal) {
    super(
      'parts_of_another_whole',
      `the parts add up to ${exact.toFixed()} cents, which can't be rounded to ${wholeCents}`,
      { context: { whole_cents: wholeCents, exact_cents: exact.toFixed() } },
    );
  }
}

/**
 * Rounds the parts of a whole that was rounded already, so that they add up to it (largest remainder). Each part is cut down to whole
 * cents, towards the lower, and the cents that are left go one each to the largest remainders; between equal ones to the lower key.
 * @returns one amount for each part, in their order, each within a cent of its exact one
 * @throws PartsOfAnotherWhole where the exact sum is a cent or more away from the whole
 */
export function roundParts(wholeCents: number, parts: readonly ExactPart[]): number[] {
  const exact = sum(parts.map((part) => part.exact));
  if (exact.minus(wholeCents).abs().greaterThanOrEqualTo(1)) throw new PartsOfAnotherWhole(wholeCents, exact);
  const cut = parts.map(({ key, exact: part }, position) => {
    const cents = part.floor();
    return { key, position, cents: safeCents(cents.toFixed()), remainder: part.minus(cents) };
  });
  const left = wholeCents - sumCents(cut.map((part) => part.cents));
  const rounded = cut.map((part) => part.cents);
  // What is in whole cents already needs no order.
  if (left === 0) return rounded;
  for (const { position, cents } of cut.toSorted(byRemainder).slice(0, left)) rounded[position] = cents + 1;
  return rounded;
}

interface Remainder {
  readonly key: string;
  readonly remainder: Decimal;
}

function byRemainder(left: Remainder, right: Remainder): number {
  return right.remainder.comparedTo(left.remainder) || (left.key < right.key ? -1 : 1);
}
