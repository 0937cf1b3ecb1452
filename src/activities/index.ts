import { createBandwidthActivities } from './bandwidth.ts';
import { createBillingActivities } from './billing.ts';
import type { ActivityDependencies } from './dependencies.ts';
import { createEstimateActivities } from './estimate.ts';
import { createFocusActivities } from './focus.ts';
import { createInventoryActivities } from './inventory.ts';
import { createInvoiceIngestActivities } from './invoiceIngest.ts';
import { createSpacesUsageActivities } from './spacesUsage.ts';

/** Every activity, over the worker's connections. */
export function createActivities(dependencies: ActivityDependencies) {
  return {
    ...createInventoryActivities(dependencies),
    ...createBillingActivities(dependencies),
    ...createInvoiceIngestActivities(dependencies),
    ...createFocusActivities(dependencies),
    ...createEstimateActivities(dependencies),
    ...createSpacesUsageActivities(dependencies),
    ...createBandwidthActivities(dependencies),
  };
}
export type Activities = ReturnType<typeof createActivities>;
