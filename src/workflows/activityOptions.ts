import { proxyActivities } from '@temporalio/workflow';
import type { Activities } from '../activities/index.ts';

/**
 * The two ways in which activities are tried. Both go on for as long as it takes: an outage of the provider or of the database is
 * waited out, and what trying again can't mend fails at once by its type.
 */

/** Every activity beats while it runs (src/activities/keepAlive.ts), so this is how soon a dead worker's work goes on elsewhere. */
export const heartbeatTimeout = '30 seconds';

/** Calls to a provider. */
export const providerActivities = proxyActivities<Activities>({
  startToCloseTimeout: '30 minutes',
  heartbeatTimeout,
  retry: { initialInterval: '2 seconds', backoffCoefficient: 2, maximumInterval: '2 minutes' },
});

/** Work in our own database. */
export const databaseActivities = proxyActivities<Activities>({
  startToCloseTimeout: '30 minutes',
  heartbeatTimeout,
  retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '30 seconds' },
});
