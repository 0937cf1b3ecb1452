import type { EntityManager } from '@mikro-orm/postgresql';
import type { Period } from '../../domain/period.ts';
import { estimatedParts } from './estimatedParts.ts';

/** Who bears a provider's charge: a tenant, or one of the buckets that nobody does. */
export const costBuckets = ['attributed', 'shared', 'tax', 'credit', 'unattributed'] as const;
export type CostBucket = (typeof costBuckets)[number];

/**
 * Why a cost has no tenant: the ladder found several resources or none, the resource is nobody's, no line explains it, or its
 * invoice is held, has no lines yet, or states another amount by now.
 */
export const unattributedReasons = [
  'ambiguous',
  'unmatched',
  'no_tenant',
  'unexplained',
  'held',
  'not_ingested',
  'restated',
] as const;
export type UnattributedReason = (typeof unattributedReasons)[number];

/** What one owner, or one bucket, bears of what one provider charges for a period; exact, in the provider's currency. */
export interface OwnerCost {
  readonly period: Period;
  readonly provider: string;
  readonly currency: string;
  /** The provider's invoices, or its estimate of a period of which it has issued none. */
  readonly basis: 'invoice' | 'estimate';
  readonly bucket: CostBucket;
  /** Where the bucket is `unattributed`. */
  readonly reason: UnattributedReason | null;
  readonly tenantId: string | null;
  readonly deploymentId: string | null;
  /** The kind of resource that the lines charge for; null where they name none. */
  readonly kind: string | null;
  /** A decimal string. */
  readonly amount: string;
}

/**
 * Who bears what of the provider invoices of some periods, from the versions in force, as it is at this moment. Of a provider without
 * an invoice of a period, its newest estimate counts instead. All rows of a period add up to what is stated, to the last decimal.
 *
 * A line of a resource belongs to the deployment that the resource belonged to while it was charged; where that changed, it is split by
 * seconds, and time without a deployment goes to the tenant of the resource's project. A held invoice counts whole as unattributed.
 * @param periods from the first to the last, both counted
 * @param detail with `buckets`, rows name no tenant, deployment or kind: what is attributed is one row
 */
export function costsByOwner(
  em: EntityManager,
  periods: { readonly first: Period; readonly last: Period },
  detail: 'owners' | 'buckets' = 'owners',
): Promise<OwnerCost[]> {
  const owner =
    detail === 'owners' ? ['tenant_id', 'deployment_id', 'kind'] : ['null::text', 'null::uuid', 'null::text'];
  return em.transactional(async (transaction) => {
    // Row level security hides from the planner how much there is, and it would look lines up one by one.
    await transaction.execute('set local enable_nestloop = off');
    return transaction.execute<OwnerCost[]>(
      `${ownedParts('invoice.period_start between ?::date and ?::date', 'true')}, ${estimatedParts},
       stated_part as (
         select period_start, provider, currency, 'invoice' as basis, bucket, reason, tenant_id, deployment_id, kind, amount from part
         union all
         select period_start, provider, currency, 'estimate', bucket, reason, tenant_id, deployment_id, kind, amount from estimated_part
       )
       select to_char(period_start, 'YYYY-MM-DD') as period, provider, currency, basis, bucket, reason, ${owner[0]} as "tenantId",
         ${owner[1]} as "deploymentId", ${owner[2]} as kind, trim_scale(sum(amount))::text as amount
       from stated_part group by 1, 2, 3, 4, 5, 6, 7, 8, 9 order by 1, 2, 3, 5, 7, 8, 9, 6`,
      [periods.first, periods.last, periods.first, periods.last],
    );
  });
}

/**
 * The parts of charges, as the beginning of a `with` clause; `part` has a row for each line and owner, and one for each invoice of which
 * the lines in force say too little or too much. Whose charges is said by a condition on `invoice` and one on `line`.
 *
 * A line's shares are cut down at its own last decimal (a cent at least), and what is left goes one unit each to the largest
 * remainders, between equal ones to the earlier time; so they add up to the line.
 */
