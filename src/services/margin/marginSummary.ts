import type { EntityManager } from '@mikro-orm/postgresql';
import { addDays, type Day } from '../../domain/calendar.ts';
import { convertByKind, convertCosts } from '../../domain/margin/convertCosts.ts';
import {
  type FigureLabel,
  type Margin,
  type MarginPart,
  type MarginTable,
  marginTable,
} from '../../domain/margin/marginTable.ts';
import { spreadSharedCost } from '../../domain/margin/sharedCost.ts';
import { Decimal } from '../../domain/money.ts';
import { nextPeriod, type Period, shiftPeriod } from '../../domain/period.ts';
import type { SharedCostMethod } from '../../entities/sharedCostPolicy.ts';
import { assertBothSides, type Books, readBooks } from './booksOfPeriods.ts';
import type { OwnerCost } from './costsByOwner.ts';
import type { EstimateInForce } from './estimatedParts.ts';
import { type RateInForce, ratesInForce } from './exchangeRates.ts';
import type { OwnerRevenue } from './revenueByOwner.ts';
import { sharedCostPolicyOf, sharedCostWeights } from './sharedCostPolicies.ts';
import { SideUnavailable } from './sideUnavailable.ts';

export interface MarginSummary extends MarginTable {
  readonly period: Period;
  /** All cents are of this currency. */
  readonly currency: string;
  /** Where the revenue is from: invoices, or of the running month what subscriptions accrue. */
  readonly revenueBasis: RevenueBasis;
  /** What counts as COGS of the providers that have not invoiced the period. */
  readonly estimates: readonly EstimateInForce[];
  /** The rates of the period's last day, by the currency that they convert from. */
  readonly rates: readonly RateInForce[];
  /** How shared cost is spread in the period; what is spread stands against itself in the bucket `shared_spread`. */
  readonly sharedCostMethod: SharedCostMethod;
  /** What both sides were before they were converted: exact, by currency. */
  readonly sources: { readonly cogs: readonly SourceTotal[]; readonly revenue: readonly SourceTotal[] };
}

export const revenueBases = ['invoices', 'accrual'] as const;
export type RevenueBasis = (typeof revenueBases)[number];

/** A decimal string in units of its currency. */
export interface SourceTotal {
  readonly currency: string;
  readonly amount: string;
}

/**
 * Revenue less COGS of a period: overall, by tenant and by deployment, with what nobody bears beside it, in one currency.
 * @param now where given, the month that it is in has a margin before it is rolled up, of what subscriptions accrue
 * @throws SideUnavailable, MissingExchangeRate
 */
export async function marginSummary(
  em: EntityManager,
  period: Period,
  reportingCurrency: string,
  now?: Date,
): Promise<MarginSummary> {
  const books = await readBooks(em, { first: period, last: period }, { now });
  return summarise(em, books, period, reportingCurrency);
}

async function summarise(
  em: EntityManager,
  books: Books,
  period: Period,
  reportingCurrency: string,
): Promise<MarginSummary> {
  assertBothSides(books, period);
  const costs = books.costs.filter((cost) => cost.period === period);
  const revenue = books.revenue.filter((one) => one.period === period);
  const rates = await ratesInForce(
    em,
    [...costs, ...revenue].map(({ currency }) => currency),
    reportingCurrency,
    lastDay(period),
  );
  const parts = { revenue: convertRevenue(revenue, rates), costs: convertAllCosts(costs, rates) };
  const policy = await sharedCostPolicyOf(em, period);
  const weights = await sharedCostWeights(em, policy, period, parts);
  return {
    period,
    currency: reportingCurrency,
    revenueBasis: books.accrued === period ? 'accrual' : 'invoices',
    estimates: books.estimates.filter((estimate) => estimate.period === period),
    rates: [...rates.values()],
    sharedCostMethod: policy?.method ?? 'none',
    sources: { cogs: totals(costs, amountOfCost), revenue: totals(revenue, amountOfRevenue) },
    ...marginTable(parts.revenue, spreadSharedCost(parts.costs, weights)),
  };
}

/** The rates of the period's last day are those that count. */
const lastDay = (period: Period): Day => addDays(nextPeriod(period), -1);

const amountOfCost = ({ amount }: OwnerCost) => new Decimal(amount);
const amountOfRevenue = ({ cents }: OwnerRevenue) => new Decimal(cents).dividedBy(100);

/** An estimate, and an invoice that is held, not read yet or restated, may still come to another amount, or to other owners. */
const costLabel = ({ basis, reason }: OwnerCost): FigureLabel =>
  basis === 'estimate' || reason === 'held' || reason === 'not_ingested' || reason === 'restated'
    ? 'estimated'
    : 'reconciled';

type Rates = ReadonlyMap<string, RateInForce>;
const rateOf = (rates: Rates, currency: string) => rates.get(currency)?.rate ?? new Decimal(Number.NaN);

