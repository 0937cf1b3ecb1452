import type { EntityManager } from '@mikro-orm/postgresql';
import type { Period } from '../../domain/period.ts';
import { chargedKinds, resourceKinds } from '../../domain/resourceKind.ts';

/** The newest whole estimates of some periods, of providers without an invoice of the period; the beginning of a `with` clause. */
const estimatesInForce = `
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
 * had the resource when the estimate was made. All parts of an estimate add up to what it states.
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
    select line.period_start, line.provider, line.currency, line.kind, line.amount, owner.tenant_id, owner.deployment_id,
      case when line.line_class in ('shared', 'tax', 'credit') then line.line_class when owner.tenant_id is null then 'unattributed'
        else 'attributed' end as bucket,
      case when line.line_class in ('shared', 'tax', 'credit') or owner.tenant_id is not null then null
        when estimate_match.resources is null then 'unmatched' when estimate_match.resources > 1 then 'ambiguous' else 'no_tenant' end as reason
    from estimate_line line
    left join estimate_match on estimate_match.id = line.id
    left join estimate_owner owner on owner.id = line.id
    union all
    select estimate.period_start, estimate.provider, estimate.currency, null, estimate.amount - coalesce(said.amount, 0), null, null,
      'unattributed', 'unexplained'
    from estimate
    left join (select estimate_id, sum(amount) as amount from estimate_line group by estimate_id) said on said.estimate_id = estimate.id
    where estimate.amount <> coalesce(said.amount, 0)
  )`;

/** What a provider says that a period costs so far, where that counts because there is no invoice of it. */
export interface EstimateInForce {
  readonly period: Period;
  readonly provider: string;
  readonly currency: string;
  /** A decimal string. */
  readonly amount: string;
  readonly estimatedAt: Date;
}

/** The estimates that count as COGS of some periods, both ends counted. */
export async function readEstimatesInForce(
  em: EntityManager,
  periods: { readonly first: Period; readonly last: Period },
): Promise<EstimateInForce[]> {
  const rows = await em.execute<(Omit<EstimateInForce, 'estimatedAt'> & { estimated_at: string })[]>(
    `with ${estimatesInForce}
     select to_char(period_start, 'YYYY-MM-DD') as period, provider, currency, trim_scale(amount)::text as amount, estimated_at
     from estimate order by 1, 2`,
    [periods.first, periods.last],
  );
  return rows.map(({ estimated_at, ...estimate }) => ({ ...estimate, estimatedAt: new Date(estimated_at) }));
}
