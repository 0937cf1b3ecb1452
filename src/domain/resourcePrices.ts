import { type Day, daysBetween } from './calendar.ts';
import type { ResourcePriceTerms } from './planTerms.ts';

/** Days of `[from, until)` that have one price in force at their end; null where none is. */
export interface PriceSpan {
  readonly from: Day;
  readonly until: Day;
  readonly days: number;
  readonly price: ResourcePriceTerms | null;
}

/** The price in force at a day's end: the latest that began by then, null where none did. @param prices as `priceSpans` takes them */
export function priceInForce(prices: readonly ResourcePriceTerms[], day: Day): ResourcePriceTerms | null {
  return inDayOrder(prices).findLast((price) => price.effectiveFrom <= day) ?? null;
}

/**
 * Cuts `[from, until)` where another price comes into force, in day order; one span at least, unless the range is empty.
 * @param prices of one kind and currency, in any order, at most one a day
 */
export function priceSpans(prices: readonly ResourcePriceTerms[], from: Day, until: Day): PriceSpan[] {
  if (from >= until) return [];
  const changes = inDayOrder(prices).map((price) => price.effectiveFrom);
  const starts = [from, ...changes.filter((day) => from < day && day < until)];
  return starts.map((start, index) => {
    const end = starts[index + 1] ?? until;
    return { from: start, until: end, days: daysBetween(start, end), price: priceInForce(prices, start) };
  });
}

function inDayOrder(prices: readonly ResourcePriceTerms[]): ResourcePriceTerms[] {
  return prices.toSorted((left, right) => (left.effectiveFrom < right.effectiveFrom ? -1 : 1));
}
