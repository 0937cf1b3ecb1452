import type { SearchAttributePair } from '@temporalio/common';
import type { Period } from '../domain/period.ts';
import type { CheckClosureInput } from './closureMessages.ts';
import { workflowIds } from './ids.ts';
import type * as workflows from './index.ts';
import type {
  DeliverWebhooksInput,
  DiscoverInvoicesInput,
  EvaluateAlertsInput,
  IngestFocusFileInput,
  IngestInvoiceInput,
  PushReceivablesInput,
  SweepDriftInput,
} from './messages.ts';
import type { DecommissionDeploymentInput, ProvisionDeploymentInput } from './provisioningMessages.ts';
import type { CheckPeriodInput, IssuePeriodInput, RollUpPeriodInput } from './rollUpMessages.ts';
import { searchAttributes } from './searchAttributes.ts';
import { taskQueues } from './taskQueues.ts';

type WorkflowName = keyof typeof workflows;

/** What a process is started with. */
export interface WorkflowStart<Input = object> {
  readonly workflow: WorkflowName;
  readonly workflowId: string;
  readonly taskQueue: string;
  /** Shown to operators; without secrets. */
  readonly summary: string;
  readonly input: Input;
  /** Minutes after which a run that hangs is ended; absent for no limit. */
  readonly timeoutMinutes?: number;
  readonly searchAttributes?: SearchAttributePair[];
}

/** The longest name in a summary, in characters. */
const mostOfName = 100;

/** How each process is started that is started in more than one way: by a schedule, by the API, by another process. */
export const workflowStarts = {
  discoverInvoices: (input: DiscoverInvoicesInput) => ({
    workflow: 'discoverInvoices',
    workflowId: workflowIds.discoverInvoices(),
    taskQueue: taskQueues.billing,
    summary: `Discover and ingest the invoices of ${input.provider}`,
    input,
    // What it has not done by then, the next one does.
    timeoutMinutes: 20 * 60,
  }),

  ingestInvoice: (input: IngestInvoiceInput, period: string) => ({
    workflow: 'ingestInvoice',
    workflowId: workflowIds.ingestInvoice(input.provider, input.invoiceUuid),
    taskQueue: taskQueues.billing,
    summary: `Ingest the ${input.provider} invoice of ${monthOf(period)}`,
    input,
    searchAttributes: [
      { key: searchAttributes.period, value: period },
      { key: searchAttributes.providerInvoice, value: input.invoiceUuid },
    ],
  }),

  ingestFocusFile: (
    input: IngestFocusFileInput,
    file: { readonly sha256: string; readonly name: string },
  ) => ({
    workflow: 'ingestFocusFile',
    workflowId: workflowIds.ingestFocusFile(file.sha256),
    taskQueue: taskQueues.billing,
    summary: `Ingest the FOCUS file ${file.name.slice(0, mostOfName)}`,
    input,
  }),

  sweepDrift: (input: SweepDriftInput) => ({
    workflow: 'sweepDrift',
    workflowId: workflowIds.sweepDrift(),
    taskQueue: taskQueues.provisioning,
    summary: `Compare what runs at ${input.provider} with what was asked for`,
    input,
    timeoutMinutes: 50,
  }),

  provisionDeployment: (input: ProvisionDeploymentInput, tenantId: string) => ({
    workflow: 'provisionDeployment',
    workflowId: workflowIds.provisionDeployment(input.deploymentId),
    taskQueue: taskQueues.provisioning,
    summary: `Create a deployment's resources by ${input.template.code} ${input.template.version}`,
    input,
    searchAttributes: [
      { key: searchAttributes.deployment, value: input.deploymentId },
      { key: searchAttributes.tenant, value: tenantId },
    ],
  }),

  /** @param tenantId whose it is, where the one who starts it knows */
  decommissionDeployment: (input: DecommissionDeploymentInput, tenantId?: string) => ({
    workflow: 'decommissionDeployment',
    workflowId: workflowIds.decommissionDeployment(input.deploymentId),
    taskQueue: taskQueues.provisioning,
    summary: "Destroy a cancelled deployment's resources",
    input,
    searchAttributes: [
      { key: searchAttributes.deployment, value: input.deploymentId },
      ...(tenantId === undefined ? [] : [{ key: searchAttributes.tenant, value: tenantId }]),
    ],
  }),

  rollUpPeriod: (input: RollUpPeriodInput) => ofPeriod('rollUpPeriod', input, 'Roll up <month>'),

  checkPeriod: (input: CheckPeriodInput) => ofPeriod('checkPeriod', input, 'Check the invoices of <month>'),

  checkClosure: (input: CheckClosureInput) =>
    ofPeriod('checkClosure', input, 'Check that the books of <month> close'),

  issuePeriod: (input: IssuePeriodInput) => ofPeriod('issuePeriod', input, 'Issue the invoices of <month>'),

  /** No time limit: while the finance system is away it waits, and does not hang. */
  pushReceivables: (input: PushReceivablesInput) => ({
    workflow: 'pushReceivables',
    workflowId: workflowIds.pushReceivables(),
    taskQueue: taskQueues.billing,
    summary: 'Tell the finance system of issued invoices',
    input,
  }),

  evaluateAlerts: (input: EvaluateAlertsInput) => ({
    workflow: 'evaluateAlerts',
    workflowId: workflowIds.evaluateAlerts(),
    taskQueue: taskQueues.billing,
    summary: 'Evaluate the alert rules',
    input,
    timeoutMinutes: 50,
  }),

  /** No time limit: an endpoint that is away is waited for. @param host of the endpoint */
  deliverWebhooks: (input: DeliverWebhooksInput & { readonly endpointId: string }, host: string) => ({
    workflow: 'deliverWebhooks',
    workflowId: workflowIds.deliverWebhooks(input.endpointId),
    taskQueue: taskQueues.webhooks,
    summary: `Send webhooks to ${host.slice(0, mostOfName)}`,
    input,
  }),
} as const satisfies Record<string, (...about: never[]) => WorkflowStart>;

/** What works on a period, one run a period. @param summary in which `<month>` stands for it */
function ofPeriod<Input extends { readonly period: Period }>(
  workflow: 'rollUpPeriod' | 'checkPeriod' | 'checkClosure' | 'issuePeriod',
  input: Input,
  summary: string,
): WorkflowStart<Input> {
  return {
    workflow,
    workflowId: workflowIds[workflow](input.period),
    taskQueue: taskQueues.billing,
    summary: summary.replace('<month>', monthOf(input.period)),
    input,
    searchAttributes: [{ key: searchAttributes.period, value: input.period }],
  };
}

const monthOf = (period: string): string => period.slice(0, 7);
