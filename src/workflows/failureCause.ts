import { ActivityFailure, ApplicationFailure, isCancellation } from '@temporalio/workflow';

/** Why an activity failed for good, in our own words. */
export interface FailureCause {
  readonly code: string;
  readonly message: string;
  readonly context: unknown;
}

/**
 * The cause of an activity that failed for good.
 * @throws the error itself where it is a cancellation or no activity's failure: those are not ours to set aside
 */
export function failureCause(error: unknown): FailureCause {
  if (isCancellation(error) || !(error instanceof ActivityFailure)) throw error;
  const cause = error.cause;
  if (cause instanceof ApplicationFailure) {
    return {
      code: cause.type ?? 'unexpected_error',
      message: cause.message,
      context: cause.details?.[0] ?? {},
    };
  }
  return { code: 'activity_timed_out', message: cause?.message ?? error.message, context: {} };
}
