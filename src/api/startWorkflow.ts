import {
  type Client,
  WithStartWorkflowOperation,
  WorkflowExecutionAlreadyStartedError,
} from '@temporalio/client';
import type { Period } from '../domain/period.ts';
import type { CloudInvoice } from '../entities/cloudInvoice.ts';
import type { DayRange } from '../services/meteredDays.ts';
import { closureMessages } from '../workflows/closureMessages.ts';
import { workflowIds } from '../workflows/ids.ts';
import type { IngestInvoiceInput, MeterUsageInput } from '../workflows/messages.ts';
import type {
  DecommissionDeploymentInput,
  ProvisionDeploymentInput,
} from '../workflows/provisioningMessages.ts';
import {
  type PlannedRevert,
  type RevertDriftInput,
  type RevertDriftResult,
  revertMessages,
} from '../workflows/revertMessages.ts';
import { issueMessages, type OperatorRequest } from '../workflows/rollUpMessages.ts';
import { taskQueues } from '../workflows/taskQueues.ts';
import { webhookMessages } from '../workflows/webhookMessages.ts';
import { type WorkflowStart, workflowStarts } from '../workflows/workflowStarts.ts';

export interface StartedWorkflow {
  readonly workflowId: string;
  readonly runId: string;
}

/** Starts the discovery of invoices, or meets the one that runs. */
export function startDiscovery(client: Client, requestedBy: string): Promise<StartedWorkflow> {
  return startOrMeet(client, workflowStarts.discoverInvoices({ provider: 'digitalocean', requestedBy }));
}

/** Starts a sweep of what runs against what was asked for, or meets the one that runs. */
export function startDriftSweep(client: Client, requestedBy: string): Promise<StartedWorkflow> {
  return startOrMeet(client, workflowStarts.sweepDrift({ provider: 'digitalocean', requestedBy }));
}

/** Starts the ingest of a FOCUS file, or meets the one that runs. */
export function startFocusIngest(
  client: Client,
  file: { readonly id: string; readonly sha256: string; readonly name: string },
): Promise<StartedWorkflow> {
  return startOrMeet(client, workflowStarts.ingestFocusFile({ fileId: file.id }, file));
}

/** Starts telling the finance system of issued invoices, or meets the run that does. */
export function startPushReceivables(client: Client): Promise<StartedWorkflow> {
  return startOrMeet(client, workflowStarts.pushReceivables({}));
}

/** Starts an evaluation of the alert rules, or meets the one that runs. */
export function startEvaluateAlerts(client: Client): Promise<StartedWorkflow> {
  return startOrMeet(client, workflowStarts.evaluateAlerts({}));
}

/** Starts sending an endpoint its webhooks, or tells the run that does that more waits. */
export function startDeliverWebhooks(
  client: Client,
  endpoint: { readonly id: string; readonly url: string },
): Promise<StartedWorkflow> {
  const start = workflowStarts.deliverWebhooks({ endpointId: endpoint.id }, new URL(endpoint.url).host);
  return startOrSignal(client, start, webhookMessages.deliveriesWaitSignal);
}

/**
 * Starts the metering of these days.
 * @returns undefined where a metering runs already, which does other days
 */
export function startMetering(
  client: Client,
  days: DayRange,
  requestedBy: string,
): Promise<StartedWorkflow | undefined> {
  const input: MeterUsageInput = { days: [days], requestedBy };
  return startUnlessRunning(client, {
    workflow: 'meterUsage',
    workflowId: workflowIds.meterUsage(),
    taskQueue: taskQueues.metering,
    summary: `Meter what deployments used from ${days.from} up to before ${days.until}`,
    input,
  });
}

/**
 * Starts the ingest of one invoice, or meets the one that runs. With `acceptedDifference` it does not meet another one, which
 * would not accept the difference.
 * @returns undefined where an ingest already runs that can't take the accepted difference
 */
export function startIngest(
  client: Client,
  invoice: Pick<CloudInvoice, 'provider' | 'invoiceUuid' | 'periodStart'>,
  acceptedDifference?: IngestInvoiceInput['acceptedDifference'],
): Promise<StartedWorkflow | undefined> {
  const { provider, invoiceUuid, periodStart } = invoice;
  if (acceptedDifference === undefined) {
    return startOrMeet(client, workflowStarts.ingestInvoice({ provider, invoiceUuid }, periodStart));
  }
  const input: IngestInvoiceInput = { provider, invoiceUuid, acceptedDifference };
  return startUnlessRunning(client, workflowStarts.ingestInvoice(input, periodStart));
}

/**
 * Starts the rollup of a period, or meets the one that runs. With `force` it does not meet another one, which would not compute drafts anew.
 * @returns undefined where one runs already that can't be forced
 */
