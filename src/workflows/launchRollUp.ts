import {
  defineSearchAttributeKey,
  SearchAttributeType,
  TypedSearchAttributes,
  WorkflowExecutionAlreadyStartedError,
} from '@temporalio/common';
import {
  ApplicationFailure,
  ParentClosePolicy,
  startChild,
  WorkflowIdReusePolicy,
  workflowInfo,
} from '@temporalio/workflow';
import { periodOfMonth, shiftPeriod } from '../domain/period.ts';
import { workflowIds } from './ids.ts';
import type { LaunchInput, LaunchResult } from './messages.ts';
import { enterPhase } from './progress.ts';
import { rollUpPeriod } from './rollUpPeriod.ts';
import { searchAttributes } from './searchAttributes.ts';

/** Set by the server on what a schedule starts: the time for which it was due, however late it starts. */
const scheduledStartTime = defineSearchAttributeKey(
  'TemporalScheduledStartTime',
  SearchAttributeType.DATETIME,
);

/**
 * What the rollup's schedule starts: rolls up the month before the one in which it was due. The month never comes from the clock, so a
 * start that is made up for weeks later bills the right one.
 */
export async function launchRollUp(input: LaunchInput): Promise<LaunchResult> {
  const due = workflowInfo().typedSearchAttributes.get(scheduledStartTime);
  if (due === undefined) {
    throw ApplicationFailure.nonRetryable(
      'no schedule started this, so there is no month to roll up: start rollUpPeriod with a period',
      'not_scheduled',
    );
  }
  const period = shiftPeriod(periodOfMonth(due.toISOString().slice(0, 7)), -1);
  const workflowId = workflowIds.rollUpPeriod(period);
  try {
    await startChild(rollUpPeriod, {
      workflowId,
      taskQueue: input.taskQueue,
      args: [{ period }],
      parentClosePolicy: ParentClosePolicy.ABANDON,
      workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE,
      staticSummary: `${input.summary}: ${period.slice(0, 7)}`,
      typedSearchAttributes: new TypedSearchAttributes([{ key: searchAttributes.period, value: period }]),
    });
    enterPhase('done', `Started ${workflowId}`);
    return { started: true };
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    enterPhase('done', `${workflowId} was running already`);
    return { started: false };
  }
}
