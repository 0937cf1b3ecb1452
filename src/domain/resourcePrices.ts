import { type Day, daysBetween } from './calendar.ts';
import type { ResourcePriceTerms } from './planTerms.ts';

/** Days of `[from, until)` that have one price in force at their end; null where none is. */
export interface PriceSpan {
  readonly from: Day;
  readonly until: Day;
  readonly days: number;
  readonly price: ResourcePriceTerms | null;
}

/**
 * Cuts `[from, until)` where another price comes into force, in day order; one span at least, unless the range is empty.
 * @param prices of one kind and currency, in any order, at most one a day
 */
export function priceSpans(prices: readonly ResourcePriceTerms[], from: Day, until: Day): PriceSpan[] {
  const inForce = prices
    .filter((price) => price.effectiveFrom < until)
    .toSorted((left, right) => (left.effectiveFrom < right.effectiveFrom ? 1 : -1));
  const spans: PriceSpan[] = [];
  let end = until;
  // From the latest back: the first one that is in force at the start is the last that counts.
  for (const price of [...inForce, null]) {
    if (end <= from) break;
    const start = price === null || price.effectiveFrom < from ? from : price.effectiveFrom;
    if (start < end) spans.push({ from: start, until: end, days: daysBetween(start, end), price });
    end = start;
  }
  return spans.toReversed();
}
