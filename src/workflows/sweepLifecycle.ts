import { continueAsNew, patched, workflowInfo } from '@temporalio/workflow';
import { databaseActivities } from './activityOptions.ts';
import type { LifecycleStep, SweepLifecycleInput, SweepLifecycleResult } from './messages.ts';
import { enterPhase } from './progress.ts';
import { startAlone } from './startAlone.ts';
import { workflowStarts } from './workflowStarts.ts';

/** In this order a deployment takes one step of dunning a sweep, and one whose trial ends is seen by dunning the next time. */
const steps: readonly LifecycleStep[] = [
  'restore',
  'suspended',
  'paused',
  'past_due',
  'end_trials',
  'roll_periods',
];
const batchSize = 1000;
/** More than ever were missed in a day: a sweep's history stays short. */
const missedAtOnce = 200;
const nothingYet: SweepLifecycleResult = {
  restore: 0,
  suspended: 0,
  paused: 0,
  past_due: 0,
  end_trials: 0,
  roll_periods: 0,
  decommission: 0,
};

/**
 * The day's changes of deployments that nobody asks for: what is paid is restored, what is overdue goes a step further, trials end, and
 * each subscription's current period becomes this month. In sets. Then what was cancelled without a decommission gets one. A day that was missed is not made up for: what is due is done,
 * and dated, when it is found.
 */
export async function sweepLifecycle(input: SweepLifecycleInput): Promise<SweepLifecycleResult> {
  // The workflow's clock, so that every batch of the sweep has one time, retries too.
  const now = input.carried?.now ?? new Date().toISOString();
  let totals = input.carried?.result ?? nothingYet;
  for (const step of steps.slice(steps.indexOf(input.carried?.step ?? 'restore'))) {
    enterPhase(step, `Sweeping the deployments of ${now.slice(0, 10)}: ${step}`);
    for (;;) {
      const changed = await databaseActivities.sweepLifecycleBatch({ step, now, limit: batchSize });
      if (changed === 0) break;
      totals = { ...totals, [step]: totals[step] + changed };
      if (workflowInfo().continueAsNewSuggested) {
        await continueAsNew<typeof sweepLifecycle>({ carried: { now, step, result: totals } });
      }
    }
  }
  if (patched('missed-decommissions')) totals = { ...totals, decommission: await startMissed() };
  enterPhase(
    'done',
    `${totals.past_due} past due, ${totals.paused} paused, ${totals.suspended} suspended, ${totals.restore} restored, ${totals.end_trials} trials ended`,
  );
  return totals;
}

/** Starts the decommissions that the API could not start when a deployment was cancelled. @returns how many */
async function startMissed(): Promise<number> {
  let started = 0;
  let after: string | null = null;
  enterPhase('decommission', 'Looking for cancelled deployments that nobody takes apart');
  for (;;) {
    const missed: string[] = await databaseActivities.missedDecommissions({ after, limit: missedAtOnce });
    for (const deploymentId of missed) started += (await startDecommission(deploymentId)) ? 1 : 0;
    after = missed.at(-1) ?? null;
    if (missed.length < missedAtOnce) return started;
  }
}

/** @returns false where one runs already */
function startDecommission(deploymentId: string): Promise<boolean> {
  const request = { subject: 'workflow', role: 'system', reason: 'the deployment was cancelled' };
  return startAlone(workflowStarts.decommissionDeployment({ deploymentId, request }));
}
