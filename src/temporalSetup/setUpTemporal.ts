import { status } from '@grpc/grpc-js';
import { isGrpcServiceError } from '@temporalio/client';
import pRetry from 'p-retry';
import { schedulesFor } from '../schedules.ts';
import type { TemporalClient } from '../temporalClient.ts';
import { searchAttributeTypes } from '../workflows/searchAttributes.ts';
import { ensureNamespace } from './namespace.ts';
import { type EnsuredSchedule, ensureSchedules } from './schedules.ts';
import { ensureSearchAttributes } from './searchAttributes.ts';

/**
 * Brings a Temporal server to what this version needs: the namespace, its search attributes, the schedules. Safe to run again.
 * When it returns, workflows that use the search attributes can be started.
 */
export async function setUpTemporal(
  temporal: TemporalClient,
  namespace: string,
  options: { readonly watchesFocusFolder?: boolean } = {},
): Promise<EnsuredSchedule[]> {
  await ensureNamespace(temporal.connection, namespace);
  await onceServed(() => ensureSearchAttributes(temporal.connection, namespace, searchAttributeTypes));
  await onceServed(() => queryBySearchAttributes(temporal, namespace));
  return onceServed(() => ensureSchedules(temporal.client, schedulesFor('digitalocean', options)));
}

/** A query is refused until the server's cache has every search attribute, and so is the start of a workflow that sets one. */
async function queryBySearchAttributes(temporal: TemporalClient, namespace: string): Promise<void> {
  const query = Object.keys(searchAttributeTypes)
    .map((name) => `${name} IS NULL`)
    .join(' AND ');
  await temporal.connection.workflowService.countWorkflowExecutions({ namespace, query });
}

/** A namespace or attribute that was just made is unknown to the server's caches for some seconds. */
function onceServed<Result>(step: () => Promise<Result>): Promise<Result> {
  return pRetry(step, {
    retries: 40,
    factor: 1,
    minTimeout: 500,
    shouldRetry: ({ error }) =>
      isGrpcServiceError(error) &&
      (error.code === status.NOT_FOUND || error.code === status.INVALID_ARGUMENT),
  });
}
