import { ChildWorkflowCancellationType } from '@temporalio/workflow';
import type { Period } from '../domain/period.ts';
import { closureMessages } from './closureMessages.ts';
import { startAloneOrSignal } from './startAlone.ts';
import { workflowStarts } from './workflowStarts.ts';

/**
 * Has the books of a period checked by a process of its own, which nobody waits for. One that runs already is told to read them again,
 * since it may have read them before they changed.
 */
export function startClosureCheck(period: Period): Promise<void> {
  return startAloneOrSignal(workflowStarts.checkClosure({ period }), closureMessages.booksChangedSignal, {
    cancellationType: ChildWorkflowCancellationType.ABANDON,
  });
}
