import { raw } from '@mikro-orm/core';
import type { EntityManager } from '@mikro-orm/postgresql';
import { arrayLiteral } from '../arrayLiteral.ts';
import type { Difference } from './differences.ts';
import type { DriftChanges } from './driftChanges.ts';

export interface WrittenDrift {
  readonly opened: number;
  /** Open ones whose values or price moved. */
  readonly changed: number;
  readonly stale: number;
  readonly ignored: number;
}

/**
 * Writes what becomes of a range's drift, in one statement: rows closed, brought up to date and opened, and an event of its resource
 * for each that is new. An open row is touched where a value moved, or where a newer listing shows the same.
 * @param at.inventoryAt when the listing began that shows the differences
 */
export async function writeDifferences(
  em: EntityManager,
  range: { readonly provider: string; readonly kind: string },
  changes: DriftChanges,
  at: { readonly now: Date; readonly inventoryAt: Date; readonly workflowId: string },
): Promise<WrittenDrift> {
  const [counts] = await em.execute<WrittenDrift[]>(
    raw(writeChanges, {
      ...range,
      ...at,
      seenIds: arrayLiteral(changes.seen.map(({ id }) => id)),
      closeIds: arrayLiteral(changes.close.map(({ id }) => id)),
      open: JSON.stringify(changes.open.map(toRow)),
      seen: JSON.stringify(changes.seen.map(({ id, difference }) => ({ id, ...toRow(difference) }))),
      close: JSON.stringify(
        changes.close.map(({ id, state, resolvedBy, reason, ignoreRuleId }) => ({
          id,
          state,
          resolved_by: resolvedBy,
          reason,
          ignore_rule_id: ignoreRuleId,
        })),
      ),
    }),
  );
  if (counts === undefined) throw new Error('a select of counts gave no row');
  return counts;
}

function toRow({ resourceId, type, field, desired, actual, billed, ...difference }: Difference) {
  return {
    resource_id: resourceId,
    type,
    field,
    desired,
    actual,
    spec_version: difference.specVersion,
    price_monthly: difference.priceMonthly?.toFixed() ?? null,
    currency: difference.currency,
    price_source: difference.priceSource,
    billed_cost: billed?.cost.toFixed() ?? null,
    billed_period: billed?.period ?? null,
    unbilled: difference.unbilled,
  };
}

const valueTypes = {
  desired: 'jsonb',
  actual: 'jsonb',
  spec_version: 'int',
  price_monthly: 'numeric',
  currency: 'text',
  price_source: 'text',
  billed_cost: 'numeric',
  billed_period: 'date',
  unbilled: 'boolean',
} as const;
const values = Object.keys(valueTypes);
const typedValues = Object.entries(valueTypes).map(([name, type]) => `${name} ${type}`);
const valuesOf = (row: string) => values.map((name) => `${row}.${name}`).join(', ');

/** A resource's row of one type closes before its row of another type opens: both have no field, and no two may be open. */
const writeChanges = `
  with closed as (
    update cloud_drift drift
    set state = closing.state, resolved_at = :now, resolved_by = closing.resolved_by, reason = closing.reason,
      ignore_rule_id = closing.ignore_rule_id, workflow_id = :workflowId
    from jsonb_to_recordset(:close::jsonb) as closing (id uuid, state text, resolved_by text, reason text, ignore_rule_id uuid)
    where drift.id = any(:closeIds::uuid[]) and drift.id = closing.id
    returning drift.state
  ),
  moved as (
    select seen.*, (${valuesOf('before')}) is distinct from (${valuesOf('seen')}) as is_changed
    from jsonb_to_recordset(:seen::jsonb) as seen (id uuid, ${typedValues.join(', ')})
    join cloud_drift before on before.id = any(:seenIds::uuid[]) and before.id = seen.id
  ),
  updated as (
    update cloud_drift drift set ${values.map((name) => `${name} = moved.${name}`).join(', ')}, last_seen_at = :now
    from moved
    where drift.id = any(:seenIds::uuid[]) and drift.id = moved.id and (moved.is_changed or drift.last_seen_at < :inventoryAt)
    returning moved.is_changed
  ),
  opened as (
    insert into cloud_drift (resource_id, provider, kind, type, field, ${values.join(', ')}, detected_at, last_seen_at)
    select resource_id, :provider, :kind, type, field, ${values.join(', ')}, :now, :now
    from jsonb_to_recordset(:open::jsonb) as difference (resource_id uuid, type text, field text, ${typedValues.join(', ')})
    where (select count(*) from closed) >= 0
    returning resource_id, type, field, desired, actual
  ),
  event as (
    insert into cloud_resource_events (resource_id, type, occurred_at, attributed_at, changes)
    select resource_id, 'drift_detected', :now::timestamptz, :now::timestamptz,
      jsonb_build_object(coalesce(field, type), jsonb_build_object('from', desired, 'to', actual))
    from opened
  )
  select (select count(*) from opened)::int as opened,
    (select count(*) from updated where is_changed)::int as changed,
    (select count(*) from closed where state = 'stale')::int as stale,
    (select count(*) from closed where state = 'ignored')::int as ignored`;
