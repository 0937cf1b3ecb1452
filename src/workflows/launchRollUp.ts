import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import { ApplicationFailure, workflowInfo } from '@temporalio/workflow';
import { periodOfMonth, shiftPeriod } from '../domain/period.ts';
import { launch } from './launch.ts';
import type { LaunchInput, LaunchResult } from './messages.ts';
import { workflowStarts } from './workflowStarts.ts';

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
  const start = workflowStarts.rollUpPeriod({ period });
  return launch({ ...start, taskQueue: input.taskQueue, summary: `${input.summary}: ${period.slice(0, 7)}` });
}