export const ownedParts = (invoices: string, lines: string): string => `
  with invoice as materialized (
    select invoice.id, invoice.provider, invoice.currency, invoice.amount, invoice.period_start, invoice.ingest_status = 'held' as is_held,
      version.id as version_id
    from cloud_invoices invoice
    left join cloud_invoice_versions version on version.invoice_id = invoice.id and version.version = invoice.version
    where ${invoices}
  ),
  line as materialized (
    select line.id, line.invoice_id, invoice.provider, invoice.period_start, line.currency, line.billed_cost, line.line_class, line.kind,
      line.resource_id, line.match_outcome, line.charge_start, greatest(line.charge_end, line.charge_start) as charge_end
    from invoice join cloud_cost_lines line on line.version_id = invoice.version_id
    where not invoice.is_held and ${lines}
  ),
  charged as (
    select id, resource_id, billed_cost, charge_start, charge_end from line where line_class = 'resource' and resource_id is not null
  ),
  -- Since when and until when a deployment had the resource while the line ran; a line of no length is its first moment's.
  stay as (
    select charged.id, membership.deployment_id, greatest(membership.starts_at, charged.charge_start) as starts_at,
      extract(epoch from least(coalesce(membership.ends_at, 'infinity'), charged.charge_end)
        - greatest(membership.starts_at, charged.charge_start)) as seconds
    from charged join cloud_resource_memberships membership on membership.resource_id = charged.resource_id
    where membership.starts_at < greatest(charged.charge_end, charged.charge_start + interval '1 microsecond')
      and coalesce(membership.ends_at, 'infinity') > charged.charge_start
  ),
  stayed as (
    select id, sum(seconds) as seconds, count(*) as stays from stay group by id
  ),
  segment as (
    select stay.id, stay.deployment_id, stay.starts_at, stay.seconds from stay
    union all
    select charged.id, null, 'infinity', extract(epoch from charged.charge_end - charged.charge_start) - coalesce(stayed.seconds, 0)
    from charged left join stayed on stayed.id = charged.id
    where stayed.id is null or extract(epoch from charged.charge_end - charged.charge_start) > stayed.seconds
  ),
  whole_segment as (
    select segment.*, charged.billed_cost, 10::numeric ^ greatest(2, scale(trim_scale(charged.billed_cost))) as units,
      sum(segment.seconds) over whole as line_seconds, count(*) over whole as segments
    from segment join charged on charged.id = segment.id
    window whole as (partition by segment.id)
  ),
  cut as (
    select *, case when segments = 1 then billed_cost * units else floor(billed_cost * units * seconds / line_seconds) end as cut_units
    from whole_segment
  ),
  share as (
    select id, deployment_id, (cut_units + case when segments = 1 then 0 else (row_number() over (
        partition by id order by billed_cost * units * seconds - cut_units * line_seconds desc, starts_at
      ) <= billed_cost * units - sum(cut_units) over (partition by id))::int end) / units as amount
    from cut
  ),
  part as (
    select line.id as line_id, line.invoice_id, line.period_start, line.provider, line.currency, line.kind, share.amount,
      coalesce(deployment.tenant_id, project.tenant_id) as tenant_id, deployment.id as deployment_id,
      case when coalesce(deployment.tenant_id, project.tenant_id) is null then 'unattributed' else 'attributed' end as bucket,
      case when coalesce(deployment.tenant_id, project.tenant_id) is null then 'no_tenant' end as reason
    from share
    join line on line.id = share.id
    join cloud_resources resource on resource.id = line.resource_id
    left join cloud_deployments deployment on deployment.id = share.deployment_id
    left join cloud_projects project on project.id = resource.project_id
    union all
    select id, invoice_id, period_start, provider, currency, kind, billed_cost, null, null,
      case when line_class in ('shared', 'tax', 'credit') then line_class else 'unattributed' end,
      case when line_class in ('shared', 'tax', 'credit') then null when line_class = 'unexplained' then 'unexplained' else match_outcome end
    from line where line_class <> 'resource' or resource_id is null
    union all
    select null, invoice.id, invoice.period_start, invoice.provider, invoice.currency, null,
      invoice.amount - coalesce(said.amount, 0), null, null, 'unattributed',
      case when invoice.is_held then 'held' when invoice.version_id is null then 'not_ingested' else 'restated' end
    from invoice left join (select invoice_id, sum(billed_cost) as amount from line group by invoice_id) said on said.invoice_id = invoice.id
    where invoice.amount <> coalesce(said.amount, 0)
  )`;
