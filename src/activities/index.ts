import { createBillingActivities } from './billing.ts';
import type { ActivityDependencies } from './dependencies.ts';
import { createInventoryActivities } from './inventory.ts';
import { createInvoiceIngestActivities } from './invoiceIngest.ts';

/** Every activity, over the worker's connections. */
export function createActivities(dependencies: ActivityDependencies) {
  return {
    ...createInventoryActivities(dependencies),
    ...createBillingActivities(dependencies),
    ...createInvoiceIngestActivities(dependencies),
  };
}
export type Activities = ReturnType<typeof createActivities>;
