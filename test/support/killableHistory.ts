import type { KillableStack } from './killableStack.ts';

/** Every activity, of whatever workflow, of which an attempt timed out: its worker was gone, or seemed so. */
export async function activitiesThatTimedOut(stack: KillableStack): Promise<string[]> {
  return stack.withTemporal(async (client) => {
    const timedOut: string[] = [];
    for await (const { workflowId, runId } of client.workflow.list()) {
      const { events } = await client.workflow.getHandle(workflowId, runId).fetchHistory();
      for (const { activityTaskStartedEventAttributes: started } of events ?? []) {
        const failure = started?.lastFailure;
        if (failure?.timeoutFailureInfo) timedOut.push(`${workflowId}: ${failure.message}`);
      }
    }
    return timedOut;
  });
}
