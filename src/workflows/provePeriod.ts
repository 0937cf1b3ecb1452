import {
  ApplicationFailure,
  ChildWorkflowFailure,
  executeChild,
  ParentClosePolicy,
  WorkflowIdReusePolicy,
  workflowInfo,
} from '@temporalio/workflow';
import type { Period } from '../domain/period.ts';
import { checkPeriod } from './checkPeriod.ts';
import { reportProblem } from './progress.ts';
import { taskQueues } from './taskQueues.ts';

/** Has every invoice of a period computed again from its stored inputs, as a child of this run. @throws ApplicationFailure naming the rows */
export async function provePeriod(period: Period): Promise<void> {
  try {
    await executeChild(checkPeriod, {
      workflowId: `${workflowInfo().workflowId}:check`,
      taskQueue: taskQueues.billing,
      args: [{ period }],
      parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
      workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE,
      staticSummary: `Check the invoices of ${period.slice(0, 7)}`,
    });
  } catch (error) {
    if (!(error instanceof ChildWorkflowFailure && error.cause instanceof ApplicationFailure)) throw error;
    reportProblem(error.cause.type ?? 'check_failed', error.cause.message);
    throw error.cause;
  }
}
