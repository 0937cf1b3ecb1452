import {
  type Client,
  WithStartWorkflowOperation,
  WorkflowExecutionAlreadyStartedError,
} from '@temporalio/client';
import type { Period } from '../domain/period.ts';
import type { CloudInvoice } from '../entities/cloudInvoice.ts';
import { alertsTimeoutMinutes, discoveryTimeoutMinutes, driftTimeoutMinutes } from '../schedules.ts';
import type { DayRange } from '../services/meteredDays.ts';
import { type CheckClosureInput, closureMessages } from '../workflows/closureMessages.ts';
import { workflowIds } from '../workflows/ids.ts';
import type {
  DiscoverInvoicesInput,
  IngestFocusFileInput,
  IngestInvoiceInput,
  MeterUsageInput,
  SweepDriftInput,
} from '../workflows/messages.ts';
import {
  type PlannedRevert,
  type RevertDriftInput,
  type RevertDriftResult,
  revertMessages,
} from '../workflows/revertMessages.ts';
import type {
  CheckPeriodInput,
  IssuePeriodInput,
  OperatorRequest,
  RollUpPeriodInput,
} from '../workflows/rollUpMessages.ts';
import { issueMessages } from '../workflows/rollUpMessages.ts';
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

/** Starts a sweep of what runs against what was asked for, or meets the one that runs. */
export async function startDriftSweep(client: Client, requestedBy: string): Promise<StartedWorkflow> {
  const provider = 'digitalocean';
  const input: SweepDriftInput = { provider, requestedBy };
  const handle = await client.workflow.start('sweepDrift', {
    workflowId: workflowIds.sweepDrift(),
    taskQueue: taskQueues.provisioning,
    args: [input],
    workflowIdConflictPolicy: 'USE_EXISTING',
    workflowIdReusePolicy: 'ALLOW_DUPLICATE',
    staticSummary: `Compare what runs at ${provider} with what was asked for`,
    workflowExecutionTimeout: `${driftTimeoutMinutes} minutes`,
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

/** Starts telling the finance system of issued invoices, or meets the run that does. */
export async function startPushReceivables(client: Client): Promise<StartedWorkflow> {
  const handle = await client.workflow.start('pushReceivables', {
    workflowId: workflowIds.pushReceivables(),
    taskQueue: taskQueues.billing,
    args: [{}],
    workflowIdConflictPolicy: 'USE_EXISTING',
    workflowIdReusePolicy: 'ALLOW_DUPLICATE',
    staticSummary: 'Tell the finance system of issued invoices',
  });
  return { workflowId: handle.workflowId, runId: handle.firstExecutionRunId };
}

/** Starts an evaluation of the alert rules, or meets the one that runs. */
export async function startEvaluateAlerts(client: Client): Promise<StartedWorkflow> {
  const handle = await client.workflow.start('evaluateAlerts', {
    workflowId: workflowIds.evaluateAlerts(),
    taskQueue: taskQueues.billing,
    args: [{}],
    workflowIdConflictPolicy: 'USE_EXISTING',
    workflowIdReusePolicy: 'ALLOW_DUPLICATE',
    staticSummary: 'Evaluate the alert rules',
    workflowExecutionTimeout: `${alertsTimeoutMinutes} minutes`,
  });
  return { workflowId: handle.workflowId, runId: handle.firstExecutionRunId };
}

/** Starts sending webhooks, or meets the run that does. */
export async function startDeliverWebhooks(client: Client): Promise<StartedWorkflow> {
  const handle = await client.workflow.start('deliverWebhooks', {
    workflowId: workflowIds.deliverWebhooks(),
    taskQueue: taskQueues.billing,
    args: [{}],
    workflowIdConflictPolicy: 'USE_EXISTING',
    workflowIdReusePolicy: 'ALLOW_DUPLICATE',
    staticSummary: 'Send webhooks',
  });
  return { workflowId: handle.workflowId, runId: handle.firstExecutionRunId };
}

/**
 * Starts the metering of these days.
 * @returns undefined where a metering runs already, which does other days
 */
export async function startMetering(
  client: Client,
  days: DayRange,
  requestedBy: string,
): Promise<StartedWorkflow | undefined> {
  const input: MeterUsageInput = { days: [days], requestedBy };
  try {
    const handle = await client.workflow.start('meterUsage', {
      workflowId: workflowIds.meterUsage(),
      taskQueue: taskQueues.metering,
      args: [input],
      workflowIdConflictPolicy: 'FAIL',
      workflowIdReusePolicy: 'ALLOW_DUPLICATE',
      staticSummary: `Meter what deployments used from ${days.from} up to before ${days.until}`,
    });
    return { workflowId: handle.workflowId, runId: handle.firstExecutionRunId };
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return undefined;
    throw error;
  }
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

/**
 * Starts the rollup of a period, or meets the one that runs. With `force` it does not meet another one, which would not compute drafts anew.
 * @returns undefined where one runs already that can't be forced
 */
export async function startRollUp(
  client: Client,
  period: Period,
  caller: { readonly requestedBy: string; readonly force?: OperatorRequest | undefined },
): Promise<StartedWorkflow | undefined> {
  const input: RollUpPeriodInput = {
    period,
    requestedBy: caller.requestedBy,
    ...(caller.force === undefined ? {} : { force: caller.force }),
  };
  try {
    const handle = await client.workflow.start('rollUpPeriod', {
      workflowId: workflowIds.rollUpPeriod(period),
      taskQueue: taskQueues.billing,
      args: [input],
      workflowIdConflictPolicy: caller.force === undefined ? 'USE_EXISTING' : 'FAIL',
      workflowIdReusePolicy: 'ALLOW_DUPLICATE',
      staticSummary: `Roll up ${period.slice(0, 7)}`,
      typedSearchAttributes: [{ key: searchAttributes.period, value: period }],
    });
    return { workflowId: handle.workflowId, runId: handle.firstExecutionRunId };
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return undefined;
    throw error;
  }
}

/** Starts a check of a period's invoices, or meets the one that runs. */
export async function startCheck(client: Client, period: Period): Promise<StartedWorkflow> {
  const input: CheckPeriodInput = { period };
  const handle = await client.workflow.start('checkPeriod', {
    workflowId: workflowIds.checkPeriod(period),
    taskQueue: taskQueues.billing,
    args: [input],
    workflowIdConflictPolicy: 'USE_EXISTING',
    workflowIdReusePolicy: 'ALLOW_DUPLICATE',
    staticSummary: `Check the invoices of ${period.slice(0, 7)}`,
    typedSearchAttributes: [{ key: searchAttributes.period, value: period }],
  });
  return { workflowId: handle.workflowId, runId: handle.firstExecutionRunId };
}

/** Starts a check that the books of a period close, or has the one that runs read them again. */
export async function startClosureCheck(
  client: Client,
  period: Period,
  requestedBy: string,
): Promise<StartedWorkflow> {
  const input: CheckClosureInput = { period, requestedBy };
  const handle = await client.workflow.signalWithStart('checkClosure', {
    workflowId: workflowIds.checkClosure(period),
    taskQueue: taskQueues.billing,
    args: [input],
    workflowIdConflictPolicy: 'USE_EXISTING',
    workflowIdReusePolicy: 'ALLOW_DUPLICATE',
    staticSummary: `Check that the books of ${period.slice(0, 7)} close`,
    typedSearchAttributes: [{ key: searchAttributes.period, value: period }],
    signal: closureMessages.booksChangedSignal,
    signalArgs: [],
  });
  return { workflowId: handle.workflowId, runId: handle.signaledRunId };
}

/** Starts the issue of a period's drafts, or meets the one that runs. @param early whether it waits for the grace time no longer */
export async function startIssue(client: Client, period: Period, early: boolean): Promise<StartedWorkflow> {
  const input: IssuePeriodInput = { period };
  const options = {
    workflowId: workflowIds.issuePeriod(period),
    taskQueue: taskQueues.billing,
    args: [input] as [IssuePeriodInput],
    workflowIdConflictPolicy: 'USE_EXISTING',
    workflowIdReusePolicy: 'ALLOW_DUPLICATE',
    staticSummary: `Issue the invoices of ${period.slice(0, 7)}`,
    typedSearchAttributes: [{ key: searchAttributes.period, value: period }],
  } as const;
  const handle = await client.workflow.signalWithStart('issuePeriod', {
    ...options,
    typedSearchAttributes: [...options.typedSearchAttributes],
    signal: early ? issueMessages.issueNowSignal : issueMessages.draftsAddedSignal,
    signalArgs: [],
  });
  return { workflowId: handle.workflowId, runId: handle.signaledRunId };
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
  const startWorkflowOperation = new WithStartWorkflowOperation('revertDrift', {
    workflowId: workflowIds.revertDrift(input.resourceId),
    taskQueue: taskQueues.provisioning,
    args: [input],
    workflowIdConflictPolicy: 'FAIL',
    workflowIdReusePolicy: 'ALLOW_DUPLICATE',
    staticSummary: `Revert the ${resource.kind} ${resource.name.slice(0, 100)} to what was asked for`,
  });
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
