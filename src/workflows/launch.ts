import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import { ParentClosePolicy, startChild, WorkflowIdReusePolicy } from '@temporalio/workflow';
import type { LaunchInput, LaunchResult } from './messages.ts';
import { enterPhase } from './progress.ts';

/**
 * What every schedule starts. A schedule appends its time to the id of what it starts, so it starts this, and this starts the named
 * workflow under its own id and lets it go on alone: one of a kind runs at a time, whether the schedule or the API started it.
 */
export async function launch(input: LaunchInput): Promise<LaunchResult> {
  try {
    await startChild(input.workflow, {
      workflowId: input.workflowId,
      taskQueue: input.taskQueue,
      args: [input.input],
      parentClosePolicy: ParentClosePolicy.ABANDON,
      workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE,
      staticSummary: input.summary,
      ...(input.timeoutMinutes === undefined
        ? {}
        : { workflowExecutionTimeout: input.timeoutMinutes * 60_000 }),
    });
    enterPhase('done', `Started ${input.workflowId}`);
    return { started: true };
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    enterPhase('done', `${input.workflowId} was running already`);
    return { started: false };
  }
}
