import type { JsonValue } from '../errors.ts';
import { toAmountText } from '../money.ts';
import type { ResourceKind } from '../resourceKind.ts';
import { keyOf, sameValue } from './equality.ts';
import { type LiveResource, liveValue } from './liveValues.ts';
import { type DriftType, type ListPrice, priceOfDrift, type SizeTable } from './price.ts';
import { type FieldPlan, plannerOf, reasonAgainst, refusal } from './revertSteps.ts';

export const revertActions = [
  'power_off',
  'resize',
  'power_on',
  'rename',
  'add_tags',
  'remove_tags',
  'grow_volume',
  'enable_backups',
  'disable_backups',
  'add_to_firewall',
  'remove_from_firewall',
] as const;
export type RevertAction = (typeof revertActions)[number];

/** One call to the provider; its parameters by action. */
export type RevertOperation =
  | {
      readonly action: 'power_off' | 'power_on' | 'enable_backups' | 'disable_backups';
      readonly parameters: Readonly<Record<string, never>>;
    }
  | { readonly action: 'resize'; readonly parameters: { readonly size: string; readonly disk: boolean } }
  | { readonly action: 'rename'; readonly parameters: { readonly name: string } }
  | {
      readonly action: 'add_tags' | 'remove_tags';
      readonly parameters: { readonly tags: readonly string[] };
    }
  | {
      readonly action: 'grow_volume';
      readonly parameters: { readonly size_gigabytes: number; readonly region: string };
    }
  | {
      readonly action: 'add_to_firewall' | 'remove_from_firewall';
      readonly parameters: { readonly firewall_id: string; readonly droplet_ids: readonly string[] };
    };

export type RevertStep = RevertOperation & {
  /** Unique in its plan. */
  readonly name: string;
  /** What takes the step back; null where nothing can. Undone in reverse order, what was done is as it was found. */
  readonly undo: RevertOperation | null;
  readonly reversible: boolean;
  /** Whether the resource is out of service from this step until it is powered on again. */
  readonly downtime: boolean;
};

/** Plain JSON, as an operator approves it. */
export interface RevertPlan {
  readonly kind: ResourceKind;
  readonly externalId: string;
  readonly field: string;
  readonly desired: JsonValue;
  readonly steps: readonly RevertStep[];
  /** Whether any step takes the resource out of service. */
  readonly downtime: boolean;
  /** What it adds to a month's bill by list price, a decimal text; negative where it saves; null where the list doesn't say. */
  readonly addedMonthly: string | null;
  readonly currency: string;
  /** What can't be undone, in sentences. */
  readonly irreversible: readonly string[];
  /** What else to know before approving, in sentences. */
  readonly warnings: readonly string[];
  /** The live values that the plan was made on: where one of them has moved, it no longer holds. */
  readonly base: { readonly [field: string]: JsonValue };
  /** The same for the same steps on the same base. */
  readonly checksum: string;
}

export interface RevertRefusal {
  readonly code: RevertRefusalCode;
  readonly message: string;
}

export const revertRefusalCodes = [
  'drift_missing',
  'drift_unmanaged',
  'resource_gone',
  'resource_locked',
  'resource_not_settled',
  'already_as_desired',
  'field_not_revertible',
  'desired_value_invalid',
  'size_unknown',
  'size_not_available',
  'disk_would_shrink',
  'volume_would_shrink',
  'volume_too_large',
] as const;
export type RevertRefusalCode = (typeof revertRefusalCodes)[number];

/** What is to be reverted. */
export interface RevertedDrift {
  readonly kind: ResourceKind;
  readonly type: DriftType;
  /** Null unless a field differs. */
  readonly field: string | null;
  readonly desired: JsonValue;
}

export interface RevertOptions {
  /** Lets the disk grow with the size, which can't be undone. */
  readonly resizeDisk: boolean;
  readonly listPrice: ListPrice | null;
}

/** A plan, or why there can be none. */
export type RevertPlanning =
  | { readonly plan: RevertPlan; readonly refusal: null }
  | { readonly plan: null; readonly refusal: RevertRefusal };

/**
 * The exact steps that give one drifted field its desired value back, made for the resource as it is now.
 * @param live null where the resource is gone
 */
export function planRevert(
  drift: RevertedDrift,
  live: LiveResource | null,
  sizes: SizeTable,
  options: RevertOptions,
): RevertPlanning {
  const planned = fieldPlan(drift, live, sizes, options);
  if ('code' in planned) return { plan: null, refusal: planned };
  const { field, resource, steps, irreversible, warnings } = planned;
  const base = Object.fromEntries(planned.base.map((name) => [name, liveValue(resource, name)]));
  const { kind, desired } = drift;
  const added =
    options.listPrice === null
      ? null
      : priceOfDrift(options.listPrice, { type: 'field', field, desired }, resource, null);
  const { externalId, currency } = resource;
  return {
    plan: {
      kind,
      externalId,
      field,
      desired,
      steps,
      downtime: steps.some((step) => step.downtime),
      addedMonthly: added === null ? null : toAmountText(added.negated()),
      currency,
      irreversible,
      warnings,
      base,
      checksum: checksumOf(JSON.stringify([kind, externalId, field, keyOf(desired), keyOf(base), steps])),
    },
    refusal: null,
  };
}

/** The values of a plan's base that have moved since it was made, by field. The order of a list is no move. */
export function movedSince(
  plan: Pick<RevertPlan, 'base'>,
  live: LiveResource,
): { readonly field: string; readonly planned: JsonValue; readonly found: JsonValue }[] {
  return Object.entries(plan.base)
    .map(([field, planned]) => ({ field, planned, found: liveValue(live, field) }))
    .filter(({ planned, found }) => keyOf(planned) !== keyOf(found));
}

function fieldPlan(
  drift: RevertedDrift,
  live: LiveResource | null,
  sizes: SizeTable,
  options: RevertOptions,
): (FieldPlan & { readonly field: string; readonly resource: LiveResource }) | RevertRefusal {
  const { kind, type, field, desired } = drift;
  if (type === 'missing' || type === 'unmanaged' || field === null) return refusedTypes[type];
  if (live === null) {
    return refusal('resource_gone', 'The resource is gone: nothing can be changed back.');
  }
  if (sameValue(kind, field, desired, liveValue(live, field), live)) {
    return refusal('already_as_desired', `Its ${field} is as desired already: there is nothing to revert.`);
  }
  const planner = plannerOf(kind, field);
  if (planner === null) return refusal('field_not_revertible', reasonAgainst(kind, field));
  if (live.attributes['locked'] === true) {
    return refusal('resource_locked', 'Another action runs on it: it is locked until that ends.');
  }
  const planned = planner({ desired, live, sizes, options });
  return 'code' in planned ? planned : { ...planned, field, resource: live };
}

const refusedTypes: Readonly<Record<DriftType, RevertRefusal>> = {
  missing: refusal(
    'drift_missing',
    'The resource is gone, and nothing brings the same one back: accept that it is missing, or provision it anew.',
  ),
  unmanaged: refusal(
    'drift_unmanaged',
    'Nobody recorded what it should be: accept it as it is, or destroy it at the provider.',
  ),
  field: refusal('field_not_revertible', 'The drift names no field.'),
};

/** FNV-1a, 64 bits: tells plans apart, and is no protection against forgery. */
function checksumOf(text: string): string {
  let hash = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(text)) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  }
  return hash.toString(16).padStart(16, '0');
}
