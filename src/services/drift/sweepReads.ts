import { raw } from '@mikro-orm/core';
import type { EntityManager } from '@mikro-orm/postgresql';
import type { Spec } from '../../domain/drift/liveValues.ts';
import type { DriftType } from '../../domain/drift/price.ts';
import { parseDecimal } from '../../domain/money.ts';
import type { ResourceKind } from '../../domain/resourceKind.ts';
import { arrayLiteral } from '../arrayLiteral.ts';
import type { BilledCost, SweptResource } from './differences.ts';
import { isReverting } from './isReverting.ts';
import { type LiveRow, liveColumns, toLive } from './liveResources.ts';

/** The resources of a kind whose ids come after one, up to another; both in the database's own order. */
export interface KindRange {
  readonly provider: string;
  readonly kind: ResourceKind;
  /** Empty before the first. */
  readonly after: string;
  readonly upTo: string;
}

/** The next resources of a kind, which of them may differ, and how fresh the inventory is that they stand in. */
export interface KindPage {
  /** Null where the kind was never listed. */
  readonly listing: {
    readonly state: 'fresh' | 'unknown';
    readonly completeAt: Date | null;
    readonly errorCode: string | null;
    readonly errorMessage: string | null;
  } | null;
  /** Live and gone. */
  readonly resources: number;
  readonly live: number;
  /** The last id; null where there is none. */
  readonly upTo: string | null;
  /** Our own ids of those that may differ from what was asked for. */
  readonly differing: readonly string[];
}

export interface OpenDrift {
  readonly id: string;
  readonly resourceId: string;
  readonly type: DriftType;
  readonly field: string | null;
}

/** A rule in force, as far as it can concern a range. */
export interface RuleInForce {
  readonly id: string;
  /** Null: any of the kind. */
  readonly resourceId: string | null;
  /** Null: any; `missing` and `unmanaged` mean these. */
  readonly field: string | null;
  readonly reason: string;
  readonly createdBy: string;
}

/**
 * Looks through the next resources of a kind. Where each declared field is exactly there, as JSON, the resource is left out of
 * `differing` and never leaves the database; so is one that a revert is at work on.
 */
export async function readKindPage(
  em: EntityManager,
  next: Omit<KindRange, 'upTo'> & { readonly limit: number },
): Promise<KindPage> {
  const [row] = await em.execute<PageRow[]>(raw(kindPage, { ...next }));
  if (row === undefined) throw new Error('a select of counts gave no row');
  const { listing, ...page } = row;
  if (listing === null) return { listing, ...page };
  const completeAt = listing.completeAt === null ? null : new Date(listing.completeAt);
  return { listing: { ...listing, completeAt }, ...page };
}

/** Resources with what was asked for, by their own ids. */
export async function readSwept(em: EntityManager, resourceIds: readonly string[]): Promise<SweptResource[]> {
  const rows = await em.execute<SweptRow[]>(raw(sweptResources, { resources: arrayLiteral(resourceIds) }));
  return rows.map(({ resourceId, deploymentId, goneAt, spec, specVersion, ...live }) => ({
    resourceId,
    deploymentId,
    goneAt: goneAt === null ? null : new Date(goneAt),
    spec,
    specVersion,
    live: toLive(live),
  }));
}

/** The open drift of a range, without that of resources that a revert is at work on. */
export function readOpenDrift(em: EntityManager, range: KindRange): Promise<OpenDrift[]> {
  return em.execute<OpenDrift[]>(raw(openDrift, { ...range }));
}

/** The ignore rules in force that name a range's kind, or a resource of it. */
export function readRulesInForce(em: EntityManager, range: KindRange, now: Date): Promise<RuleInForce[]> {
  return em.execute<RuleInForce[]>(raw(rulesInForce, { ...range, now }));
}

/** What some resources' own lines came to in the last month of which an invoice of the provider is ingested. */
export async function readBilledCosts(
  em: EntityManager,
  provider: string,
  resourceIds: readonly string[],
): Promise<ReadonlyMap<string, BilledCost>> {
  const rows = await em.execute<BilledRow[]>(
    raw(billedCosts, { provider, resources: arrayLiteral(resourceIds) }),
  );
  return new Map(
    rows.map(({ resourceId, cost, period, chargedUntil }) => [
      resourceId,
      {
        cost: parseDecimal(cost),
        period,
        chargedUntil: chargedUntil === null ? null : new Date(chargedUntil),
      },
    ]),
  );
}

interface PageRow extends Omit<KindPage, 'listing'> {
  readonly listing:
    | (Omit<NonNullable<KindPage['listing']>, 'completeAt'> & { readonly completeAt: string | null })
    | null;
}

