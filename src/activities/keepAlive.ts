import { Context } from '@temporalio/activity';
import type { ActivityExecuteInput, ActivityInboundCallsInterceptor, Next } from '@temporalio/worker';

/** A few beats may be lost before the heartbeat time-out of 30 seconds (src/workflows/activityOptions.ts). */
const beatEveryMs = 5_000;

/** What each running activity said of its progress last; a beat says it again. */
const progressOf = new WeakMap<Context, unknown>();

/** Shows operators how far the running activity is, in the Temporal Web UI. */
export function reportProgress(progress: unknown): void {
  const context = Context.current();
  progressOf.set(context, progress);
  context.heartbeat(progress);
}

/**
 * Beats for as long as an activity runs, whatever it waits for (the request limiter, a slow provider, a lock), so that only a dead
 * worker has it tried again elsewhere. How long each wait may take is bounded where it happens.
 */
export class KeepAlive implements ActivityInboundCallsInterceptor {
  async execute(
    input: ActivityExecuteInput,
    next: Next<ActivityInboundCallsInterceptor, 'execute'>,
  ): Promise<unknown> {
    const context = Context.current();
    const beat = setInterval(() => context.heartbeat(progressOf.get(context)), beatEveryMs);
    try {
      return await next(input);
    } finally {
      clearInterval(beat);
    }
  }
}
