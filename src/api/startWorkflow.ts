import { type Client, WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import type { CloudInvoice } from '../entities/cloudInvoice.ts';
import { discoveryTimeoutMinutes } from '../schedules.ts';
import { workflowIds } from '../workflows/ids.ts';
import type {
  DiscoverInvoicesInput,
  IngestFocusFileInput,
  IngestInvoiceInput,
} from '../workflows/messages.ts';
import { searchAttributes } from '../workflows/searchAttributes.ts';
import { taskQueues } from '../workflows/taskQueues.ts';

export interface StartedWorkflow {
  readonly workflowId: string;
  readonly runId: string;
}

/** Starts the discovery of invoices, or meets the one that runs. */
export async function startDiscovery(client: Client, requestedBy: string): Promise<StartedWorkflow> {
  const provider = 'digitalocean';
  const input: DiscoverInvoicesInput = { provider, requestedBy };
  const handle = await client.workflow.start('discoverInvoices', {
    workflowId: workflowIds.discoverInvoices(),
    taskQueue: taskQueues.billing,
    args: [input],
    workflowIdConflictPolicy: 'USE_EXISTING',
    workflowIdReusePolicy: 'ALLOW_DUPLICATE',
    staticSummary: `Discover and ingest the invoices of ${provider}`,
    workflowExecutionTimeout: `${discoveryTimeoutMinutes} minutes`,
  });
  return { workflowId: handle.workflowId, runId: handle.firstExecutionRunId };
}

/** Starts the ingest of a FOCUS file, or meets the one that runs. */
export async function startFocusIngest(
  client: Client,
  file: { readonly id: string; readonly sha256: string; readonly name: string },
): Promise<StartedWorkflow> {
  const input: IngestFocusFileInput = { fileId: file.id };
  const handle = await client.workflow.start('ingestFocusFile', {
    workflowId: workflowIds.ingestFocusFile(file.sha256),
    taskQueue: taskQueues.billing,
    args: [input],
    workflowIdConflictPolicy: 'USE_EXISTING',
    workflowIdReusePolicy: 'ALLOW_DUPLICATE',
    staticSummary: `Ingests the FOCUS file ${file.name.slice(0, 100)}`,
  });
  return { workflowId: handle.workflowId, runId: handle.firstExecutionRunId };
}

/**
 * Starts the ingest of one invoice, or meets the one that runs. With `acceptedDifference` it does not meet another one, which
 * would not accept the difference.
 * @returns undefined where an ingest already runs that can't take the accepted difference
 */
export async function startIngest(
  client: Client,
  invoice: Pick<CloudInvoice, 'provider' | 'invoiceUuid' | 'periodStart'>,
  acceptedDifference?: IngestInvoiceInput['acceptedDifference'],
): Promise<StartedWorkflow | undefined> {
  const { provider, invoiceUuid, periodStart } = invoice;
  const input: IngestInvoiceInput = {
    provider,
    invoiceUuid,
    ...(acceptedDifference === undefined ? {} : { acceptedDifference }),
  };
  try {
    const handle = await client.workflow.start('ingestInvoice', {
      workflowId: workflowIds.ingestInvoice(provider, invoiceUuid),
      taskQueue: taskQueues.billing,
      args: [input],
      workflowIdConflictPolicy: acceptedDifference === undefined ? 'USE_EXISTING' : 'FAIL',
      workflowIdReusePolicy: 'ALLOW_DUPLICATE',
      staticSummary: `Ingest the ${provider} invoice of ${periodStart.slice(0, 7)}`,
      typedSearchAttributes: [
        { key: searchAttributes.providerInvoice, value: invoiceUuid },
        { key: searchAttributes.period, value: periodStart },
      ],
    });
    return { workflowId: handle.workflowId, runId: handle.firstExecutionRunId };
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return undefined;
    throw error;
  }
}
