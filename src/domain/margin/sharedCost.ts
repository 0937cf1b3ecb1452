import { allocate } from '../allocation.ts';
import { type Decimal, sumCents } from '../money.ts';
import type { MarginPart } from './convertParts.ts';
import { labelOf } from './figureLabel.ts';

/** Who bears how much of the shared cost: a weight of 0 or more for each tenant. */
export interface SharedCostWeight {
  readonly tenantId: string;
  readonly weight: Decimal;
}

/** What is spread to tenants, and the minus entry that keeps the total. */
export const spreadBucket = 'shared_spread';

/**
 * Spreads the shared cost over tenants by weight, by largest remainder in whole cents of the reporting currency. Each tenant gets a
 * part outside of any deployment, and the bucket `shared_spread` all of them with the sign turned, so that the parts add up to what
 * they did before. Without a weight above 0 nothing is spread.
 */
export function spreadSharedCost(
  costs: readonly MarginPart[],
  weights: readonly SharedCostWeight[],
): MarginPart[] {
  const shared = costs.filter(({ bucket }) => bucket === 'shared');
  const whole = sumCents(shared.map(({ cents }) => cents));
  if (whole === 0 || !weights.some(({ weight }) => weight.greaterThan(0))) return [...costs];
  const label = labelOf(shared);
  const shares = allocate(
    whole,
    weights.map(({ tenantId, weight }) => ({ key: tenantId, weight })),
  );
  const part = (tenantId: string | null, cents: number): MarginPart => ({
    tenantId,
    bucket: spreadBucket,
    deploymentId: null,
    cents,
    label,
  });
  return [
    ...costs,
    ...weights.map(({ tenantId }, index) => part(tenantId, shares[index] ?? 0)),
    part(null, -whole),
  ];
}
