import { setTimeout as delay } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import { type Connection, isGrpcServiceError } from '@temporalio/client';
import { msToTs } from '@temporalio/common/lib/time.js';

/** Closed workflows stay readable for 30 days. */
const retention = msToTs('30 days');

/** Registers the namespace where it is missing, and waits until the server serves it. An existing one stays as it is. */
export async function ensureNamespace(connection: Connection, namespace: string): Promise<void> {
  if (await exists(connection, namespace)) return;
  try {
    await connection.workflowService.registerNamespace({
      namespace,
      workflowExecutionRetentionPeriod: retention,
    });
  } catch (error) {
    if (!isGrpcServiceError(error) || error.code !== status.ALREADY_EXISTS) throw error;
  }
  while (!(await isServed(connection, namespace))) await delay(200);
}

const exists = (connection: Connection, namespace: string): Promise<boolean> =>
  isFound(connection.workflowService.describeNamespace({ namespace }));

/** A new namespace is described at once, but everything else asks a cache that takes seconds to hear of it. */
const isServed = (connection: Connection, namespace: string): Promise<boolean> =>
  isFound(connection.workflowService.countWorkflowExecutions({ namespace }));

async function isFound(call: Promise<unknown>): Promise<boolean> {
  try {
    await call;
    return true;
  } catch (error) {
    if (isGrpcServiceError(error) && error.code === status.NOT_FOUND) return false;
    throw error;
  }
}
