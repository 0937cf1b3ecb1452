import { ChildWorkflowCancellationType, patched } from '@temporalio/workflow';
import { databaseActivities } from './activityOptions.ts';
import type { EvaluateAlertsInput, EvaluateAlertsResult } from './messages.ts';
import { enterPhase, reportProblem } from './progress.ts';
import { startAlone, startAloneOrSignal } from './startAlone.ts';
import { taskQueues } from './taskQueues.ts';
import { webhookMessages } from './webhookMessages.ts';
import { workflowStarts } from './workflowStarts.ts';

/**
 * Opens and resolves alerts by every rule, has their webhooks sent, and sweeps the log of those that were. Rules that can't be looked at, and
 * secrets that can't be read, are named.
 */
export async function evaluateAlerts(_input: EvaluateAlertsInput): Promise<EvaluateAlertsResult> {
  enterPhase('evaluating', 'Looking at the books by every alert rule');
  const { webhooksWait, ...result } = await databaseActivities.evaluateAlertRules();
  let unreadableSecrets = 0;
  if (patched('webhooks-by-endpoint')) {
    if (webhooksWait) await tellEndpoints();
    unreadableSecrets = (await databaseActivities.sweepWebhooks()).unreadable;
  } else if (webhooksWait) await tellEndpointsTogether();
  const summary = `${result.rules} rules: ${result.opened} alerts opened, ${result.resolved} resolved`;
  enterPhase('done', summary);
  if (unreadableSecrets > 0) {
    const secrets = `${unreadableSecrets} secrets of webhooks can't be read with the keys in ENCRYPTION_KEYS`;
    reportProblem('webhook_secrets_unreadable', `${summary}\n${secrets}`);
  }
  if (result.unevaluated.length > 0) {
    const reasons = result.unevaluated.map(({ ruleId, message }) => `${ruleId}: ${message}`);
    reportProblem('alert_rules_unevaluated', [summary, ...reasons].join('\n'));
  }
  return result;
}

/** Each endpoint is told by a process of its own; one that runs already is told that more waits. */
async function tellEndpoints(): Promise<void> {
  const waiting = await databaseActivities.listWaitingEndpoints();
  await Promise.all(
    waiting.map(({ endpointId, host }) =>
      startAloneOrSignal(
        workflowStarts.deliverWebhooks({ endpointId }, host),
        webhookMessages.deliveriesWaitSignal,
        // What is under way is told to its end.
        { cancellationType: ChildWorkflowCancellationType.ABANDON },
      ),
    ),
  );
}

/** As runs of before each endpoint had a process of its own began one for all; they replay it. */
async function tellEndpointsTogether(): Promise<void> {
  await startAlone({
    workflow: 'deliverWebhooks',
    workflowId: 'deliver-webhooks',
    taskQueue: taskQueues.billing,
    summary: 'Send webhooks',
    input: {},
  });
}
