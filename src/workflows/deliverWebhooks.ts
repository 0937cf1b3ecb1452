import { continueAsNew, sleep, workflowInfo } from '@temporalio/workflow';
import { databaseActivities } from './activityOptions.ts';
import type { DeliverWebhooksInput, DeliverWebhooksResult } from './messages.ts';
import { enterPhase, reportProblem } from './progress.ts';

/** What is written while this one waits for an endpoint that is away waits with it, so it looks again soon. */
const longestWaitMs = 60_000;

/**
 * Sends every webhook that waits, a batch at a time, until each is taken or has failed. One that is not taken is tried again, ever later,
 * for a day.
 */
export async function deliverWebhooks(input: DeliverWebhooksInput): Promise<DeliverWebhooksResult> {
  let result: DeliverWebhooksResult = input.carried ?? { delivered: 0, failed: 0 };
  enterPhase('delivering', 'Sending webhooks');
  for (;;) {
    const batch = await databaseActivities.deliverWebhookBatch();
    result = { delivered: result.delivered + batch.delivered, failed: result.failed + batch.failed };
    if (batch.failed > 0) reportProblem('webhook_failed', describe(result));
    if (batch.next === null) break;
    const wait = Math.min(longestWaitMs, new Date(batch.next).getTime() - Date.now());
    if (wait > 0) {
      enterPhase('waiting', `${describe(result)}\nThe next try is at ${batch.next}`);
      await sleep(wait);
    }
    if (workflowInfo().continueAsNewSuggested) {
      await continueAsNew<typeof deliverWebhooks>({ carried: result });
    }
  }
  enterPhase('done', describe(result));
  return result;
}

const describe = ({ delivered, failed }: DeliverWebhooksResult) => `${delivered} delivered, ${failed} failed`;
