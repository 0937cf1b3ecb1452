import { continueAsNew, proxyActivities, workflowInfo } from '@temporalio/workflow';
import type { Activities } from '../activities/index.ts';
import { heartbeatTimeout } from './activityOptions.ts';
import type { MeasureBandwidthInput, MeasureBandwidthResult } from './messages.ts';
import { enterPhase, reportProblem } from './progress.ts';

const metrics = proxyActivities<Activities>({
  startToCloseTimeout: '30 minutes',
  heartbeatTimeout,
  retry: {
    initialInterval: '5 seconds',
    backoffCoefficient: 2,
    maximumInterval: '2 minutes',
    maximumAttempts: 10,
  },
});

const dropletsAtOnce = 50;
const hourMs = 3_600_000;

/**
 * Reads how much each droplet sent to the public network, up to the last full hour, and keeps it by the hour. The hours just before
 * are read again each time, for readings that come late; the same readings change nothing.
 */
export async function measureBandwidth(input: MeasureBandwidthInput): Promise<MeasureBandwidthResult> {
  const { provider, carried } = input;
  const until = carried?.until ?? new Date(Math.floor(Date.now() / hourMs) * hourMs).toISOString();
  let after = carried?.after ?? null;
  let totals: MeasureBandwidthResult = carried?.result ?? {
    read: 0,
    changedHours: 0,
    failed: 0,
    problem: null,
  };
  enterPhase('reading', `Reading the traffic of every droplet of ${provider} before ${until}`);
  do {
    const batch = await metrics.readBandwidth({ provider, until, after, limit: dropletsAtOnce });
    totals = {
      read: totals.read + batch.read,
      changedHours: totals.changedHours + batch.changedHours,
      failed: totals.failed + batch.failed,
      problem: totals.problem ?? batch.problem,
    };
    after = batch.after;
    if (after !== null && workflowInfo().continueAsNewSuggested) {
      await continueAsNew<typeof measureBandwidth>({ ...input, carried: { until, after, result: totals } });
    }
  } while (after !== null);

  const summary = `${totals.read} droplets read, ${totals.failed} not; ${totals.changedHours} hours are new or changed`;
  enterPhase('done', summary);
  if (totals.problem !== null) reportProblem(totals.problem, `${summary}: ${totals.problem}`);
  return totals;
}
