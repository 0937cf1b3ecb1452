import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import { ParentClosePolicy, startChild, WorkflowIdReusePolicy } from '@temporalio/workflow';
import { databaseActivities } from './activityOptions.ts';
import { deliverWebhooks } from './deliverWebhooks.ts';
import { workflowIds } from './ids.ts';
import type { EvaluateAlertsInput, EvaluateAlertsResult } from './messages.ts';
import { enterPhase, reportProblem } from './progress.ts';
import { taskQueues } from './taskQueues.ts';

/** Opens and resolves alerts by every rule, and has their webhooks sent. Rules that can't be looked at are named. */
export async function evaluateAlerts(_input: EvaluateAlertsInput): Promise<EvaluateAlertsResult> {
  enterPhase('evaluating', 'Looking at the books by every alert rule');
  const { webhooksWait, ...result } = await databaseActivities.evaluateAlertRules();
  if (webhooksWait) await deliver();
  const summary = `${result.rules} rules: ${result.opened} alerts opened, ${result.resolved} resolved`;
  enterPhase('done', summary);
  if (result.unevaluated.length > 0) {
    const reasons = result.unevaluated.map(({ ruleId, message }) => `${ruleId}: ${message}`);
    reportProblem('alert_rules_unevaluated', [summary, ...reasons].join('\n'));
  }
  return result;
}

/** One process sends whatever waits; where it runs already, it will find these too. */
async function deliver(): Promise<void> {
  try {
    await startChild(deliverWebhooks, {
      workflowId: workflowIds.deliverWebhooks(),
      taskQueue: taskQueues.billing,
      args: [{}],
      parentClosePolicy: ParentClosePolicy.ABANDON,
      workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE,
      staticSummary: 'Send webhooks',
    });
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
  }
}