interface SweptRow extends LiveRow {
  readonly resourceId: string;
  readonly deploymentId: string | null;
  readonly goneAt: string | null;
  readonly spec: Spec | null;
  readonly specVersion: number | null;
}

interface BilledRow {
  readonly resourceId: string;
  readonly cost: string;
  readonly period: string;
  readonly chargedUntil: string | null;
}

const wanted = `left join lateral (
    select spec, spec_version from cloud_provisioned provisioned
    where provisioned.resource_id = resource.id and provisioned.withdrawn_at is null
    offset 0
  ) wanted on true`;

/** As `liveValue` of src/domain/drift/liveValues.ts: columns come before attributes of the same name. */
const liveValue = (field: string) => `case ${field}
      when 'kind' then to_jsonb(resource.kind) when 'external_id' then to_jsonb(resource.external_id)
      when 'name' then to_jsonb(resource.name) when 'region' then to_jsonb(resource.region)
      when 'size_slug' then to_jsonb(resource.size_slug) when 'status' then to_jsonb(resource.status) when 'tags' then resource.tags
      when 'price_monthly' then to_jsonb(trim_scale(resource.price_monthly)::text) when 'currency' then to_jsonb(resource.currency)
      else resource.attributes -> ${field} end`;

const kindPage = `
  with page as materialized (
    select resource.id, resource.external_id, resource.gone_at is null as is_live,
      case
        when wanted.spec is null then resource.gone_at is null
        when resource.gone_at is not null then true
        else exists (
          select from jsonb_each(wanted.spec) asked where asked.value is distinct from ${liveValue('asked.key')}
        )
      end as may_differ
    from (
      select * from cloud_resources
      where provider = :provider and kind = :kind and external_id > :after
      order by external_id limit :limit
    ) resource
    ${wanted}
  )
  select
    (select jsonb_build_object('state', state, 'completeAt', complete_at, 'errorCode', error_code, 'errorMessage', error_message)
     from cloud_inventory_listings where provider = :provider and kind = :kind) as listing,
    count(*)::int as resources, (count(*) filter (where is_live))::int as live, max(external_id) as "upTo",
    coalesce(jsonb_agg(id) filter (where may_differ and not ${isReverting('page.id')}), '[]') as differing
  from page`;

const sweptResources = `
  select resource.id as "resourceId", resource.deployment_id as "deploymentId", resource.gone_at as "goneAt",
    wanted.spec, wanted.spec_version as "specVersion", ${liveColumns('resource')}
  from cloud_resources resource
  ${wanted}
  where resource.id = any(:resources::uuid[])`;

const inRange = `resource.provider = :provider and resource.kind = :kind
    and resource.external_id > :after and resource.external_id <= :upTo`;

const openDrift = `
  select found.*
  from cloud_resources resource
  cross join lateral (
    select id, resource_id as "resourceId", type, field from cloud_drift drift
    where drift.resource_id = resource.id and drift.state = 'open'
    offset 0
  ) found
  where ${inRange} and not ${isReverting('resource.id')}`;

const rulesInForce = `
  select rule.id, rule.resource_id as "resourceId", rule.field, rule.reason, rule.created_by as "createdBy"
  from drift_ignore_rules rule
  left join cloud_resources resource on resource.id = rule.resource_id
  where rule.ended_at is null and rule.expires_at > :now
    and (rule.provider is null or rule.provider = :provider) and (rule.kind is null or rule.kind = :kind)
    and (rule.resource_id is null or (${inRange}))
  order by rule.created_at, rule.id`;

/** Lines in another currency than the resource's say nothing that could be compared with its price. */
const billedCosts = `
  with month as materialized (
    select max(period_start) as period_start from cloud_invoices where provider = :provider and version > 0
  ),
  current_version as materialized (
    select version.id
    from month
    join cloud_invoices invoice on invoice.provider = :provider and invoice.period_start = month.period_start
    join cloud_invoice_versions version on version.invoice_id = invoice.id and version.version = invoice.version
  )
  select cost.resource_id as "resourceId", sum(cost.billed_cost)::text as cost, (select period_start::text from month) as period,
    max(cost.charge_end) filter (where cost.billed_cost > 0) as "chargedUntil"
  from cloud_cost_lines cost
  where cost.resource_id = any(:resources::uuid[]) and cost.version_id = any(array(select id from current_version))
    and cost.currency = (select resource.currency from cloud_resources resource where resource.id = cost.resource_id)
  group by cost.resource_id`;
