import type { JsonValue } from '../errors.ts';
import { Decimal } from '../money.ts';
import type { ResourceKind } from '../resourceKind.ts';
import type { LiveResource, Spec } from './liveValues.ts';
import { normaliserOf } from './normalisers.ts';

/** A size that a droplet may have. */
export interface Size {
  readonly slug: string;
  readonly diskGib: number;
  /** List price of a month, before discounts and tax. */
  readonly priceMonthly: Decimal;
  /** Slugs of the regions that offer it. */
  readonly regions: readonly string[];
  /** Whether new droplets may have it. */
  readonly isAvailable: boolean;
}

/** The sizes by slug. */
export type SizeTable = ReadonlyMap<string, Size>;

/** What a list price depends on. */
export type PricedResource = Pick<LiveResource, 'kind' | 'region' | 'sizeSlug' | 'attributes'>;

/** The list price of a month, in the provider's currency; null where the list has none. */
export type ListPrice = (resource: PricedResource) => Decimal | null;

/** The three ways in which what runs differs from what was asked for. */
export const driftTypes = ['field', 'missing', 'unmanaged'] as const;
export type DriftType = (typeof driftTypes)[number];

export type PricedDrift =
  | { readonly type: 'field'; readonly field: string; readonly desired: JsonValue }
  | { readonly type: 'missing' | 'unmanaged' };

/**
 * What a difference costs a month: the list price of what runs less that of what was asked for; negative where it saves. A missing
 * resource saves all of its price, an unmanaged one costs all of it. Exact, never rounded; null where the list doesn't say, and
 * then only the cost lines know.
 * @param live as last read; for a missing resource, before it was gone
 */
export function priceOfDrift(
  listPrice: ListPrice,
  drift: PricedDrift,
  live: LiveResource,
  spec: Spec | null,
): Decimal | null {
  switch (drift.type) {
    case 'unmanaged':
      return listPrice(live);
    case 'missing':
      return listPrice(asAskedFor(live, spec ?? {}))?.negated() ?? null;
    case 'field': {
      const [runs, asked] = [listPrice(live), listPrice(asAskedFor(live, { [drift.field]: drift.desired }))];
      if (runs !== null && asked !== null) return runs.minus(asked);
      return freeFields.has(drift.field) ? new Decimal(0) : null;
    }
  }
}

/** What no provider charges for, so that the answer is zero even where the list has no price. */
const freeFields: ReadonlySet<string> = new Set(['name', 'tags', 'status', 'description']);

/** The live resource with the values of a spec in place of its own, as far as a price may depend on them. */
function asAskedFor(live: LiveResource, spec: Spec): PricedResource {
  const wanted = Object.fromEntries(
    Object.entries(spec).map(([field, value]) => [field, comparable(live.kind, field, value)]),
  );
  const { region, size_slug: sizeSlug, ...attributes } = wanted;
  return {
    kind: live.kind,
    region: region === undefined ? live.region : textOrNull(region),
    sizeSlug: sizeSlug === undefined ? live.sizeSlug : textOrNull(sizeSlug),
    attributes: { ...live.attributes, ...attributes },
  };
}

/** A spec may say `100GB` where the provider says 100: the value in the provider's own form. */
function comparable(kind: ResourceKind, field: string, value: JsonValue): JsonValue {
  const text = normaliserOf({ kind, path: field }).canonical?.(value) ?? null;
  if (text === null || typeof value === 'object') return value;
  return text === 'true' || text === 'false' ? text === 'true' : text;
}

function textOrNull(value: JsonValue): string | null {
  return typeof value === 'string' ? value : null;
}
