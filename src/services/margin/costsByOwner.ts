import type { EntityManager } from '@mikro-orm/postgresql';
import type { Period } from '../../domain/period.ts';
import { estimatedParts, estimatesInForce } from './estimatedParts.ts';
import { plannedForSums } from './plannedForSums.ts';

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
 * How far costs are told apart. With `deployments` rows name no kind, with `kinds` a kind and nobody, with `buckets` neither: what is
 * attributed is one row. With `totals` it is not even asked whose they are: all that lines explain is one row.
 */
export type CostDetail = 'owners' | 'deployments' | 'kinds' | 'buckets' | 'totals';

const nobody = { tenant: 'null::text', deployment: 'null::uuid', kind: 'null::text' };
const told: Readonly<Record<Exclude<CostDetail, 'totals'>, typeof nobody>> = {
  owners: { tenant: 'tenant_id', deployment: 'deployment_id', kind: 'kind' },
  deployments: { ...nobody, tenant: 'tenant_id', deployment: 'deployment_id' },
  kinds: { ...nobody, kind: 'kind' },
  buckets: nobody,
};

/**
 * Who bears what of the provider invoices of some periods, from the versions in force, as it is at this moment. Of a provider without
 * an invoice of a period, its newest estimate counts instead. All rows of a period add up to what is stated, to the last decimal.
 *
 * A line of a resource belongs to the deployment that the resource belonged to while it was charged; where that changed, it is split by
 * seconds, and time without a deployment goes to the tenant of the resource's project. A held invoice counts whole as unattributed.
 * @param periods from the first to the last, both counted
 * @returns in the order of the columns; with `deployments`, of which there may be a hundred thousand, in none
 */
export function costsByOwner(
  em: EntityManager,
  periods: { readonly first: Period; readonly last: Period },
  detail: CostDetail = 'owners',
): Promise<OwnerCost[]> {
  if (detail === 'totals') return costTotals(em, periods);
  const { tenant, deployment, kind } = told[detail];
  return em.transactional((transaction) =>
    plannedForSums(transaction, 'sets', () =>
      transaction.execute<OwnerCost[]>(
        `${ownedParts(ofPeriods, everyLine)}, ${estimatedParts},
         stated_part as (
           select period_start, provider, currency, 'invoice' as basis, bucket, reason, tenant_id, deployment_id, kind, amount from part
           union all
           select period_start, provider, currency, 'estimate', bucket, reason, tenant_id, deployment_id, kind, amount from estimated_part
         ),
         told as (
           select period_start, provider, currency, basis, bucket, reason, ${tenant} as tenant_id, ${deployment} as deployment_id,
             ${kind} as kind, sum(amount) as amount
           from stated_part group by 1, 2, 3, 4, 5, 6, 7, 8, 9
         )
         ${selectTold} ${detail === 'deployments' ? '' : 'order by 1, 2, 3, 5, 7, 8, 9, 6'}`,
        [periods.first, periods.last, periods.first, periods.last],
      ),
    ),
  );
}

/** The same sums without any owner: what lines say, and what invoices and estimates say beyond them. */
function costTotals(
  em: EntityManager,
  periods: { readonly first: Period; readonly last: Period },
): Promise<OwnerCost[]> {
  return em.transactional((transaction) =>
    plannedForSums(transaction, 'sets', () =>
      transaction.execute<OwnerCost[]>(
        `with ${invoicesInForce(ofPeriods)}, ${estimatesInForce},
         charge as (
           select invoice.id as invoice_id, sum(line.billed_cost) as amount
           from invoice ${linesOfInvoice} where not invoice.is_held group by invoice.id
         ),
         told as (
           select invoice.period_start, invoice.provider, invoice.currency, 'invoice' as basis, 'attributed' as bucket, null as reason,
             ${nobody.tenant} as tenant_id, ${nobody.deployment} as deployment_id, ${nobody.kind} as kind, charge.amount
           from invoice join charge on charge.invoice_id = invoice.id
           union all
           select period_start, provider, currency, 'invoice', 'unattributed', reason, null, null, null, amount from (${unsaidParts('charge')}) unsaid
           union all
           select period_start, provider, currency, 'estimate', 'attributed', null, null, null, null, amount from estimate
         )
         ${selectTold}`,
        [periods.first, periods.last, periods.first, periods.last],
      ),
    ),
  );
}

const ofPeriods = 'invoice.period_start between ?::date and ?::date';

const selectTold = `
  select to_char(period_start, 'YYYY-MM-DD') as period, provider, currency, basis, bucket, reason, tenant_id as "tenantId",
    deployment_id as "deploymentId", kind, trim_scale(amount)::text as amount
  from told`;

/** The condition of `ownedParts` on lines that all of them meet; then each version's lines are read in the order of their index. */
export const everyLine = 'true';

const linesOfInvoice = `cross join lateral (select * from cloud_cost_lines where version_id = invoice.version_id offset 0) line`;

const invoicesInForce = (invoices: string) => `
  invoice as materialized (
    select invoice.id, invoice.provider, invoice.currency, invoice.amount, invoice.period_start, invoice.ingest_status = 'held' as is_held,
      version.id as version_id
    from cloud_invoices invoice
    left join cloud_invoice_versions version on version.invoice_id = invoice.id and version.version = invoice.version
    where ${invoices}
  )`;

