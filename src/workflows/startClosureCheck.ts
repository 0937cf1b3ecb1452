import { TypedSearchAttributes, WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  ChildWorkflowCancellationType,
  getExternalWorkflowHandle,
  ParentClosePolicy,
  startChild,
  WorkflowIdReusePolicy,
} from '@temporalio/workflow';
import type { Period } from '../domain/period.ts';
import { checkClosure } from './checkClosure.ts';
import { closureMessages } from './closureMessages.ts';
import { workflowIds } from './ids.ts';
import { searchAttributes } from './searchAttributes.ts';
import { taskQueues } from './taskQueues.ts';

/**
 * Has the books of a period checked by a process of its own, which nobody waits for. One that runs already is told to read them again,
 * since it may have read them before they changed.
 */
export async function startClosureCheck(period: Period): Promise<void> {
  const workflowId = workflowIds.checkClosure(period);
  for (;;) {
    try {
      await startChild(checkClosure, {
        workflowId,
        taskQueue: taskQueues.billing,
        args: [{ period }],
        parentClosePolicy: ParentClosePolicy.ABANDON,
        cancellationType: ChildWorkflowCancellationType.ABANDON,
        workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE,
        staticSummary: `Check that the books of ${period.slice(0, 7)} close`,
        typedSearchAttributes: new TypedSearchAttributes([{ key: searchAttributes.period, value: period }]),
      });
      return;
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    }
    try {
      await getExternalWorkflowHandle(workflowId).signal(closureMessages.booksChangedSignal);
      return;
    } catch {
      // It ended in between, so it can be started.
    }
  }
}
