import { addCents, sumCents } from '../money.ts';
import type { MarginPart } from './convertParts.ts';
import { type FigureLabel, labelOf } from './figureLabel.ts';
import { marginPercentage } from './percentage.ts';

/** An amount of the reporting currency with how sure it is. */
export interface Figure {
  readonly cents: number;
  readonly label: FigureLabel;
}

/** Revenue less COGS, in cents of the reporting currency. */
export interface Margin {
  readonly revenue: Figure;
  readonly cogs: Figure;
  readonly marginCents: number;
  /** To one decimal; null without revenue. */
  readonly percentage: string | null;
}

export interface DeploymentMargin extends Margin {
  /** Null for what the tenant has outside of any deployment. */
  readonly deploymentId: string | null;
}

export interface TenantMargin extends Margin {
  readonly tenantId: string;
  readonly deployments: readonly DeploymentMargin[];
}

/** A cost that no tenant bears. */
export interface BucketCost {
  readonly bucket: string;
  readonly cogs: Figure;
}

export interface MarginTable {
  readonly overall: Margin;
  /** By id. */
  readonly tenants: readonly TenantMargin[];
  /** By name; with the tenants' they are all of the COGS. */
  readonly buckets: readonly BucketCost[];
}

const figureOf = (parts: readonly MarginPart[]): Figure => ({
  cents: sumCents(parts.map((part) => part.cents)),
  label: labelOf(parts),
});

/** The margin of some parts of both sides. */
export function marginOf(revenue: readonly MarginPart[], costs: readonly MarginPart[]): Margin {
  const [earned, spent] = [figureOf(revenue), figureOf(costs)];
  const marginCents = addCents(earned.cents, -spent.cents);
  return {
    revenue: earned,
    cogs: spent,
    marginCents,
    percentage: marginPercentage(marginCents, earned.cents),
  };
}

/** Puts the parts of both sides together: overall, by tenant and deployment, and what nobody bears. */
export function marginTable(revenue: readonly MarginPart[], costs: readonly MarginPart[]): MarginTable {
  return { ...marginTotals(revenue, costs), tenants: tenantMargins(revenue, costs) };
}

/** What a table says without the tenants. */
export function marginTotals(
  revenue: readonly MarginPart[],
  costs: readonly MarginPart[],
): Omit<MarginTable, 'tenants'> {
  const buckets = Map.groupBy(
    costs.filter(({ tenantId }) => tenantId === null),
    ({ bucket }) => bucket,
  );
  return {
    overall: marginOf(revenue, costs),
    buckets: [...buckets]
      .map(([bucket, parts]) => ({ bucket, cogs: figureOf(parts) }))
      .toSorted((left, right) => (left.bucket < right.bucket ? -1 : 1)),
  };
}

/** The tenants of a table, by id. */
export function tenantMargins(revenue: readonly MarginPart[], costs: readonly MarginPart[]): TenantMargin[] {
  const earned = Map.groupBy(revenue, ({ tenantId }) => tenantId);
  const spent = Map.groupBy(costs, ({ tenantId }) => tenantId);
  return tenantIdsOf([...revenue, ...costs]).map((tenantId) =>
    tenantMargin(tenantId, earned.get(tenantId) ?? [], spent.get(tenantId) ?? []),
  );
}

/** The tenants of some parts, in the order of a table. */
export const tenantIdsOf = (parts: readonly MarginPart[]): string[] =>
  [...new Set(parts.map(({ tenantId }) => tenantId))].filter((id) => id !== null).sort();

function tenantMargin(
  tenantId: string,
  revenue: readonly MarginPart[],
  costs: readonly MarginPart[],
): TenantMargin {
  const earned = Map.groupBy(revenue, (part) => part.deploymentId);
  const spent = Map.groupBy(costs, (part) => part.deploymentId);
  const ids = [...new Set([...earned.keys(), ...spent.keys()])].toSorted((left, right) =>
    (left ?? '') < (right ?? '') ? -1 : 1,
  );
  return {
    tenantId,
    ...marginOf(revenue, costs),
    deployments: ids.map((deploymentId) => ({
      deploymentId,
      ...marginOf(earned.get(deploymentId) ?? [], spent.get(deploymentId) ?? []),
    })),
  };
}
