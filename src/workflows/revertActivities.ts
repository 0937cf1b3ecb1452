import { ActivityCancellationType, type ActivityOptions, proxyActivities } from '@temporalio/workflow';
import type { Activities } from '../activities/index.ts';
import { heartbeatTimeout } from './activityOptions.ts';
import type { RevertTimes } from './revertMessages.ts';

const minute = 60_000;

/** A provider's action takes seconds to minutes; one that has not ended after an hour never will. */
export const productionTimes: RevertTimes = {
  pollMs: 5_000,
  stepMs: 60 * minute,
  undoMs: 60 * minute,
  shutdownMs: 2 * minute,
  settleMs: minute / 2,
};
/** Activities keep their time limits themselves and say what they waited for; this is for a worker or provider that is away till then. */
const beyondLimitMs = minute;

/** The activities with the time limits of this run. */
export function revertActivities(times: RevertTimes) {
  const retry = {
    initialInterval: '2 seconds',
    backoffCoefficient: 2,
    maximumInterval: '30 seconds',
  } as const;
  const within = (limitMs: number): ActivityOptions => ({
    scheduleToCloseTimeout: limitMs + beyondLimitMs,
    startToCloseTimeout: limitMs + beyondLimitMs,
    heartbeatTimeout,
    retry,
    // Not what the SDK does by itself, whatever its documentation says: nothing is taken back while a request may still be on its way.
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  });
  const stepOptions = within(times.stepMs);
  const undoOptions = within(times.undoMs);
  return {
    stepOptions,
    undoOptions,
    step: proxyActivities<Activities>(stepOptions),
    undo: proxyActivities<Activities>(undoOptions),
    /** Waits out whatever the provider has, until an operator cancels: nothing was changed yet. */
    plan: proxyActivities<Activities>({
      startToCloseTimeout: '10 minutes',
      heartbeatTimeout,
      retry: { ...retry, maximumInterval: '2 minutes' },
      cancellationType: ActivityCancellationType.TRY_CANCEL,
    }),
    read: proxyActivities<Activities>({
      ...within(times.stepMs),
      scheduleToCloseTimeout: times.stepMs,
      cancellationType: ActivityCancellationType.TRY_CANCEL,
    }),
  };
}
