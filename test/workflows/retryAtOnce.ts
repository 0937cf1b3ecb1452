import { setTimeout as delay } from 'node:timers/promises';
import type { Client, WorkflowHandle } from '@temporalio/client';

/**
 * Waits for a workflow whose activities fail on purpose, and takes the waiting between their attempts away, as an operator can:
 * the number of attempts stays what the workflow says.
 */
export async function retryAtOnce(
  client: Client,
  handle: WorkflowHandle,
): Promise<Awaited<ReturnType<WorkflowHandle['result']>>> {
  const result = handle.result();
  let isRunning = true;
  const settled = result.then(
    () => {
      isRunning = false;
    },
    () => {
      isRunning = false;
    },
  );
  while (isRunning) {
    const { raw } = await handle.describe();
    for (const activity of raw.pendingActivities ?? []) {
      if ((activity.attempt ?? 1) < 2) continue;
      await client.workflowService
        .updateActivityOptions({
          namespace: client.options.namespace,
          execution: { workflowId: handle.workflowId },
          id: activity.activityId ?? '',
          activityOptions: { retryPolicy: { initialInterval: { nanos: 50_000_000 }, backoffCoefficient: 1 } },
          updateMask: { paths: ['retry_policy.initial_interval', 'retry_policy.backoff_coefficient'] },
        })
        .catch((e: unknown) => console.log(e));
    }
    await Promise.race([settled, delay(200)]);
  }
  return result;
}
