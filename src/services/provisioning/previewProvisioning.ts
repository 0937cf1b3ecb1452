import type { EntityManager } from '@mikro-orm/postgresql';
import type { SizeTable } from '../../domain/drift/price.ts';
import type { Decimal } from '../../domain/money.ts';
import type { PlannedItem } from '../../domain/templates/plannedItem.ts';
import { monthlyCost, planItems } from '../../domain/templates/templates.ts';
import type { Provider } from '../../providers/provider.ts';
import { readSizes } from '../drift/recordSizes.ts';

/** A provider's list price of a month; the program that puts things together gives it. */
export type ListPriceOf = NonNullable<Provider['listPrice']>;

/** What a provisioning would create, and what that costs a month by list price, in the provider's currency. */
export interface ProvisioningPreview {
  readonly items: readonly {
    readonly item: PlannedItem;
    /** Null where the list has no price. */
    readonly monthly: Decimal | null;
  }[];
  /** Null where one of them has no price. */
  readonly total: Decimal | null;
  readonly currency: string;
  /** What the provider would refuse, as far as its size table says; empty where nothing is known of its sizes. */
  readonly warnings: readonly string[];
}

/**
 * Plans a provisioning and writes nothing.
 * @throws Unprocessable for template and parameters
 */
export async function previewProvisioning(
  em: EntityManager,
  wanted: {
    readonly deploymentId: string;
    readonly provider: string;
    readonly template: { readonly code: string; readonly version: number };
    readonly parameters: unknown;
  },
  listPrice: ListPriceOf | undefined,
): Promise<ProvisioningPreview> {
  const items = planItems(wanted.template, wanted.parameters, wanted.deploymentId);
  const sizes = await readSizes(em, wanted.provider);
  const cost = monthlyCost(items, (resource) => listPrice?.(resource, sizes) ?? null);
  const [size] = sizes.values();
  return {
    items: items.map((item) => ({
      item,
      monthly: cost.items.find(({ key }) => key === item.key)?.monthly ?? null,
    })),
    total: cost.total,
    currency: size?.currency ?? 'USD',
    warnings: sizes.size === 0 ? [] : items.flatMap((item) => sizeWarning(item, sizes)),
  };
}

function sizeWarning({ key, wanted }: PlannedItem, sizes: SizeTable): string[] {
  if (wanted.kind !== 'droplet') return [];
  const size = sizes.get(wanted.sizeSlug);
  if (size === undefined) return [`${key}: the provider has no size ${wanted.sizeSlug}`];
  if (!size.isAvailable) return [`${key}: the provider sells the size ${wanted.sizeSlug} no longer`];
  if (size.regions.includes(wanted.region)) return [];
  return [`${key}: the size ${wanted.sizeSlug} is not to be had in ${wanted.region}`];
}