/** What invoices state beyond what their lines in force say. @param said a table of `invoice_id` and `amount` */
const unsaidParts = (said: string) => `
  select null::bigint as line_id, invoice.id as invoice_id, invoice.period_start, invoice.provider, invoice.currency, null::text as kind,
    invoice.amount - coalesce(said.amount, 0) as amount, null::text as tenant_id, null::uuid as deployment_id, 'unattributed' as bucket,
    case when invoice.is_held then 'held' when invoice.version_id is null then 'not_ingested' else 'restated' end as reason
  from invoice left join ${said} said on said.invoice_id = invoice.id
  where invoice.amount <> coalesce(said.amount, 0)`;

/**
 * The parts of charges, as the beginning of a `with` clause; `part` has a row for each line and owner, and one for each invoice of which
 * the lines in force say too little or too much. Whose charges is said by a condition on `invoice` and one on `line`.
 *
 * A line's shares are cut down at its own last decimal (a cent at least), and what is left goes one unit each to the largest
 * remainders, between equal ones to the earlier time; so they add up to the line.
 */
export const ownedParts = (invoices: string, lines: string): string => `
  with ${invoicesInForce(invoices)},
  line as materialized (
    select line.id, line.invoice_id, invoice.provider, invoice.period_start, line.currency, line.billed_cost, line.line_class, line.kind,
      line.resource_id, line.match_outcome, line.charge_start, greatest(line.charge_end, line.charge_start) as charge_end
    from invoice ${lines === everyLine ? linesOfInvoice : 'join cloud_cost_lines line on line.version_id = invoice.version_id'}
    where not invoice.is_held and ${lines}
  ),
  charged as (
    select id, resource_id, billed_cost, charge_start, charge_end from line where line_class = 'resource' and resource_id is not null
  ),
  -- Who had the resource while the line ran; a line of no length is its first moment's. Most lines are somebody's whole.
  stay as materialized (
    select charged.*, membership.deployment_id, greatest(membership.starts_at, charged.charge_start) as starts_at,
      least(coalesce(membership.ends_at, 'infinity'), charged.charge_end) as ends_at,
      membership.starts_at <= charged.charge_start and coalesce(membership.ends_at, 'infinity') >= charged.charge_end as is_whole
    from charged join cloud_resource_memberships membership on membership.resource_id = charged.resource_id
    where membership.starts_at < greatest(charged.charge_end, charged.charge_start + interval '1 microsecond')
      and coalesce(membership.ends_at, 'infinity') > charged.charge_start
  ),
  homeless as materialized (
    select * from charged where not exists (select from stay where stay.id = charged.id)
  ),
  piece as materialized (
    select id, billed_cost, charge_start, charge_end, deployment_id, starts_at, extract(epoch from ends_at - starts_at) as seconds
    from stay where not is_whole
  ),
  divided as (
    select id, billed_cost, deployment_id, starts_at, seconds from piece
    union all
    select id, billed_cost, null, 'infinity', extract(epoch from charge_end - charge_start) - sum(seconds)
    from piece group by id, billed_cost, charge_start, charge_end
    having extract(epoch from charge_end - charge_start) > sum(seconds)
  ),
  cut as (
    select *, floor(billed_cost * units * seconds / line_seconds) as cut_units
    from (
      select *, 10::numeric ^ greatest(2, scale(trim_scale(billed_cost))) as units, sum(seconds) over (partition by id) as line_seconds
      from divided
    ) measured
  ),
  share as (
    select id, deployment_id, billed_cost as amount from stay where is_whole
    union all
    select id, null, billed_cost from homeless
    union all
    select id, deployment_id, (cut_units + (row_number() over (
        partition by id order by billed_cost * units * seconds - cut_units * line_seconds desc, starts_at
      ) <= billed_cost * units - sum(cut_units) over (partition by id))::int) / units
    from cut
  ),
  -- How long everybody had a line's resource; the time that nobody had it comes last.
  segment as (
    select id, deployment_id, starts_at, seconds from divided
    union all
    select id, deployment_id, starts_at, extract(epoch from ends_at - starts_at) from stay where is_whole
    union all
    select id, null, 'infinity', extract(epoch from charge_end - charge_start) from homeless
  ),
  part as (
    select line.id as line_id, line.invoice_id, line.period_start, line.provider, line.currency, line.kind, share.amount,
      coalesce(deployment.tenant_id, project.tenant_id) as tenant_id, deployment.id as deployment_id,
      case when coalesce(deployment.tenant_id, project.tenant_id) is null then 'unattributed' else 'attributed' end as bucket,
      case when coalesce(deployment.tenant_id, project.tenant_id) is null then 'no_tenant' end as reason
    from share
    join line on line.id = share.id
    left join cloud_deployments deployment on deployment.id = share.deployment_id
    left join lateral (
      select project_id from cloud_resources where deployment.id is null and id = line.resource_id offset 0
    ) resource on true
    left join cloud_projects project on project.id = resource.project_id
    union all
    select id, invoice_id, period_start, provider, currency, kind, billed_cost, null, null,
      case when line_class in ('shared', 'tax', 'credit') then line_class else 'unattributed' end,
      case when line_class in ('shared', 'tax', 'credit') then null when line_class = 'unexplained' then 'unexplained' else match_outcome end
    from line where line_class <> 'resource' or resource_id is null
    union all
    ${unsaidParts('(select invoice_id, sum(billed_cost) as amount from line group by invoice_id)')}
  )`;
