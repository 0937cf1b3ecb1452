import type { ApiDependencies } from './route.ts';
import { startPushReceivables } from './startWorkflow.ts';
import { callTemporal } from './temporalCalls.ts';

/**
 * Has the finance system told of what was just issued, credited or voided. That is committed, and goes out within half an hour all the
 * same: where Temporal can't be reached, the caller's answer is a success.
 */
export async function tellFinance(api: ApiDependencies): Promise<void> {
  try {
    await callTemporal(api, startPushReceivables);
  } catch (error) {
    api.log.warn({ err: error }, 'the finance system is told by the schedule');
  }
}
