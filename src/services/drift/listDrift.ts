import type { EntityManager } from '@mikro-orm/postgresql';
import type { DriftType } from '../../domain/drift/price.ts';
import type { JsonValue } from '../../domain/errors.ts';
import type { ResourceKind } from '../../domain/resourceKind.ts';
import type { DriftState } from '../../entities/cloudDrift.ts';
import type { KeysetPage } from '../listInventory.ts';

/** A drift with what it is about. Times are RFC 3339 in UTC, to the microsecond; amounts decimal texts. */
export interface ListedDrift {
  readonly id: string;
  readonly resource_id: string;
  readonly resource_name: string;
  readonly external_id: string;
  readonly deployment_id: string | null;
  readonly tenant_id: string | null;
  readonly provider: string;
  readonly kind: ResourceKind;
  readonly type: DriftType;
  readonly field: string | null;
  readonly desired: JsonValue;
  readonly actual: JsonValue;
  readonly state: DriftState;
  readonly spec_version: number | null;
  readonly price_monthly: string | null;
  readonly currency: string;
  readonly price_source: 'list_price' | 'cost_lines' | null;
  readonly billed_cost: string | null;
  readonly billed_period: string | null;
  readonly unbilled: boolean;
  readonly detected_at: string;
  readonly last_seen_at: string;
  readonly resolved_at: string | null;
  readonly resolved_by: string | null;
  readonly reason: string | null;
  readonly workflow_id: string | null;
  readonly ignore_rule_id: string | null;
  readonly problem: { readonly code: string; readonly message: string } | null;
}

/** What is absent restricts nothing. */
export interface DriftFilter {
  readonly state?: DriftState | undefined;
  readonly type?: DriftType | undefined;
  readonly kind?: ResourceKind | undefined;
  readonly provider?: string | undefined;
  readonly resourceId?: string | undefined;
  readonly deploymentId?: string | undefined;
}

/** Where a page ends: the last drift's time, to the microsecond, and id. */
export interface DriftKey {
  readonly detectedAt: string;
  readonly id: string;
}

/** Drift, the latest found first. */
export function listDrift(
  em: EntityManager,
  filter: DriftFilter,
  page: KeysetPage<DriftKey>,
): Promise<ListedDrift[]> {
  const conditions = [
    equals('drift.state', filter.state),
    equals('drift.type', filter.type),
    equals('drift.kind', filter.kind),
    equals('drift.provider', filter.provider),
    equals('drift.resource_id', filter.resourceId),
    equals('resource.deployment_id', filter.deploymentId),
    // A row comparison, so that the index is entered where the page starts.
    page.after && {
      text: '(drift.detected_at, drift.id) < (?::timestamptz, ?::uuid)',
      values: [page.after.detectedAt, page.after.id],
    },
  ].filter((condition) => condition !== undefined);
  return em.execute<ListedDrift[]>(
    `${drifts} where ${['true', ...conditions.map(({ text }) => text)].join(' and ')}
     order by drift.detected_at desc, drift.id desc limit ?`,
    [...conditions.flatMap(({ values }) => values), page.limit + 1],
  );
}

/** Drifts by id, in the order of the ids; those that there are. */
export function findDrifts(em: EntityManager, ids: readonly string[]): Promise<ListedDrift[]> {
  return em.execute<ListedDrift[]>(
    `${drifts} join jsonb_array_elements_text(?::jsonb) with ordinality as wanted (id, place) on wanted.id::uuid = drift.id
     order by wanted.place`,
    [JSON.stringify(ids)],
  );
}

const equals = (column: string, value: string | undefined) =>
  value === undefined ? undefined : { text: `${column} = ?`, values: [value] };

const instant = (column: string) =>
  `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as ${column.replace('drift.', '')}`;

const drifts = `
  select drift.id, drift.resource_id, resource.name as resource_name, resource.external_id, resource.deployment_id, resource.tenant_id,
    drift.provider, drift.kind, drift.type, drift.field, drift.desired, drift.actual, drift.state, drift.spec_version,
    drift.price_monthly::text as price_monthly, drift.currency, drift.price_source, drift.billed_cost::text as billed_cost,
    drift.billed_period::text as billed_period, drift.unbilled, ${instant('drift.detected_at')}, ${instant('drift.last_seen_at')},
    ${instant('drift.resolved_at')}, drift.resolved_by, drift.reason, drift.workflow_id, drift.ignore_rule_id, drift.problem
  from cloud_drift drift join cloud_resources resource on resource.id = drift.resource_id`;
