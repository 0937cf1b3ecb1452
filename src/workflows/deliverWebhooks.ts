import { condition, continueAsNew, defineSignal, setHandler, workflowInfo } from '@temporalio/workflow';
import { databaseActivities } from './activityOptions.ts';
import type { DeliverWebhooksInput, DeliverWebhooksResult } from './messages.ts';
import { enterPhase, reportProblem } from './progress.ts';
import { webhookMessages } from './webhookMessages.ts';

export const deliveriesWaitSignal = defineSignal(webhookMessages.deliveriesWaitSignal);

/** An endpoint that is disabled, deleted or moved meanwhile is noticed by then. */
const longestWaitMs = 3_600_000;

/**
 * Sends one endpoint every webhook that waits for it, a batch at a time, until each is taken or has failed. One that is not taken is tried
 * again, ever later, for a day. Each endpoint has a process of its own: one that hangs holds up no other.
 */
export async function deliverWebhooks(input: DeliverWebhooksInput): Promise<DeliverWebhooksResult> {
  const { endpointId } = input;
  let result: DeliverWebhooksResult = input.carried ?? { delivered: 0, failed: 0 };
  let moreWaits = false;
  setHandler(deliveriesWaitSignal, () => {
    moreWaits = true;
  });
  enterPhase('delivering', 'Sending webhooks');
  for (;;) {
    moreWaits = false;
    const batch = await databaseActivities.deliverWebhookBatch({ endpointId });
    result = { delivered: result.delivered + batch.delivered, failed: result.failed + batch.failed };
    if (batch.failed > 0) reportProblem('webhook_failed', describe(result));
    // A batch of an earlier worker does not say.
    const disabled = batch.disabled ?? null;
    if (disabled !== null) {
      reportProblem('webhook_endpoint_disabled', `${describe(result)}\n${disabledBecause[disabled]}`);
    }
    if (batch.next === null && !moreWaits) break;
    const wait = batch.next === null ? 0 : Math.min(longestWaitMs, Date.parse(batch.next) - Date.now());
    if (wait > 0 && !moreWaits) {
      enterPhase('waiting', `${describe(result)}\nThe next try is at ${batch.next}`);
      await condition(() => moreWaits, wait);
    }
    if (workflowInfo().continueAsNewSuggested) {
      await continueAsNew<typeof deliverWebhooks>({ ...input, carried: result });
    }
  }
  enterPhase('done', describe(result));
  return result;
}

const describe = ({ delivered, failed }: DeliverWebhooksResult) => `${delivered} delivered, ${failed} failed`;

const disabledBecause = {
  gone: 'The endpoint answered that it is gone, and is disabled: what waits for it waits until it is enabled',
  failing:
    'The endpoint has taken nothing for days, and is disabled: what waits for it waits until it is enabled',
} as const;
