import type { Client, WorkflowExecutionDescription } from '@temporalio/client';
import type { ApiConfig } from '../config.ts';
import { searchAttributes } from '../workflows/searchAttributes.ts';
import { toInstant, toInstantOrNull } from './schemas.ts';
import { processLink, temporalUiLink } from './startedWorkflow.ts';

/** `stuck` runs, but a step of it keeps failing or it says itself that it has a problem. */
export const processStates = ['running', 'stuck', 'failed', 'completed'] as const;
export type ProcessState = (typeof processStates)[number];

/** From this attempt on a retried step counts as stuck. */
const stuckAttempt = 3;

type RawDescription = WorkflowExecutionDescription['raw'];
type RawActivity = NonNullable<RawDescription['pendingActivities']>[number];

/** A process as operators see it: what it is, how far it got, and what it waits for. */
export interface Process {
  readonly workflow_id: string;
  readonly run_id: string;
  readonly type: string;
  readonly task_queue: string;
  readonly state: ProcessState;
  /** Temporal's own word: `RUNNING`, `TIMED_OUT`, … */
  readonly status: string;
  readonly phase: string | null;
  readonly problem: string | null;
  readonly tenant: string | null;
  readonly period: string | null;
  readonly provider_invoice: string | null;
  readonly started_at: string;
  readonly closed_at: string | null;
  readonly activities: readonly PendingActivity[];
  /** Tries of the workflow's own code; from 3 on it is the code that fails. */
  readonly workflow_task_attempt: number;
  readonly last_failure: string | null;
  readonly links: { readonly self: string; readonly temporal_ui: string };
}
/** A step that runs or waits for its next try. */
export interface PendingActivity {
  readonly type: string;
  readonly attempt: number;
  readonly last_failure: string | null;
  readonly last_started_at: string | null;
  readonly next_retry_at: string | null;
}

/** Everything about one run; the latest where `runId` is absent. @throws WorkflowNotFoundError */
export async function describeProcess(
  client: Client,
  config: ApiConfig,
  workflowId: string,
  runId?: string,
): Promise<Process> {
  const description = await client.workflow.getHandle(workflowId, runId).describe();
  const { raw, typedSearchAttributes } = description;
  const activities = (raw.pendingActivities ?? []).map(toPendingActivity);
  const problem = typedSearchAttributes.get(searchAttributes.problem) ?? null;
  const workflowTaskAttempt = raw.pendingWorkflowTask?.attempt ?? 0;
  const isStuck =
    problem !== null ||
    workflowTaskAttempt >= stuckAttempt ||
    activities.some((activity) => activity.attempt >= stuckAttempt);
  const state = toState(description.status.name, isStuck);
  return {
    workflow_id: description.workflowId,
    run_id: description.runId,
    type: description.type,
    task_queue: description.taskQueue,
    state,
    status: description.status.name,
    phase: typedSearchAttributes.get(searchAttributes.phase) ?? null,
    problem,
    tenant: typedSearchAttributes.get(searchAttributes.tenant) ?? null,
    period: typedSearchAttributes.get(searchAttributes.period) ?? null,
    provider_invoice: typedSearchAttributes.get(searchAttributes.providerInvoice) ?? null,
    started_at: toInstant(description.startTime),
    closed_at: toInstantOrNull(description.closeTime ?? null),
    activities,
    workflow_task_attempt: workflowTaskAttempt,
    last_failure:
      state === 'failed'
        ? await readCloseReason(client, description)
        : (activities.find((activity) => activity.last_failure !== null)?.last_failure ?? null),
    links: {
      self: processLink(description.workflowId),
      temporal_ui: temporalUiLink(config, description.workflowId, description.runId),
    },
  };
}

function toState(status: string, isStuck: boolean): ProcessState {
  if (status === 'RUNNING' || status === 'PAUSED') return isStuck ? 'stuck' : 'running';
  return status === 'COMPLETED' || status === 'CONTINUED_AS_NEW' ? 'completed' : 'failed';
}

const toPendingActivity = (activity: RawActivity): PendingActivity => ({
  type: activity.activityType?.name ?? '',
  attempt: activity.attempt ?? 1,
  last_failure: activity.lastFailure?.message ?? null,
  last_started_at: toTime(activity.lastStartedTime),
  next_retry_at: toTime(activity.nextAttemptScheduleTime),
});

function toTime(value: RawActivity['lastStartedTime']): string | null {
  if (value?.seconds == null) return null;
  return toInstant(new Date(Number(value.seconds) * 1000 + Math.trunc((value.nanos ?? 0) / 1e6)));
}

/** Why a closed run failed: the innermost message of its last event, which alone holds it. */
async function readCloseReason(
  client: Client,
  description: WorkflowExecutionDescription,
): Promise<string | null> {
  const { history } = await client.workflowService.getWorkflowExecutionHistoryReverse({
    namespace: client.options.namespace,
    execution: { workflowId: description.workflowId, runId: description.runId },
    maximumPageSize: 1,
  });
  const event = history?.events?.[0];
  const terminated = event?.workflowExecutionTerminatedEventAttributes?.reason;
  if (terminated) return `terminated: ${terminated}`;
  let failure = event?.workflowExecutionFailedEventAttributes?.failure;
  while (failure?.cause) failure = failure.cause;
  return failure?.message ?? description.status.name.toLowerCase().replaceAll('_', ' ');
}
