import type { EntityManager } from '@mikro-orm/postgresql';
import { convertByKind, type KindTotal } from '../../domain/margin/convertParts.ts';
import type { Period } from '../../domain/period.ts';
import { readBooksOf } from './convertibleBooks.ts';
import type { RateInForce } from './exchangeRates.ts';

export interface MarginByKind {
  readonly period: Period;
  readonly currency: string;
  readonly rates: readonly RateInForce[];
  /** By what tenants are charged for. */
  readonly revenue: readonly KindTotal[];
  /** By what the provider charges for: another axis than revenue's. */
  readonly cogs: readonly KindTotal[];
}

/**
 * Revenue and COGS by kind; each axis adds up to the side's total of the summary of the same `now`.
 * @throws SideUnavailable, MissingExchangeRate
 */
export async function marginByKind(
  em: EntityManager,
  period: Period,
  reportingCurrency: string,
  now?: Date,
): Promise<MarginByKind> {
  const { costs, revenue, rates, rateFrom } = await readBooksOf(em, period, reportingCurrency, now, 'kinds');
  return {
    period,
    currency: reportingCurrency,
    rates,
    revenue: convertByKind(revenue, rateFrom),
    cogs: convertByKind(costs, rateFrom),
  };
}
