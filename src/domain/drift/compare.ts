import type { JsonValue } from '../errors.ts';
import type { ResourceKind } from '../resourceKind.ts';
import { sameValue } from './equality.ts';
import { type LiveResource, liveValue, type Spec } from './liveValues.ts';

/** A field whose live value is another than the one that was asked for. */
export interface FieldDrift {
  readonly field: string;
  readonly desired: JsonValue;
  readonly actual: JsonValue;
}

/** The fields that differ, by name. What the spec doesn't name is never compared. */
export function fieldDrift(kind: ResourceKind, spec: Spec, live: LiveResource): FieldDrift[] {
  return Object.entries(spec)
    .map(([field, desired]) => ({ field, desired, actual: liveValue(live, field) }))
    .filter(({ field, desired, actual }) => !sameValue(kind, field, desired, actual, live))
    .toSorted((left, right) => (left.field < right.field ? -1 : 1));
}
