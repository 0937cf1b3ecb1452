import { activityInfo } from '@temporalio/activity';
import { type DunningTimes, dun, restoreNext, type SweepBatch } from '../services/dunning.ts';
import { endTrials } from '../services/endTrials.ts';
import { rollCurrentPeriods } from '../services/rollCurrentPeriods.ts';
import type { LifecycleStep } from '../workflows/messages.ts';
import { type ActivityDependencies, systemEntityManager } from './dependencies.ts';

const defaultTimes: DunningTimes = { pauseAfterDays: 7, suspendAfterDays: 14 };

export function createLifecycleActivities(dependencies: ActivityDependencies) {
  const times = dependencies.dunning ?? defaultTimes;
  return {
    /** Does one step of the sweep for at most `limit` deployments. @returns how many; the step is done where it is zero */
    sweepLifecycleBatch(input: { step: LifecycleStep; now: string; limit: number }): Promise<number> {
      const em = systemEntityManager(dependencies);
      const batch: SweepBatch = {
        now: new Date(input.now),
        limit: input.limit,
        workflowId: activityInfo().workflowExecution?.workflowId,
      };
      switch (input.step) {
        case 'restore':
          return restoreNext(em, batch);
        case 'end_trials':
          return endTrials(em, batch);
        case 'roll_periods':
          return rollCurrentPeriods(em, batch);
        default:
          return dun(em, input.step, batch, times);
      }
    },
  };
}
