import { roundParts } from '../allocation.ts';
import { Decimal, roundHalfUpToCents, sum } from '../money.ts';

/** What the provider charged, by whom it is for, in one source currency; exact. */
export interface CostPart {
  /** A tenant's id where `bucket` is `attributed`, else null. */
  readonly tenantId: string | null;
  /** `attributed`, or what nobody bears: `shared`, `tax`, `credit`, `unattributed`. */
  readonly bucket: string;
  /** Null for a tenant's cost outside of any deployment. */
  readonly deploymentId: string | null;
  readonly amount: Decimal;
}

export interface ConvertedCost extends CostPart {
  /** Whole cents of the reporting currency. */
  readonly cents: number;
}

const centsAUnit = 100;

/**
 * Converts the costs of one source currency. The exact total is converted and rounded once, half up; tenants and buckets share it by
 * largest remainder, then deployments share their tenant's. Ties go to the lower id.
 * @param rate reporting units for one source unit
 * @returns a part for each that was given, in their order
 */
export function convertCosts(parts: readonly CostPart[], rate: Decimal): ConvertedCost[] {
  const inCents = (amount: Decimal) => amount.times(rate).times(centsAUnit);
  const indexed = parts.map((part, index) => ({ part, index, exact: inCents(part.amount) }));
  const totalCents = roundHalfUpToCents(sum(indexed.map(({ exact }) => exact)));
  const owners = [...Map.groupBy(indexed, ({ part }) => ownerKey(part))].map(([key, members]) => ({
    key,
    members,
    exact: sum(members.map(({ exact }) => exact)),
  }));
  const ownerCents = roundParts(totalCents, owners);
  const cents = new Array<number>(parts.length).fill(0);
  for (const [index, { members }] of owners.entries()) {
    const shares = roundParts(
      ownerCents[index] ?? 0,
      members.map(({ part, exact }) => ({ key: part.deploymentId ?? '', exact })),
    );
    for (const [position, member] of members.entries()) cents[member.index] = shares[position] ?? 0;
  }
  return parts.map((part, index) => ({ ...part, cents: cents[index] ?? 0 }));
}

/** Tenants and buckets share one total; a tenant may be called like a bucket. */
const ownerKey = ({ bucket, tenantId }: CostPart) =>
  tenantId === null ? `bucket ${bucket}` : `tenant ${tenantId}`;

/** The same total shared by kinds: an axis of its own, which need not agree with the tenants' to the cent in each cell. */
export function convertByKind(
  kinds: readonly { readonly kind: string | null; readonly amount: Decimal }[],
  rate: Decimal,
): number[] {
  const parts = kinds.map(({ kind, amount }) => ({
    key: kind ?? '',
    exact: amount.times(rate).times(centsAUnit),
  }));
  return roundParts(roundHalfUpToCents(sum(parts.map(({ exact }) => exact))), parts);
}

/** The rate between a currency and itself. */
export const sameCurrencyRate: Decimal = new Decimal(1);
