import { createBandwidthActivities } from './bandwidth.ts';
import { createBillingActivities } from './billing.ts';
import type { ActivityDependencies } from './dependencies.ts';
import { createEstimateActivities } from './estimate.ts';
import { createFocusActivities } from './focus.ts';
import { createInventoryActivities } from './inventory.ts';
import { createInvoiceIngestActivities } from './invoiceIngest.ts';
import { createLifecycleActivities } from './lifecycle.ts';
import { createMeteringActivities } from './metering.ts';
import { createReceivableActivities } from './receivables.ts';
import { createRollUpActivities } from './rollup.ts';
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
    ...createLifecycleActivities(dependencies),
    ...createMeteringActivities(dependencies),
    ...createReceivableActivities(dependencies),
    ...createRollUpActivities(dependencies),
  };
}
export type Activities = ReturnType<typeof createActivities>;
