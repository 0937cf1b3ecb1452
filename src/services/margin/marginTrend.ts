import type { EntityManager } from '@mikro-orm/postgresql';
import { convertParts } from '../../domain/margin/convertParts.ts';
import { type Margin, marginOf } from '../../domain/margin/marginTable.ts';
import type { Period } from '../../domain/period.ts';
import { type MissingBooks, readConvertibleBooks } from './convertibleBooks.ts';
import type { RateInForce } from './exchangeRates.ts';

/** One period of a trend; where a side is not there, there are no figures. */
export type TrendPoint =
  | { readonly period: Period; readonly overall: Margin; readonly rates: readonly RateInForce[] }
  | MissingBooks;

/**
 * The overall margin of each period from the first to the last, both counted: that of the summary of the same `now`.
 * @throws MissingExchangeRate
 */
export async function marginTrend(
  em: EntityManager,
  periods: { readonly first: Period; readonly last: Period },
  reportingCurrency: string,
  now?: Date,
): Promise<TrendPoint[]> {
  const books = await readConvertibleBooks(em, periods, reportingCurrency, { detail: 'totals', now });
  return books.map((own) => {
    if ('unavailable' in own) return own;
    const { period, revenue, costs, rates, rateFrom } = own;
    return {
      period,
      overall: marginOf(convertParts(revenue, rateFrom), convertParts(costs, rateFrom)),
      rates,
    };
  });
}
