import { IsolationLevel } from '@mikro-orm/core';
import type { EntityManager } from '@mikro-orm/postgresql';
import type { MatchOutcome } from '../domain/matching.ts';
import { parseDecimal, sum } from '../domain/money.ts';
import type { Period } from '../domain/period.ts';
import type { ResourceKind } from '../domain/resourceKind.ts';
import { CloudCostLine } from '../entities/cloudCostLine.ts';
import { CloudInvoice } from '../entities/cloudInvoice.ts';
import { CloudInvoiceVersion } from '../entities/cloudInvoiceVersion.ts';
import type { KeysetPage } from './listInventory.ts';

export interface CostLineFilter {
  readonly period: Period;
  readonly kind?: ResourceKind | undefined;
  readonly outcome?: MatchOutcome | undefined;
  readonly invoiceUuid?: string | undefined;
  /** A version of that invoice; the current one where it is absent. */
  readonly version?: number | undefined;
}

/** Exact sum of the lines of one outcome in one currency. */
export interface OutcomeTotal {
  readonly outcome: MatchOutcome;
  readonly currency: string;
  readonly count: number;
  readonly total: string;
}

export interface CostLines {
  readonly lines: CloudCostLine[];
  readonly invoices: readonly CloudInvoice[];
  readonly versions: readonly CloudInvoiceVersion[];
  readonly byOutcome: readonly OutcomeTotal[];
}

/**
 * The cost lines of a period, of the current version of each invoice unless the filter names another, and what all lines
 * under the filter add up to, whichever page is read. Lines and totals are of one moment.
 */
export function listCostLines(
  em: EntityManager,
  filter: CostLineFilter,
  page: KeysetPage<bigint>,
): Promise<CostLines> {
  return em.transactional(
    async (transaction) => {
      const invoices = await transaction.find(CloudInvoice, {
        periodStart: filter.period,
        ...(filter.invoiceUuid === undefined ? {} : { invoiceUuid: filter.invoiceUuid }),
      });
      const versions = await findVersions(transaction, invoices, filter.version);
      const ids = versions.map((version) => version.id);
      const lines =
        ids.length === 0
          ? []
          : await transaction.find(
              CloudCostLine,
              {
                version: { $in: ids },
                ...(filter.kind === undefined ? {} : { kind: filter.kind }),
                ...(filter.outcome === undefined ? {} : { matchOutcome: filter.outcome }),
                ...(page.after === undefined ? {} : { id: { $gt: page.after } }),
              },
              { orderBy: { id: 'asc' }, limit: page.limit + 1 },
            );
      return { lines, invoices, versions, byOutcome: await addUp(transaction, ids, filter) };
    },
    { isolationLevel: IsolationLevel.REPEATABLE_READ, readOnly: true },
  );
}

/** Adds outcomes up by currency. */
export function totalsOf(
  outcomes: readonly OutcomeTotal[],
): { currency: string; count: number; total: string }[] {
  return [...Map.groupBy(outcomes, (outcome) => outcome.currency)].map(([currency, group]) => ({
    currency,
    count: group.reduce((total, outcome) => total + outcome.count, 0),
    total: sum(group.map((outcome) => parseDecimal(outcome.total))).toFixed(),
  }));
}

async function findVersions(
  em: EntityManager,
  invoices: readonly CloudInvoice[],
  version: number | undefined,
): Promise<CloudInvoiceVersion[]> {
  if (invoices.length === 0) return [];
  return em.find(CloudInvoiceVersion, {
    $or: invoices.map((invoice) => ({ invoice: invoice.id, version: version ?? invoice.version })),
  });
}

async function addUp(
  em: EntityManager,
  versions: readonly string[],
  filter: CostLineFilter,
): Promise<OutcomeTotal[]> {
  if (versions.length === 0) return [];
  return em.execute<OutcomeTotal[]>(
    `select match_outcome as outcome, currency, count(*)::int as count, sum(billed_cost)::text as total
     from cloud_cost_lines
     where version_id in (select jsonb_array_elements_text(?::jsonb)::uuid) and (?::text is null or kind = ?) and (?::text is null or match_outcome = ?)
     group by match_outcome, currency
     order by match_outcome, currency`,
    [
      JSON.stringify(versions),
      filter.kind ?? null,
      filter.kind ?? null,
      filter.outcome ?? null,
      filter.outcome ?? null,
    ],
  );
}
