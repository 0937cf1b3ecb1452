import {
  ActivityFailure,
  isCancellation,
  type Next,
  type WorkflowExecuteInput,
  type WorkflowInboundCallsInterceptor,
  type WorkflowInterceptorsFactory,
} from '@temporalio/workflow';
import { failureCause } from './failureCause.ts';
import { reportProblem } from './progress.ts';

/** A workflow that an activity's failure ends says so by its `Problem`, so that the same filter finds it as finds a held invoice. */
class NameFailures implements WorkflowInboundCallsInterceptor {
  async execute(
    input: WorkflowExecuteInput,
    next: Next<WorkflowInboundCallsInterceptor, 'execute'>,
  ): Promise<unknown> {
    try {
      return await next(input);
    } catch (error) {
      if (error instanceof ActivityFailure && !isCancellation(error)) {
        const { code, message } = failureCause(error);
        reportProblem(code, `Failed: ${message}`);
      }
      throw error;
    }
  }
}

export const interceptors: WorkflowInterceptorsFactory = () => ({ inbound: [new NameFailures()] });
