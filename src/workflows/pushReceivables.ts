import { continueAsNew, sleep, workflowInfo } from '@temporalio/workflow';
import { databaseActivities } from './activityOptions.ts';
import type { PushReceivablesInput, PushReceivablesResult } from './messages.ts';
import { enterPhase, reportProblem } from './progress.ts';

/** What is issued while this one waits for a finance system that is away waits with it, so it looks again soon. */
const longestWaitMs = 5 * 60_000;

/**
 * Tells the finance system of every issued invoice, a batch at a time, until each is acknowledged or refused. While it can't be
 * reached they wait, each time longer. Those that it refuses are left to an operator.
 */
export async function pushReceivables(input: PushReceivablesInput): Promise<PushReceivablesResult> {
  let result: PushReceivablesResult = input.carried?.result ?? { acknowledged: 0, refused: 0, failed: 0 };
  let tries = input.carried?.tries ?? 1;
  enterPhase('pushing', 'Handing over the issued invoices to the finance system');
  for (;;) {
    const batch = await databaseActivities.pushReceivableBatch({ tries });
    result = {
      acknowledged: result.acknowledged + batch.acknowledged,
      refused: result.refused + batch.refused,
      failed: batch.failed,
    };
    tries = batch.postponed > 0 ? tries + 1 : 1;
    if (batch.problem !== null) reportProblem(batch.problem, describe(result));
    if (batch.next === null) break;
    const wait = Math.min(longestWaitMs, new Date(batch.next).getTime() - Date.now());
    if (wait > 0) {
      enterPhase('waiting', `${describe(result)}\nThe next try is at ${batch.next}`);
      await sleep(wait);
    }
    if (workflowInfo().continueAsNewSuggested) {
      await continueAsNew<typeof pushReceivables>({ carried: { result, tries } });
    }
  }
  enterPhase('done', describe(result));
  if (result.failed > 0) reportProblem('receivable_refused', describe(result));
  return result;
}

function describe({ acknowledged, refused, failed }: PushReceivablesResult): string {
  return `${acknowledged} acknowledged, ${refused} refused; ${failed} wait for an operator`;
}
