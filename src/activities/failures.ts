import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import type { ActivityExecuteInput, ActivityInboundCallsInterceptor, Next } from '@temporalio/worker';
import { ArcadiaError } from '../domain/errors.ts';

/**
 * The one translation of our errors into Temporal's: the failure's type is our code, what a retry can't mend fails at once, and a
 * wait that the provider asked for is kept. Anything else is a fault of the moment (a broken connection) and is retried.
 */
export function asFailure(error: unknown): unknown {
  if (error instanceof ApplicationFailure || error instanceof CancelledFailure) return error;
  if (!(error instanceof ArcadiaError)) return error;
  return ApplicationFailure.create({
    message: error.message,
    type: error.code,
    nonRetryable: !error.retryable,
    details: [error.context],
    cause: error,
    ...(error.retryAfterSeconds === undefined ? {} : { nextRetryDelay: error.retryAfterSeconds * 1000 }),
  });
}

/** Puts the translation around every activity of a worker. */
export class TranslateFailures implements ActivityInboundCallsInterceptor {
  async execute(
    input: ActivityExecuteInput,
    next: Next<ActivityInboundCallsInterceptor, 'execute'>,
  ): Promise<unknown> {
    try {
      return await next(input);
    } catch (error) {
      throw asFailure(error);
    }
  }
}
