import type { JsonValue } from '../errors.ts';
import type { Decimal } from '../money.ts';
import type { ResourceKind } from '../resourceKind.ts';

/** What was asked for, by field. A field that isn't there was never asked for: nothing is compared with it. */
export type Spec = { readonly [field: string]: JsonValue };

/** A resource as it was last read: our columns, and what else its provider says of it. */
export interface LiveResource {
  readonly kind: ResourceKind;
  /** The id under which project members and invoices name it. */
  readonly externalId: string;
  readonly name: string;
  readonly region: string | null;
  readonly sizeSlug: string | null;
  readonly status: string | null;
  readonly tags: readonly string[];
  /** Of a month, by list price, where the listing says it. */
  readonly priceMonthly: Decimal | null;
  readonly currency: string;
  /** Everything else that drift may compare, plain JSON. */
  readonly attributes: { readonly [key: string]: JsonValue };
}

const columns: Readonly<Record<string, (live: LiveResource) => JsonValue>> = {
  kind: (live) => live.kind,
  external_id: (live) => live.externalId,
  name: (live) => live.name,
  region: (live) => live.region,
  size_slug: (live) => live.sizeSlug,
  status: (live) => live.status,
  tags: (live) => live.tags,
  price_monthly: (live) => live.priceMonthly?.toFixed() ?? null,
  currency: (live) => live.currency,
};

/** The actual value of a spec's field: the resource's column of that name, else its attribute; null where it has neither. */
export function liveValue(live: LiveResource, field: string): JsonValue {
  const column = Object.hasOwn(columns, field) ? columns[field] : undefined;
  if (column !== undefined) return column(live);
  return Object.hasOwn(live.attributes, field) ? (live.attributes[field] ?? null) : null;
}
