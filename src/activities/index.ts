import { createAlertActivities } from './alerts.ts';
import { createBandwidthActivities } from './bandwidth.ts';
import { createBillingActivities } from './billing.ts';
import { createClosureActivities } from './closure.ts';
import type { ActivityDependencies } from './dependencies.ts';
import { createDriftActivities } from './drift.ts';
import { createEstimateActivities } from './estimate.ts';
import { createFocusActivities } from './focus.ts';
import { createInventoryActivities } from './inventory.ts';
import { createInvoiceIngestActivities } from './invoiceIngest.ts';
import { createLifecycleActivities } from './lifecycle.ts';
import { createMeteringActivities } from './metering.ts';
import { createProvisioningActivities } from './provisioning.ts';
import { createReceivableActivities } from './receivables.ts';
import { createRevertActivities } from './revert.ts';
import { createRollUpActivities } from './rollup.ts';
import { createSpacesUsageActivities } from './spacesUsage.ts';

/** Every activity, over the worker's connections. */
export function createActivities(dependencies: ActivityDependencies) {
  return {
    ...createInventoryActivities(dependencies),
    ...createBillingActivities(dependencies),
    ...createInvoiceIngestActivities(dependencies),
    ...createFocusActivities(dependencies),
    ...createClosureActivities(dependencies),
    ...createEstimateActivities(dependencies),
    ...createSpacesUsageActivities(dependencies),
    ...createBandwidthActivities(dependencies),
    ...createLifecycleActivities(dependencies),
    ...createMeteringActivities(dependencies),
    ...createDriftActivities(dependencies),
    ...createProvisioningActivities(dependencies),
    ...createReceivableActivities(dependencies),
    ...createRollUpActivities(dependencies),
    ...createRevertActivities(dependencies),
    ...createAlertActivities(dependencies),
  };
}
export type Activities = ReturnType<typeof createActivities>;
