import { IsolationLevel } from '@mikro-orm/core';
import type { EntityManager } from '@mikro-orm/postgresql';
import {
  type ConvertedOwner,
  convertOwners,
  convertParts,
  type MarginPart,
  type SourcePart,
  shareByDeployment,
} from '../../domain/margin/convertParts.ts';
import {
  type MarginTable,
  marginTable,
  marginTotals,
  tenantIdsOf,
  tenantMargins,
} from '../../domain/margin/marginTable.ts';
import { type SharedCostWeight, spreadBucket, spreadSharedCost } from '../../domain/margin/sharedCost.ts';
import { sum } from '../../domain/money.ts';
import type { Period } from '../../domain/period.ts';
import type { SharedCostMethod, SharedCostPolicy } from '../../entities/sharedCostPolicy.ts';
import { accruedRevenue } from './accruedRevenue.ts';
import { type ConvertibleBooks, readBooksOf } from './convertibleBooks.ts';
import { revenueByOwner } from './revenueByOwner.ts';
import { sharedCostPolicyOf, sharedCostWeights } from './sharedCostPolicies.ts';
import { revenuePart } from './sourceParts.ts';

export interface MarginSummary
  extends MarginTable,
    Pick<ConvertibleBooks, 'period' | 'revenueBasis' | 'estimates' | 'rates'> {
  /** All cents are of this currency. */
  readonly currency: string;
  /** How shared cost is spread in the period; what is spread stands against itself in the bucket `shared_spread`. */
  readonly sharedCostMethod: SharedCostMethod;
  /** What both sides were before they were converted: exact, by currency. */
  readonly sources: { readonly cogs: readonly SourceTotal[]; readonly revenue: readonly SourceTotal[] };
}

/** A decimal string in units of its currency. */
export interface SourceTotal {
  readonly currency: string;
  readonly amount: string;
}

/** Both sides of a period in the reporting currency, by owner, with what they were converted from. */
export interface MarginParts {
  readonly books: ConvertibleBooks;
  readonly revenue: readonly MarginPart[];
  /** Before shared cost is spread. */
  readonly costs: readonly MarginPart[];
  readonly policy: SharedCostPolicy | null;
  /** Who bears how much of the shared cost; none where the policy spreads nothing. */
  readonly weights: readonly SharedCostWeight[];
  /** The costs with what was spread of them. */
  readonly spreadCosts: readonly MarginPart[];
}

/** @param now as of `marginSummary` @throws SideUnavailable, MissingExchangeRate */
export async function marginParts(
  em: EntityManager,
  period: Period,
  reportingCurrency: string,
  now?: Date,
): Promise<MarginParts> {
  const books = await readBooksOf(em, period, reportingCurrency, now);
  const revenue = convertParts(books.revenue, books.rateFrom);
  const costs = convertParts(books.costs, books.rateFrom);
  const policy = await sharedCostPolicyOf(em, period);
  const weights = await sharedCostWeights(em, policy, period, { revenue, costs });
  return { books, revenue, costs, policy, weights, spreadCosts: spreadSharedCost(costs, weights) };
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
  const { books, revenue, policy, spreadCosts } = await marginParts(em, period, reportingCurrency, now);
  return { ...statement(books, reportingCurrency, policy), ...marginTable(revenue, spreadCosts) };
}

/** So many tenants by id, from after one of them. */
export interface TenantPage {
  readonly after: string | undefined;
  readonly limit: number;
}

/**
 * The same summary with the tenants of a page alone, for several pages of one moment at once. All tenants are converted, since they share
 * one rounded total; only those of the pages are told apart by deployment.
 * @returns a summary for each page
 * @throws SideUnavailable, MissingExchangeRate
 */
