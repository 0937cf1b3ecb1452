import { fieldDrift } from '../../domain/drift/compare.ts';
import type { LiveResource, Spec } from '../../domain/drift/liveValues.ts';
import { type DriftType, type ListPrice, priceOfDrift } from '../../domain/drift/price.ts';
import { isExpectedManaged } from '../../domain/drift/specFields.ts';
import type { JsonValue } from '../../domain/errors.ts';
import type { Decimal } from '../../domain/money.ts';

/** A resource that is not exactly what was asked for. */
export interface SweptResource {
  readonly resourceId: string;
  readonly live: LiveResource;
  readonly deploymentId: string | null;
  readonly goneAt: Date | null;
  /** Null where nothing was asked for. */
  readonly spec: Spec | null;
  readonly specVersion: number | null;
}

/** What a resource's own lines came to in the provider's last ingested month, in the resource's currency. */
export interface BilledCost {
  readonly cost: Decimal;
  readonly period: string;
  /** The latest end of a line that charges something; null where they only give credit. */
  readonly chargedUntil: Date | null;
}

/** A difference as it is written: what `cloud_drift` holds of it while it is open. */
export interface Difference {
  readonly resourceId: string;
  readonly type: DriftType;
  readonly field: string | null;
  readonly desired: JsonValue;
  readonly actual: JsonValue;
  readonly specVersion: number | null;
  readonly priceMonthly: Decimal | null;
  readonly currency: string;
  readonly priceSource: 'list_price' | 'cost_lines' | null;
  readonly billed: BilledCost | null;
  readonly unbilled: boolean;
}

type Found = { readonly desired: JsonValue; readonly actual: JsonValue } & (
  | { readonly type: 'field'; readonly field: string }
  | { readonly type: 'missing' | 'unmanaged'; readonly field: null }
);

/** How a resource differs from what was asked for, each difference with its price. */
export function differencesOf(
  resource: SweptResource,
  listPrice: ListPrice,
  billed: BilledCost | null,
): Difference[] {
  const { resourceId, specVersion, live } = resource;
  return found(resource).map((difference) => {
    const { priceMonthly, priceSource } = priceOf(difference, resource, listPrice, billed);
    return {
      ...difference,
      resourceId,
      specVersion,
      priceMonthly,
      currency: live.currency,
      priceSource,
      billed,
      unbilled: isUnbilled(difference, resource, priceMonthly, billed),
    };
  });
}

/** One that is gone has no fields any more, one that nobody asked for has none to compare. */
function found({ live, spec, goneAt }: SweptResource): Found[] {
  if (spec === null) {
    return goneAt !== null || isExpectedManaged(live.kind, live)
      ? []
      : [{ type: 'unmanaged', field: null, desired: null, actual: null }];
  }
  if (goneAt !== null) return [{ type: 'missing', field: null, desired: spec, actual: null }];
  return fieldDrift(live.kind, spec, live).map((difference) => ({ type: 'field', ...difference }));
}

/** By list price; else by its own cost lines, which know what the whole resource costs, but not what one field of it does. */
function priceOf(
  difference: Found,
  { live, spec }: SweptResource,
  listPrice: ListPrice,
  billed: BilledCost | null,
): Pick<Difference, 'priceMonthly' | 'priceSource'> {
  const listed = priceOfDrift(listPrice, difference, live, spec);
  if (listed !== null) return { priceMonthly: listed, priceSource: 'list_price' };
  if (difference.type === 'field' || billed === null) return { priceMonthly: null, priceSource: null };
  return {
    priceMonthly: difference.type === 'missing' ? billed.cost.negated() : billed.cost,
    priceSource: 'cost_lines',
  };
}

/** Money that the provider takes and nobody pays us back: for what belongs to no deployment, or for time after it was gone. */
function isUnbilled(
  { type }: Found,
  { deploymentId, goneAt }: SweptResource,
  priceMonthly: Decimal | null,
  billed: BilledCost | null,
): boolean {
  if (type === 'unmanaged') {
    const costs = priceMonthly?.greaterThan(0) === true || billed?.cost.greaterThan(0) === true;
    return deploymentId === null && costs;
  }
  const chargedUntil = billed?.chargedUntil ?? null;
  return type === 'missing' && goneAt !== null && chargedUntil !== null && chargedUntil > goneAt;
}
