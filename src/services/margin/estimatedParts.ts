import type { EntityManager } from '@mikro-orm/postgresql';
import type { Period } from '../../domain/period.ts';
import { chargedKinds, resourceKinds } from '../../domain/resourceKind.ts';

/** The newest whole estimates of some periods, of providers without an invoice of the period; the beginning of a `with` clause. */
export const estimatesInForce = `
  estimate as materialized (
    select distinct on (provider, period_start) id, provider, period_start, currency, amount, estimated_at
    from cloud_cost_estimates told
    where complete_at is not null and period_start between ?::date and ?::date and not exists (
      select from cloud_invoices invoice where invoice.provider = told.provider and invoice.period_start = told.period_start)
    order by provider, period_start, estimated_at desc
  )`;

const estimateKinds = resourceKinds
  .flatMap((kind) => chargedKinds(kind).map((charged) => `('${kind}', '${charged}')`))
  .join(', ');

/**
 * The parts of what providers estimate of periods that they have not invoiced, as common table expressions that end in
 * `estimated_part`; two parameters, the first and the last period. A line's resource is the one that its ids name, its owner who
 * had the resource when the estimate was made. All parts of an estimate add up to what it states; one that states nothing has a part
 * of zero, for it is an estimate all the same.
 */
export const estimatedParts = `${estimatesInForce},
  estimate_line as materialized (
    select line.id, line.estimate_id, line.amount, line.line_class, line.kind, line.provider_resource_id, line.provider_resource_uuid,
      estimate.provider, estimate.period_start, estimate.currency, estimate.estimated_at
    from estimate join cloud_cost_estimate_lines line on line.estimate_id = estimate.id
  ),
  estimate_kind (line_kind, resource_kind) as (values ${estimateKinds}),
  estimate_name as (
    select id, provider, kind, provider_resource_id as external_id from estimate_line where line_class = 'resource'
    union
    select id, provider, kind, provider_resource_uuid from estimate_line where line_class = 'resource'
  ),
  estimate_match as (
    select estimate_name.id, min(resource.id::text)::uuid as resource_id, count(distinct resource.id) as resources
    from estimate_name
    join estimate_kind on estimate_kind.line_kind = estimate_name.kind
    join cloud_resources resource on resource.provider = estimate_name.provider and resource.kind = estimate_kind.resource_kind
      and resource.external_id = estimate_name.external_id
    group by estimate_name.id
  ),
  estimate_owner as (
    select estimate_match.id, coalesce(deployment.tenant_id, project.tenant_id) as tenant_id, deployment.id as deployment_id
    from estimate_match
    join estimate_line line on line.id = estimate_match.id
    join cloud_resources resource on resource.id = estimate_match.resource_id
    left join cloud_resource_memberships membership on membership.resource_id = resource.id
      and membership.starts_at <= line.estimated_at and coalesce(membership.ends_at, 'infinity') > line.estimated_at
    left join cloud_deployments deployment on deployment.id = membership.deployment_id
    left join cloud_projects project on project.id = resource.project_id
    where estimate_match.resources = 1
  ),
  estimated_part as (
    select line.id as line_id, line.estimate_id, line.period_start, line.provider, line.currency, line.kind, line.amount, owner.tenant_id, owner.deployment_id,
      case when line.line_class in ('shared', 'tax', 'credit') then line.line_class when owner.tenant_id is null then 'unattributed'
        else 'attributed' end as bucket,
      case when line.line_class in ('shared', 'tax', 'credit') or owner.tenant_id is not null then null
        when estimate_match.resources is null then 'unmatched' when estimate_match.resources > 1 then 'ambiguous' else 'no_tenant' end as reason
    from estimate_line line
    left join estimate_match on estimate_match.id = line.id
    left join estimate_owner owner on owner.id = line.id
    union all
    select null, estimate.id, estimate.period_start, estimate.provider, estimate.currency, null, estimate.amount - coalesce(said.amount, 0), null, null,
      'unattributed', 'unexplained'
    from estimate
    left join (select estimate_id, sum(amount) as amount from estimate_line group by estimate_id) said on said.estimate_id = estimate.id
    where estimate.amount <> coalesce(said.amount, 0) or said.estimate_id is null
  )`;

/** What a provider says that a period costs so far, where that counts because there is no invoice of it. */
export interface EstimateInForce {
  readonly period: Period;
  readonly provider: string;
  readonly currency: string;
  /** A decimal string. */
  readonly amount: string;
  readonly estimatedAt: Date;
  /** The usage of the month so far by the month's newest balance: the provider's other word for it. Null without one. */
  readonly balance: { readonly monthToDateUsage: string; readonly generatedAt: Date } | null;
}

/** The estimates that count as COGS of some periods, both ends counted. */
export async function readEstimatesInForce(
  em: EntityManager,
  periods: { readonly first: Period; readonly last: Period },
): Promise<EstimateInForce[]> {
  const rows = await em.execute<EstimateRow[]>(
    `with ${estimatesInForce}
     select to_char(period_start, 'YYYY-MM-DD') as period, estimate.provider, estimate.currency, trim_scale(amount)::text as amount,
       estimated_at, trim_scale(balance.month_to_date_usage)::text as month_to_date_usage, balance.generated_at
     from estimate left join lateral (
       select month_to_date_usage, generated_at from cloud_balance_snapshots told
       where told.provider = estimate.provider and told.currency = estimate.currency
         and told.generated_at >= estimate.period_start::timestamp at time zone 'UTC'
         and told.generated_at < (estimate.period_start + interval '1 month') at time zone 'UTC'
       order by told.generated_at desc limit 1
     ) balance on true
     order by 1, 2`,
    [periods.first, periods.last],
  );
  return rows.map(({ estimated_at, month_to_date_usage, generated_at, ...estimate }) => ({
    ...estimate,
    estimatedAt: new Date(estimated_at),
    balance:
      month_to_date_usage === null || generated_at === null
        ? null
        : { monthToDateUsage: month_to_date_usage, generatedAt: new Date(generated_at) },
  }));
}

type EstimateRow = Pick<EstimateInForce, 'period' | 'provider' | 'currency' | 'amount'> & {
  readonly estimated_at: string;
  readonly month_to_date_usage: string | null;
  readonly generated_at: string | null;
};
