import type { EntityManager } from '@mikro-orm/postgresql';
import type { Period } from '../domain/period.ts';
import { chargedKinds, type ResourceKind, resourceKinds } from '../domain/resourceKind.ts';

/** What a month costs by a provider's own estimate; amounts are exact decimals of `currency`. */
export interface CostEstimate {
  readonly provider: string;
  readonly period: Period;
  readonly estimatedAt: Date;
  readonly amount: string;
  readonly currency: string;
  /** The month's invoice, once it is ingested: it counts from then on, and the estimate is history. */
  readonly supersededBy: {
    readonly invoiceUuid: string;
    readonly amount: string;
    readonly currency: string;
  } | null;
  readonly byProduct: readonly {
    readonly product: string;
    readonly lines: number;
    readonly amount: string;
  }[];
  /** The dearest first; of a resource that is known by an id that the estimate names. */
  readonly byResource: readonly ResourceEstimate[];
  /** How many resources there are cost for; `byResource` may show fewer. */
  readonly resources: number;
  /** attributed + unattributed + unexplained = amount. */
  readonly attributed: string;
  /** Tax, credits, shared charges, and what names no known resource. */
  readonly unattributed: string;
  /** What the stated amount has that no line says. */
  readonly unexplained: string;
  /** The estimates of the month, oldest first, this one included. */
  readonly trend: readonly { readonly estimatedAt: Date; readonly amount: string }[];
}

export interface ResourceEstimate {
  readonly resourceId: string;
  readonly kind: ResourceKind;
  readonly externalId: string;
  readonly name: string;
  readonly lines: number;
  readonly amount: string;
}

/**
 * The newest estimate of each provider, of a month or, without one, of the provider's latest month.
 * @param query.limit the most resources that each shows
 */
export async function readCostEstimates(
  em: EntityManager,
  query: { readonly period: Period | null; readonly limit: number },
): Promise<CostEstimate[]> {
  const headers = await em.execute<HeaderRow[]>(newestEstimates, [query.period, query.period]);
  const estimates: CostEstimate[] = [];
  for (const header of headers) {
    const byProduct = await em.execute<{ product: string; lines: number; amount: string }[]>(
      `select product, count(*)::int as lines, sum(amount)::text as amount from cloud_cost_estimate_lines
       where estimate_id = ? group by product order by sum(amount) desc, product`,
      [header.id],
    );
    const byResource = await em.execute<ResourceRow[]>(resourceSums, [
      JSON.stringify(chargedKindPairs),
      header.id,
      header.provider,
      query.limit,
    ]);
    const [totals] = await em.execute<TotalsRow[]>(resourceTotals, [
      JSON.stringify(chargedKindPairs),
      header.id,
      header.provider,
      header.id,
      header.amount,
    ]);
    if (totals === undefined) throw new Error('an aggregate without groups has one row');
    const trend = await em.execute<{ estimated_at: string; amount: string }[]>(
      `select estimated_at, amount::text from cloud_cost_estimates
       where provider = ? and period_start = ?::date and complete_at is not null order by estimated_at`,
      [header.provider, header.period_start],
    );
    estimates.push({
      provider: header.provider,
      period: header.period_start,
      estimatedAt: new Date(header.estimated_at),
      amount: header.amount,
      currency: header.currency,
      supersededBy:
        header.invoice_uuid === null
          ? null
          : {
              invoiceUuid: header.invoice_uuid,
              amount: header.invoice_amount,
              currency: header.invoice_currency,
            },
      byProduct,
      byResource: byResource.map((row) => ({
        resourceId: row.resource_id,
        kind: row.kind,
        externalId: row.external_id,
        name: row.name,
        lines: row.lines,
        amount: row.amount,
      })),
      ...totals,
      trend: trend.map((row) => ({ estimatedAt: new Date(row.estimated_at), amount: row.amount })),
    });
  }
  return estimates;
}

interface Header {
  id: string;
  provider: string;
  period_start: string;
  estimated_at: string;
  amount: string;
  currency: string;
}
type HeaderRow = Header &
  ({ invoice_uuid: null } | { invoice_uuid: string; invoice_amount: string; invoice_currency: string });

interface ResourceRow {
  resource_id: string;
  kind: ResourceKind;
  external_id: string;
  name: string;
  lines: number;
  amount: string;
}

interface TotalsRow {
  resources: number;
  attributed: string;
  unattributed: string;
  unexplained: string;
}

const chargedKindPairs = resourceKinds.flatMap((kind) =>
  chargedKinds(kind).map((charged) => ({ line_kind: kind, resource_kind: charged })),
);

/** An invoice of the month that was issued before the month's end is a part of it only, and replaces nothing. */
const newestEstimates = `
  select distinct on (estimate.provider) estimate.id, estimate.provider, estimate.period_start::text, estimate.estimated_at,
    estimate.amount::text, estimate.currency, invoice.invoice_uuid, invoice.amount::text as invoice_amount,
    invoice.currency as invoice_currency
  from cloud_cost_estimates estimate
  left join lateral (
    select invoice_uuid, amount, currency from cloud_invoices
    where provider = estimate.provider and period_start = estimate.period_start and version > 0
      and issued_at >= (estimate.period_start + interval '1 month') at time zone 'UTC'
    order by issued_at desc, id limit 1
  ) invoice on true
  where estimate.complete_at is not null and (?::date is null or estimate.period_start = ?::date)
  order by estimate.provider, estimate.period_start desc, estimate.estimated_at desc`;

/** The lines with the one resource that one of their ids names; ids are looked up now, so that what is found later counts. */
const matchedLines = `
  charged_kind as (
    select * from jsonb_to_recordset(?::jsonb) as pair (line_kind text, resource_kind text)
  ),
  matched as (
    select line.id, line.amount, min(resource.id::text)::uuid as resource_id
    from cloud_cost_estimate_lines line
    join charged_kind on charged_kind.line_kind = line.kind
    join cloud_resources resource on resource.kind = charged_kind.resource_kind
      and resource.external_id in (line.provider_resource_id, line.provider_resource_uuid)
    where line.estimate_id = ? and line.line_class = 'resource' and resource.provider = ?
    group by line.id
    having count(distinct resource.id) = 1
  )`;

const resourceSums = `
  with ${matchedLines}
  select matched.resource_id, resource.kind, resource.external_id, resource.name, count(*)::int as lines,
    sum(matched.amount)::text as amount
  from matched join cloud_resources resource on resource.id = matched.resource_id
  group by matched.resource_id, resource.kind, resource.external_id, resource.name
  order by sum(matched.amount) desc, resource.kind, resource.external_id
  limit ?`;

const resourceTotals = `
  with ${matchedLines},
  named as (
    select count(distinct resource_id)::int as resources, coalesce(sum(amount), 0) as amount from matched
  ),
  every as (
    select coalesce(sum(amount), 0) as amount from cloud_cost_estimate_lines where estimate_id = ?
  )
  select named.resources, named.amount::text as attributed, (every.amount - named.amount)::text as unattributed,
    (?::numeric - every.amount)::text as unexplained
  from named, every`;
