import type { JsonValue } from '../errors.ts';
import { Decimal } from '../money.ts';
import type { ResourceKind } from '../resourceKind.ts';
import { isBlank, isRecord, type LiveContext, normaliserOf, type Place } from './normalisers.ts';

/**
 * Whether a live value is what was asked for. Scalars compare by their text (a number and a text by value), lists as sets, objects
 * key by key as far as the desired one names keys; null, absent, '', [] and {} all say nothing. On top of that comes what the kind's
 * normalisers know of the field. Equal JSON is always the same.
 */
export function sameValue(
  kind: ResourceKind,
  field: string,
  desired: JsonValue,
  actual: JsonValue,
  live: LiveContext,
): boolean {
  return same(desired, actual, { kind, path: field, live, desiredIn: null, actualIn: null });
}

function same(desired: JsonValue, actual: JsonValue, place: Place): boolean {
  if (desired === actual) return true;
  const rule = normaliserOf(place);
  if (rule.allows?.(desired, actual, place)) return true;
  if (Array.isArray(desired) || Array.isArray(actual)) {
    const [wanted, found] = [listOf(desired), listOf(actual)];
    return wanted !== null && found !== null && sameSets(wanted, found, place);
  }
  if (isRecord(desired) || isRecord(actual)) {
    const [wanted, found] = [recordOf(desired), recordOf(actual)];
    return wanted !== null && found !== null && sameRecords(wanted, found, place);
  }
  const [wanted, found] = [rule.canonical?.(desired) ?? null, rule.canonical?.(actual) ?? null];
  return wanted !== null && found !== null ? wanted === found : sameScalar(desired, actual);
}

function listOf(value: JsonValue): readonly JsonValue[] | null {
  if (Array.isArray(value)) return value;
  return isBlank(value) ? [] : null;
}

function recordOf(value: JsonValue): Readonly<Record<string, JsonValue>> | null {
  if (isRecord(value)) return value;
  return isBlank(value) ? {} : null;
}

function sameRecords(
  desired: Readonly<Record<string, JsonValue>>,
  actual: Readonly<Record<string, JsonValue>>,
  place: Place,
): boolean {
  const keys = normaliserOf(place).isClosed
    ? new Set([...Object.keys(desired), ...Object.keys(actual)])
    : Object.keys(desired);
  return [...keys].every((key) =>
    same(own(desired, key), own(actual, key), {
      ...place,
      path: `${place.path}.${key}`,
      desiredIn: desired,
      actualIn: actual,
    }),
  );
}

function own(record: Readonly<Record<string, JsonValue>>, key: string): JsonValue {
  return Object.hasOwn(record, key) ? (record[key] ?? null) : null;
}

/** Each desired element has a live one of its own, and no live one is left but those that the provider adds by itself. */
function sameSets(desired: readonly JsonValue[], actual: readonly JsonValue[], place: Place): boolean {
  const [wanted, found] = [byKey(desired, place), byKey(actual, place)];
  const missing = [...wanted].filter(([key]) => !found.has(key)).map(([, element]) => element);
  const extra = [...found].filter(([key]) => !wanted.has(key)).map(([, element]) => element);
  const { automatic } = normaliserOf(place);
  const surplus = automatic === undefined ? extra : extra.filter((element) => !automatic(element, place));
  return missing.length === surplus.length && canPair(missing, surplus, place);
}

/** The elements without repetitions, by what they say. */
function byKey(elements: readonly JsonValue[], place: Place): Map<string, JsonValue> {
  const { canonical } = normaliserOf(place);
  return new Map(elements.map((element) => [keyOf(canonical?.(element) ?? element), element]));
}

/** The same text for JSON that differs in the order of keys and lists, or in a number for its text, at most. */
export function keyOf(value: JsonValue): string {
  if (Array.isArray(value)) return `[${value.map(keyOf).toSorted().join(',')}]`;
  if (isRecord(value)) {
    const keys = Object.keys(value).toSorted();
    return `{${keys.map((key) => `${JSON.stringify(key)}:${keyOf(own(value, key))}`).join(',')}}`;
  }
  return JSON.stringify(typeof value === 'number' ? new Decimal(value).toFixed() : String(value ?? ''));
}

/**
 * Whether each element on the left can have one of its own on the right: a matching in a bipartite graph by augmenting paths, since
 * an element that names few keys may suit several.
 */
function canPair(left: readonly JsonValue[], right: readonly JsonValue[], place: Place): boolean {
  const suitable = left.map((one) =>
    right.flatMap((other, index) => (same(one, other, place) ? [index] : [])),
  );
  const takenBy = new Map<number, number>();
  const assign = (element: number, seen: Set<number>): boolean =>
    (suitable[element] ?? []).some((index) => {
      if (seen.has(index)) return false;
      seen.add(index);
      const holder = takenBy.get(index);
      if (holder !== undefined && !assign(holder, seen)) return false;
      takenBy.set(index, element);
      return true;
    });
  return left.every((_, element) => assign(element, new Set()));
}

const numeric = /^-?\d+(?:\.\d+)?(?:e[+-]?\d+)?$/i;

/** A number and a text are the same by value; otherwise the texts decide, so that version 1.10 is not 1.1. */
function sameScalar(left: JsonValue, right: JsonValue): boolean {
  if (isBlank(left) || isBlank(right)) return isBlank(left) && isBlank(right);
  if (typeof left === 'number' && typeof right === 'string') return hasValue(right, left);
  if (typeof left === 'string' && typeof right === 'number') return hasValue(left, right);
  return String(left) === String(right);
}

function hasValue(text: string, value: number): boolean {
  return numeric.test(text) && new Decimal(text).equals(value);
}
