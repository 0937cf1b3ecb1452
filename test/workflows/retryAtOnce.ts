import { setTimeout as delay } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import { type Client, isGrpcServiceError, type WorkflowHandle } from '@temporalio/client';

type Result = Awaited<ReturnType<WorkflowHandle['result']>>;

/**
 * Waits for a workflow whose activities fail on purpose, and takes the waiting between their attempts away, as an operator can:
 * how often they are tried stays what the workflow says.
 */
export async function retryAtOnce(client: Client, handle: WorkflowHandle): Promise<Result> {
  const result = handle.result();
  let isRunning = true;
  const settled = result
    .catch(() => undefined)
    .finally(() => {
      isRunning = false;
    });
  const hurried = new Set<string>();
  while (isRunning) {
    const { raw } = await handle.describe();
    for (const { activityId, attempt } of raw.pendingActivities ?? []) {
      if (activityId == null || (attempt ?? 1) < 2 || hurried.has(activityId)) continue;
      hurried.add(activityId);
      await hurry(client, handle.workflowId, activityId);
    }
    await Promise.race([settled, delay(200)]);
  }
  return result;
}

async function hurry(client: Client, workflowId: string, activityId: string): Promise<void> {
  try {
    await client.workflowService.updateActivityOptions({
      namespace: client.options.namespace,
      execution: { workflowId },
      id: activityId,
      activityOptions: { retryPolicy: { initialInterval: { nanos: 50_000_000 }, backoffCoefficient: 1 } },
      updateMask: { paths: ['retry_policy.initial_interval', 'retry_policy.backoff_coefficient'] },
    });
  } catch (error) {
    // It ended meanwhile.
    if (!isGrpcServiceError(error) || error.code !== status.NOT_FOUND) throw error;
  }
}
