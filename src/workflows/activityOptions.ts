import { proxyActivities } from '@temporalio/workflow';
import type { Activities } from '../activities/index.ts';

/**
 * The two ways in which activities are tried. Both go on for as long as it takes: an outage of the provider or of the database is
 * waited out, and what trying again can't mend fails at once by its type.
 */

/** Calls to a provider: minutes at most, with a heartbeat, so that a dead worker is noticed. */
export const providerActivities = proxyActivities<Activities>({
  startToCloseTimeout: '30 minutes',
  heartbeatTimeout: '90 seconds',
  retry: { initialInterval: '2 seconds', backoffCoefficient: 2, maximumInterval: '2 minutes' },
});

/** Work in our own database; the long ones beat while PostgreSQL works (src/activities/keepAlive.ts). */
export const databaseActivities = proxyActivities<Activities>({
  startToCloseTimeout: '30 minutes',
  heartbeatTimeout: '1 minute',
  retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '30 seconds' },
});
