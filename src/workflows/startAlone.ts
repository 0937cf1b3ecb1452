import { TypedSearchAttributes, WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  CancellationScope,
  type ChildWorkflowCancellationType,
  ChildWorkflowFailure,
  executeChild,
  getExternalWorkflowHandle,
  ParentClosePolicy,
  startChild,
  WorkflowIdReusePolicy,
} from '@temporalio/workflow';
import type { WorkflowStart } from './workflowStarts.ts';

/** What a process does with another one that it starts. */
export interface AloneOptions {
  /** What becomes of it where the process that started it is cancelled: it is cancelled with it unless given. */
  readonly cancellationType?: ChildWorkflowCancellationType;
}

/** How a child is started that goes on alone when the process that started it ends. */
export function aloneOptions<Input>(start: WorkflowStart<Input>, options: AloneOptions = {}) {
  return {
    workflowId: start.workflowId,
    taskQueue: start.taskQueue,
    args: [start.input] as [Input],
    parentClosePolicy: ParentClosePolicy.ABANDON,
    workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE,
    staticSummary: start.summary,
    ...options,
    ...(start.timeoutMinutes === undefined
      ? {}
      : { workflowExecutionTimeout: start.timeoutMinutes * 60_000 }),
    ...(start.searchAttributes === undefined
      ? {}
      : { typedSearchAttributes: new TypedSearchAttributes(start.searchAttributes) }),
  };
}

/** Starts a process that goes on alone, and that nobody waits for. @returns false where one of its id runs already */
export async function startAlone(start: WorkflowStart, options: AloneOptions = {}): Promise<boolean> {
  try {
    await startChild(start.workflow, aloneOptions(start, options));
    return true;
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    return false;
  }
}

/** Starts a process that goes on alone, or sends the signal to the one that runs already. */
export async function startAloneOrSignal(
  start: WorkflowStart,
  signal: string,
  options: AloneOptions = {},
): Promise<void> {
  while (!(await startAlone(start, options))) {
    try {
      await getExternalWorkflowHandle(start.workflowId).signal(signal);
      return;
    } catch {
      // It ended in between, so it can be started.
    }
  }
}

/**
 * Runs a process to its end, which goes on alone if this one ends.
 * @returns `alreadyRunning` where one of its id runs; `stopped` where it failed or somebody stopped it, but for this process's own
 * cancellation, which is thrown
 */
export async function runAlone<Result>(start: WorkflowStart): Promise<Result | 'alreadyRunning' | 'stopped'> {
  try {
    return await executeChild<(input: object) => Promise<Result>>(start.workflow, aloneOptions(start));
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return 'alreadyRunning';
    if (error instanceof ChildWorkflowFailure && !CancellationScope.current().consideredCancelled) {
      return 'stopped';
    }
    throw error;
  }
}
