import { addCents, sumCents } from '../money.ts';
import type { ConvertedCost } from './convertCosts.ts';
import { marginPercentage } from './percentage.ts';

/** How sure a figure is: it may still change, it is settled, or it was changed after. */
export const figureLabels = ['estimated', 'reconciled', 'adjusted'] as const;
export type FigureLabel = (typeof figureLabels)[number];

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

/** A part of a side, in cents of the reporting currency, with how sure it is. */
export interface MarginPart extends Pick<ConvertedCost, 'tenantId' | 'bucket' | 'deploymentId' | 'cents'> {
  readonly label: FigureLabel;
}

/** One figure of many: estimated where any part is, else adjusted where any part is. */
function figureOf(parts: readonly MarginPart[]): Figure {
  const labels = new Set(parts.map((part) => part.label));
  return {
    cents: sumCents(parts.map((part) => part.cents)),
    label: labels.has('estimated') ? 'estimated' : labels.has('adjusted') ? 'adjusted' : 'reconciled',
  };
}

function marginOf(revenue: readonly MarginPart[], costs: readonly MarginPart[]): Margin {
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
  const earned = Map.groupBy(revenue, (part) => part.tenantId);
  const spent = Map.groupBy(costs, (part) => part.tenantId);
  const tenantIds = [...new Set([...earned.keys(), ...spent.keys()])].filter((id) => id !== null).sort();
  const buckets = Map.groupBy(spent.get(null) ?? [], (part) => part.bucket);
  return {
    overall: marginOf(revenue, costs),
    tenants: tenantIds.map((tenantId) =>
      tenantMargin(tenantId, earned.get(tenantId) ?? [], spent.get(tenantId) ?? []),
    ),
    buckets: [...buckets]
      .map(([bucket, parts]) => ({ bucket, cogs: figureOf(parts) }))
      .toSorted((left, right) => (left.bucket < right.bucket ? -1 : 1)),
  };
}

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