export function marginPages(
  em: EntityManager,
  wanted: { readonly period: Period; readonly reportingCurrency: string; readonly now?: Date | undefined },
  pages: readonly TenantPage[],
): Promise<MarginSummary[]> {
  const { period, reportingCurrency, now } = wanted;
  return em.transactional(
    async (snapshot) => {
      const books = await readBooksOf(snapshot, period, reportingCurrency, now, 'tenants');
      const { rateFrom } = books;
      const revenue = convertOwners(books.revenue, rateFrom);
      const costs = convertOwners(books.costs, rateFrom);
      const policy = await sharedCostPolicyOf(snapshot, period);
      const weights = await sharedCostWeights(snapshot, policy, period, { revenue, costs });
      const spreadCosts = spreadSharedCost(costs, weights);
      const all = tenantIdsOf([...revenue, ...spreadCosts]);
      const idsOf = ({ after, limit }: TenantPage) =>
        all.filter((id) => after === undefined || id > after).slice(0, limit);
      const tenantIds = new Set(pages.flatMap(idsOf));
      const isShown = ({ tenantId }: MarginPart) => tenantId !== null && tenantIds.has(tenantId);
      // Who has no revenue is not asked for it: whoever can't be priced would be an error.
      const earning = tenantIdsOf(revenue.filter(isShown));
      const lines = Map.groupBy(
        await revenueOf(snapshot, books, earning, now),
        ({ tenantId, currency }) => `${currency} ${tenantId}`,
      );
      const tenants = tenantMargins(
        revenue
          .filter(isShown)
          .flatMap((owner) =>
            shareByDeployment(
              owner,
              withRest(owner, lines.get(`${owner.currency} ${owner.tenantId}`) ?? []),
              rateFrom(owner.currency),
            ),
          ),
        [
          ...costs
            .filter(isShown)
            .flatMap((owner) => shareByDeployment(owner, owner.parts, rateFrom(owner.currency))),
          ...spreadCosts.filter((part) => part.bucket === spreadBucket && isShown(part)),
        ],
      );
      const byId = new Map(tenants.map((tenant) => [tenant.tenantId, tenant]));
      const table = { ...statement(books, reportingCurrency, policy), ...marginTotals(revenue, spreadCosts) };
      return pages.map((page) => ({ ...table, tenants: idsOf(page).flatMap((id) => byId.get(id) ?? []) }));
    },
    { isolationLevel: IsolationLevel.REPEATABLE_READ },
  );
}

/** The revenue of some tenants by deployment. */
async function revenueOf(
  em: EntityManager,
  { period, revenueBasis }: ConvertibleBooks,
  tenantIds: readonly string[],
  now: Date | undefined,
): Promise<SourcePart[]> {
  const rows =
    revenueBasis === 'accrual' && now !== undefined
      ? await accruedRevenue(em, now, { tenantIds })
      : await revenueByOwner(em, { first: period, last: period }, { tenantIds });
  return rows.map(revenuePart);
}

/** What an owner has beyond what is told apart is outside of any deployment: nothing, where its invoices are the sums of their lines. */
function withRest(owner: ConvertedOwner, parts: readonly SourcePart[]): readonly SourcePart[] {
  const [first] = owner.parts;
  const rest = sum(owner.parts.map(({ amount }) => amount)).minus(sum(parts.map(({ amount }) => amount)));
  return first === undefined || rest.isZero() ? parts : [...parts, { ...first, amount: rest }];
}

const statement = (books: ConvertibleBooks, currency: string, policy: SharedCostPolicy | null) => ({
  period: books.period,
  currency,
  revenueBasis: books.revenueBasis,
  estimates: books.estimates,
  rates: books.rates,
  sharedCostMethod: policy?.method ?? 'none',
  sources: { cogs: totals(books.costs), revenue: totals(books.revenue) },
});

/** By currency. */
const totals = (parts: readonly SourcePart[]): SourceTotal[] =>
  [...Map.groupBy(parts, ({ currency }) => currency)]
    .map(([currency, own]) => ({ currency, amount: sum(own.map(({ amount }) => amount)).toFixed() }))
    .toSorted((left, right) => (left.currency < right.currency ? -1 : 1));