/** Converts each currency's total once, and gives every owner its part. */
function convertAllCosts(costs: readonly OwnerCost[], rates: Rates): MarginPart[] {
  return [...Map.groupBy(costs, ({ currency }) => currency)].flatMap(([currency, rows]) => {
    const owners = [
      ...Map.groupBy(rows, (row) => JSON.stringify([row.tenantId, row.deploymentId, row.bucket])).values(),
    ];
    const parts = owners.flatMap(([first, ...more]) =>
      first === undefined
        ? []
        : [
            {
              tenantId: first.tenantId,
              deploymentId: first.deploymentId,
              bucket: first.bucket,
              amount: [first, ...more].reduce((total, row) => total.plus(row.amount), new Decimal(0)),
              label: [first, ...more].some((row) => costLabel(row) === 'estimated')
                ? ('estimated' as const)
                : ('reconciled' as const),
            },
          ],
    );
    return convertCosts(parts, rateOf(rates, currency)).map((part, index) => ({
      ...part,
      label: parts[index]?.label ?? 'reconciled',
    }));
  });
}

function convertRevenue(revenue: readonly OwnerRevenue[], rates: Rates): MarginPart[] {
  return [...Map.groupBy(revenue, ({ currency }) => currency)].flatMap(([currency, rows]) => {
    const parts = rows.map((row) => ({
      tenantId: row.tenantId,
      deploymentId: row.deploymentId,
      bucket: 'attributed',
      amount: amountOfRevenue(row),
    }));
    return convertCosts(parts, rateOf(rates, currency)).map((part, index) => ({
      ...part,
      label: rows[index]?.label ?? 'reconciled',
    }));
  });
}

function totals<Row extends { readonly currency: string }>(
  rows: readonly Row[],
  amountOf: (row: Row) => Decimal,
): SourceTotal[] {
  return [...Map.groupBy(rows, ({ currency }) => currency)].map(([currency, some]) => ({
    currency,
    amount: some.reduce((total, row) => total.plus(amountOf(row)), new Decimal(0)).toFixed(),
  }));
}

export interface KindTotal {
  /** A kind of resource or of usage; null for what names none. */
  readonly kind: string | null;
  readonly cents: number;
}

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
  const books = await readBooks(em, { first: period, last: period }, { now });
  assertBothSides(books, period);
  const rates = await ratesInForce(
    em,
    [...books.costs, ...books.revenue].map(({ currency }) => currency),
    reportingCurrency,
    lastDay(period),
  );
  return {
    period,
    currency: reportingCurrency,
    rates: [...rates.values()],
    revenue: kindTotals(
      books.revenue.map((row) => ({ kind: row.kind, currency: row.currency, amount: amountOfRevenue(row) })),
      rates,
    ),
    cogs: kindTotals(
      books.costs.map((row) => ({
        kind: kindOfCost(row),
        currency: row.currency,
        amount: amountOfCost(row),
      })),
      rates,
    ),
  };
}

/** What names no kind of resource is called by its bucket: tax, credit, shared; the rest has none. */
const kindOfCost = ({ kind, bucket }: OwnerCost) => kind ?? (bucket === 'unattributed' ? null : bucket);

function kindTotals(
  rows: readonly { readonly kind: string | null; readonly currency: string; readonly amount: Decimal }[],
  rates: Rates,
): KindTotal[] {
  const cents = new Map<string | null, number>();
  for (const [currency, some] of Map.groupBy(rows, (row) => row.currency)) {
    const kinds = [...Map.groupBy(some, ({ kind }) => kind)].map(([kind, members]) => ({
      kind,
      amount: members.reduce((total, { amount }) => total.plus(amount), new Decimal(0)),
    }));
    const converted = convertByKind(kinds, rateOf(rates, currency));
    for (const [index, { kind }] of kinds.entries()) {
      cents.set(kind, (cents.get(kind) ?? 0) + (converted[index] ?? 0));
    }
  }
  return [...cents]
    .map(([kind, total]) => ({ kind, cents: total }))
    .toSorted((left, right) => ((left.kind ?? '') < (right.kind ?? '') ? -1 : 1));
}

/** One period of a trend; `unavailable` says which side is not there, and then there are no figures. */
export type TrendPoint =
  | { readonly period: Period; readonly overall: Margin; readonly rates: readonly RateInForce[] }
  | { readonly period: Period; readonly unavailable: SideUnavailable };

/** The overall margin of each period from the first to the last, both counted. @throws MissingExchangeRate */
export async function marginTrend(
  em: EntityManager,
  periods: { readonly first: Period; readonly last: Period },
  reportingCurrency: string,
): Promise<TrendPoint[]> {
  const books = await readBooks(em, periods, { detail: 'totals' });
  const points: TrendPoint[] = [];
  for (let period = periods.first; period <= periods.last; period = shiftPeriod(period, 1)) {
    try {
      const { overall, rates } = await summarise(em, books, period, reportingCurrency);
      points.push({ period, overall, rates });
    } catch (error) {
      if (!(error instanceof SideUnavailable)) throw error;
      points.push({ period, unavailable: error });
    }
  }
  return points;
}