export function startRollUp(
  client: Client,
  period: Period,
  { requestedBy, force }: { readonly requestedBy: string; readonly force?: OperatorRequest | undefined },
): Promise<StartedWorkflow | undefined> {
  return force === undefined
    ? startOrMeet(client, workflowStarts.rollUpPeriod({ period, requestedBy }))
    : startUnlessRunning(client, workflowStarts.rollUpPeriod({ period, requestedBy, force }));
}

/** Starts a check of a period's invoices, or meets the one that runs. */
export function startCheck(client: Client, period: Period): Promise<StartedWorkflow> {
  return startOrMeet(client, workflowStarts.checkPeriod({ period }));
}

/** Starts a check that the books of a period close, or has the one that runs read them again. */
export function startClosureCheck(
  client: Client,
  period: Period,
  requestedBy: string,
): Promise<StartedWorkflow> {
  const start = workflowStarts.checkClosure({ period, requestedBy });
  return startOrSignal(client, start, closureMessages.booksChangedSignal);
}

/** Starts the issue of a period's drafts, or meets the one that runs. @param early whether it waits for the grace time no longer */
export function startIssue(client: Client, period: Period, early: boolean): Promise<StartedWorkflow> {
  const signal = early ? issueMessages.issueNowSignal : issueMessages.draftsAddedSignal;
  return startOrSignal(client, workflowStarts.issuePeriod({ period }), signal);
}

/** Starts the provisioning of a deployment. @returns undefined where one runs already */
export function startProvisioning(
  client: Client,
  tenantId: string,
  input: ProvisionDeploymentInput,
): Promise<StartedWorkflow | undefined> {
  return startUnlessRunning(client, workflowStarts.provisionDeployment(input, tenantId));
}

/** Starts taking a cancelled deployment apart. @returns undefined where that runs already */
export function startDecommission(
  client: Client,
  tenantId: string,
  input: DecommissionDeploymentInput,
): Promise<StartedWorkflow | undefined> {
  return startUnlessRunning(client, workflowStarts.decommissionDeployment(input, tenantId));
}

/**
 * Starts the revert of a drift, and waits for its plan.
 * @returns undefined where a revert of the resource runs already
 */
export async function startRevert(
  client: Client,
  input: RevertDriftInput,
  resource: { readonly kind: string; readonly name: string },
): Promise<PlannedRevert | undefined> {
  const start = {
    workflow: 'revertDrift',
    workflowId: workflowIds.revertDrift(input.resourceId),
    taskQueue: taskQueues.provisioning,
    summary: `Revert the ${resource.kind} ${resource.name.slice(0, 100)} to what was asked for`,
    input,
  } as const;
  const startWorkflowOperation = new WithStartWorkflowOperation<RevertWorkflow>(
    start.workflow,
    startOptions(start, 'FAIL'),
  );
  try {
    return await client.workflow.executeUpdateWithStart<RevertWorkflow, PlannedRevert, []>(
      revertMessages.planUpdate,
      { startWorkflowOperation, args: [] },
    );
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return undefined;
    throw error;
  }
}
type RevertWorkflow = (input: RevertDriftInput) => Promise<RevertDriftResult>;

/** Starts a process, or meets the one of its id that runs. */
async function startOrMeet(client: Client, start: WorkflowStart): Promise<StartedWorkflow> {
  const handle = await client.workflow.start(start.workflow, startOptions(start, 'USE_EXISTING'));
  return { workflowId: handle.workflowId, runId: handle.firstExecutionRunId };
}

/** @returns undefined where one of its id runs already */
async function startUnlessRunning(
  client: Client,
  start: WorkflowStart,
): Promise<StartedWorkflow | undefined> {
  try {
    const handle = await client.workflow.start(start.workflow, startOptions(start, 'FAIL'));
    return { workflowId: handle.workflowId, runId: handle.firstExecutionRunId };
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return undefined;
    throw error;
  }
}

/** Starts a process, or meets the one of its id that runs; it gets the signal either way. */
async function startOrSignal(client: Client, start: WorkflowStart, signal: string): Promise<StartedWorkflow> {
  const handle = await client.workflow.signalWithStart(start.workflow, {
    ...startOptions(start, 'USE_EXISTING'),
    signal,
    signalArgs: [],
  });
  return { workflowId: handle.workflowId, runId: handle.signaledRunId };
}

function startOptions<Input>(start: WorkflowStart<Input>, workflowIdConflictPolicy: 'USE_EXISTING' | 'FAIL') {
  return {
    workflowId: start.workflowId,
    taskQueue: start.taskQueue,
    args: [start.input] as [Input],
    workflowIdConflictPolicy,
    workflowIdReusePolicy: 'ALLOW_DUPLICATE',
    staticSummary: start.summary,
    ...(start.timeoutMinutes === undefined
      ? {}
      : { workflowExecutionTimeout: start.timeoutMinutes * 60_000 }),
    ...(start.searchAttributes === undefined ? {} : { typedSearchAttributes: start.searchAttributes }),
  } as const;
}
