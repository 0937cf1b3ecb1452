import type { EntityManager } from '@mikro-orm/postgresql';
import { addDays } from '../../domain/calendar.ts';
import type { RateFrom, SourcePart } from '../../domain/margin/convertParts.ts';
import { Decimal } from '../../domain/money.ts';
import { nextPeriod, type Period, shiftPeriod } from '../../domain/period.ts';
import { type BooksDetail, missingSide, readBooks } from './booksOfPeriods.ts';
import type { EstimateInForce } from './estimatedParts.ts';
import { type RateInForce, ratesInForce } from './exchangeRates.ts';
import type { SideUnavailable } from './sideUnavailable.ts';
import { costPart, revenuePart } from './sourceParts.ts';

/** Where revenue is from: invoices, or of the running month what subscriptions accrue. */
export const revenueBases = ['invoices', 'accrual'] as const;
export type RevenueBasis = (typeof revenueBases)[number];

/** Both sides of the margin of a period, with what converts them. */
export interface ConvertibleBooks {
  readonly period: Period;
  readonly costs: readonly SourcePart[];
  readonly revenue: readonly SourcePart[];
  readonly revenueBasis: RevenueBasis;
  /** What counts as COGS of the providers that have not invoiced the period. */
  readonly estimates: readonly EstimateInForce[];
  /** The rates of the period's last day, by the currency that they convert from. */
  readonly rates: readonly RateInForce[];
  readonly rateFrom: RateFrom;
}

/** A period with a side that is not there, and which. */
export interface MissingBooks {
  readonly period: Period;
  readonly unavailable: SideUnavailable;
}

type Sides = Omit<ConvertibleBooks, 'rates' | 'rateFrom'>;

/**
 * The books of each period from the first to the last, both counted, with the rates of its last day: a constant number of statements,
 * but for the accrual of the running month, which is priced in batches of tenants.
 * @param options as of `readBooks`
 * @throws MissingExchangeRate
 */
export async function readConvertibleBooks(
  em: EntityManager,
  periods: { readonly first: Period; readonly last: Period },
  reportingCurrency: string,
  options: { readonly detail?: BooksDetail | undefined; readonly now?: Date | undefined },
): Promise<(ConvertibleBooks | MissingBooks)[]> {
  const books = await readBooks(em, periods, options);
  const costs = Map.groupBy(books.costs, ({ period }) => period);
  const revenue = Map.groupBy(books.revenue, ({ period }) => period);
  const sides = periodsFrom(periods).map((period): Sides | MissingBooks => {
    const unavailable = missingSide(books, period);
    if (unavailable !== null) return { period, unavailable };
    return {
      period,
      costs: (costs.get(period) ?? []).map(costPart),
      revenue: (revenue.get(period) ?? []).map(revenuePart),
      revenueBasis: books.accrued?.period === period ? 'accrual' : 'invoices',
      estimates: books.estimates.filter((estimate) => estimate.period === period),
    };
  });
  const wanted = sides.flatMap((side) => {
    if ('unavailable' in side) return [];
    const day = lastDay(side.period);
    const currencies = new Set([...side.costs, ...side.revenue].map(({ currency }) => currency));
    return [...currencies].map((currency) => ({ currency, day }));
  });
  const rates = await ratesInForce(em, wanted, reportingCurrency);
  return sides.map((side) => {
    if ('unavailable' in side) return side;
    const ofDay = rates.get(lastDay(side.period)) ?? new Map<string, RateInForce>();
    return {
      ...side,
      rates: [...ofDay.values()],
      rateFrom: (currency) => ofDay.get(currency)?.rate ?? new Decimal(Number.NaN),
    };
  });
}

/** The books of one period. @throws SideUnavailable, MissingExchangeRate */
export async function readBooksOf(
  em: EntityManager,
  period: Period,
  reportingCurrency: string,
  now: Date | undefined,
  detail?: BooksDetail,
): Promise<ConvertibleBooks> {
  const periods = { first: period, last: period };
  const [books] = await readConvertibleBooks(em, periods, reportingCurrency, { now, detail });
  if (books === undefined) throw new Error('a range of one period has no books');
  if ('unavailable' in books) throw books.unavailable;
  return books;
}

/** The rates of this day are those that count. */
const lastDay = (period: Period) => addDays(nextPeriod(period), -1);

function periodsFrom({ first, last }: { readonly first: Period; readonly last: Period }): Period[] {
  const periods: Period[] = [];
  for (let period = first; period <= last; period = shiftPeriod(period, 1)) periods.push(period);
  return periods;
}
