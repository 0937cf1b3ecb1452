import {
  type Client,
  type ScheduleDescription,
  type ScheduleHandle,
  ScheduleNotFoundError,
  ScheduleOverlapPolicy,
} from '@temporalio/client';
import { z } from 'zod';
import { recordAudit } from '../services/recordAudit.ts';
import { notFound } from './problems.ts';
import { type CallerRequest, defineRoute, type Route } from './route.ts';
import { instant, instantInput, link, reason, text, toInstant } from './schemas.ts';
import { processLink } from './startedWorkflow.ts';
import { callTemporal } from './temporalCalls.ts';

/** A backfill starts one run for each missed time; Temporal buffers 1,000, an hourly schedule has 744 in a month. */
const longestBackfillMilliseconds = 31 * 24 * 60 * 60 * 1000;
const mostSchedules = 200;

const recentRun = z.strictObject({
  scheduled_at: instant,
  started_at: instant,
  workflow_id: z.string(),
  process: link,
});
const schedule = z
  .strictObject({
    id: z.string(),
    workflow_type: z.string(),
    paused: z.boolean(),
    note: z.string().nullable(),
    next_runs_at: z.array(instant),
    recent_runs: z.array(recentRun),
    runs: z.int(),
    missed: z.int().meta({ description: 'Times that passed outside of the catch-up window.' }),
    skipped: z.int().meta({ description: 'Times that were left out because the run before still ran.' }),
  })
  .meta({ id: 'Schedule' });

const byId = z.strictObject({ id: text(500) });
const withReason = z.strictObject({ reason });
const scheduleAnswer = { status: 200, description: 'The schedule as it is now.', schema: schedule } as const;
const scheduleProblems = { 404: 'No such schedule.', 503: "Temporal can't be reached." };

const toSchedule = (description: ScheduleDescription): z.input<typeof schedule> => ({
  id: description.scheduleId,
  workflow_type: description.action.workflowType,
  paused: description.state.paused,
  note: description.state.note || null,
  next_runs_at: description.info.nextActionTimes.slice(0, 5).map(toInstant),
  recent_runs: description.info.recentActions.map(({ action, scheduledAt, takenAt }) => ({
    scheduled_at: toInstant(scheduledAt),
    started_at: toInstant(takenAt),
    workflow_id: action.workflow.workflowId,
    process: processLink(action.workflow.workflowId),
  })),
  runs: description.info.numActionsTaken,
  missed: description.info.numActionsMissedCatchupWindow,
  skipped: description.info.numActionsSkippedOverlap,
});

export const scheduleRoutes: readonly Route[] = [
  defineRoute({
    method: 'get',
    path: '/api/v1/schedules',
    tag: 'Operators',
    summary: 'Every schedule: whether it is paused, its next and its recent runs.',
    roles: ['platform_admin', 'platform_viewer'],
    answer: {
      status: 200,
      description: 'All schedules, by id.',
      schema: z.strictObject({ items: z.array(schedule) }),
    },
    problems: { 503: "Temporal can't be reached." },
    async handle({ api }) {
      const items = await callTemporal(api, listSchedules);
      return { status: 200, body: { items } };
    },
  }),
  defineRoute({
    method: 'post',
    path: '/api/v1/schedules/:id/pause',
    tag: 'Operators',
    summary: 'Stops a schedule until it is unpaused. Times that pass meanwhile are not caught up.',
    roles: ['platform_admin'],
    params: byId,
    body: withReason,
    answer: scheduleAnswer,
    problems: scheduleProblems,
    handle: (request) =>
      change(request, 'pause', (handle) => handle.pause(request.body.reason), request.body.reason),
  }),
  defineRoute({
    method: 'post',
    path: '/api/v1/schedules/:id/unpause',
    tag: 'Operators',
    summary: 'Lets a paused schedule run again.',
    roles: ['platform_admin'],
    params: byId,
    body: withReason,
    answer: scheduleAnswer,
    problems: scheduleProblems,
    handle: (request) =>
      change(request, 'unpause', (handle) => handle.unpause(request.body.reason), request.body.reason),
  }),
  defineRoute({
    method: 'post',
    path: '/api/v1/schedules/:id/trigger',
    tag: 'Operators',
    summary: 'Runs a schedule once, now, as its overlap rule allows.',
    roles: ['platform_admin'],
    params: byId,
    answer: scheduleAnswer,
    problems: scheduleProblems,
    handle: (request) => change(request, 'trigger', (handle) => handle.trigger()),
  }),
  defineRoute({
    method: 'post',
    path: '/api/v1/schedules/:id/backfill',
    tag: 'Operators',
    summary:
      'Launches a schedule once for each of its times from start to end, at most 31 days; a launch that meets the same process running does nothing.',
    roles: ['platform_admin'],
    params: byId,
    body: z
      .strictObject({ start: instantInput, end: instantInput })
      .refine((body) => body.start < body.end, { path: ['end'], error: 'expected a time after start' })
      .refine((body) => body.end.getTime() - body.start.getTime() <= longestBackfillMilliseconds, {
        path: ['end'],
        error: 'expected at most 31 days after start',
      }),
    answer: scheduleAnswer,
    problems: scheduleProblems,
    handle: (request) =>
      change(request, 'backfill', (handle) =>
        handle.backfill({ ...request.body, overlap: ScheduleOverlapPolicy.BUFFER_ALL }),
      ),
  }),
];

async function listSchedules(client: Client): Promise<z.input<typeof schedule>[]> {
  const ids: string[] = [];
  for await (const summary of client.schedule.list()) {
    ids.push(summary.scheduleId);
    if (ids.length === mostSchedules) break;
  }
  const found = await Promise.all(ids.sort().map((id) => readSchedule(client.schedule.getHandle(id))));
  return found.filter((description) => description !== undefined).map(toSchedule);
}

/** Does something to a schedule that is there, with an audit row written first, and answers with its new state. */
async function change(
  request: CallerRequest<z.output<typeof byId>, unknown, unknown>,
  verb: 'pause' | 'unpause' | 'trigger' | 'backfill',
  work: (handle: ScheduleHandle) => Promise<unknown>,
  reason?: string,
) {
  const { api, caller, em, now, requestId } = request;
  const { id } = request.params;
  const body = await callTemporal(api, async (client) => {
    const handle = client.schedule.getHandle(id);
    const before = await readSchedule(handle);
    if (before === undefined) throw notFound('schedule');
    await recordAudit(em, caller, {
      occurredAt: now,
      action: `schedule.${verb}`,
      subjectType: 'schedule',
      subjectId: id,
      reason,
      before: { paused: before.state.paused },
      ...(verb === 'backfill' ? { after: z.json().parse(JSON.parse(JSON.stringify(request.body))) } : {}),
      requestId,
    });
    await work(handle);
    const after = await readSchedule(handle);
    if (after === undefined) throw notFound('schedule');
    return toSchedule(after);
  });
  return { status: 200, body };
}

async function readSchedule(handle: ScheduleHandle): Promise<ScheduleDescription | undefined> {
  try {
    return await handle.describe();
  } catch (error) {
    if (error instanceof ScheduleNotFoundError) return undefined;
    throw error;
  }
}
