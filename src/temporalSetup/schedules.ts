import { createHash } from 'node:crypto';
import {
  type Client,
  ScheduleAlreadyRunning,
  type ScheduleHandle,
  ScheduleNotFoundError,
  type ScheduleOptions,
} from '@temporalio/client';
import type { ScheduleDefinition } from '../schedules.ts';
import { taskQueues } from '../workflows/taskQueues.ts';

export type EnsuredSchedule = { readonly id: string; readonly outcome: 'created' | 'updated' | 'unchanged' };

/**
 * Brings Temporal's schedules to what the table says; run once a deploy. One that is the same is not touched, since an update
 * discards starts that are due; one that differs is updated in what the table says, so that an operator's pause stays.
 */
export async function ensureSchedules(
  client: Client,
  definitions: readonly ScheduleDefinition[],
): Promise<EnsuredSchedule[]> {
  const ensured: EnsuredSchedule[] = [];
  for (const definition of definitions)
    ensured.push({ id: definition.id, outcome: await ensure(client, definition) });
  return ensured;
}

async function ensure(client: Client, definition: ScheduleDefinition): Promise<EnsuredSchedule['outcome']> {
  const options = scheduleOptions(definition);
  const handle = client.schedule.getHandle(definition.id);
  if ((await fingerprintInForce(handle)) === null) {
    try {
      await client.schedule.create(options);
      return 'created';
    } catch (error) {
      // Another deploy was quicker: what it made is looked at below.
      if (!(error instanceof ScheduleAlreadyRunning)) throw error;
    }
  }
  if ((await fingerprintInForce(handle)) === options.action.memo.definition) return 'unchanged';
  await handle.update((previous) => ({
    ...previous,
    spec: options.spec,
    action: options.action,
    policies: { ...previous.policies, ...options.policies },
  }));
  return 'updated';
}

/** What the schedule was last made from; null where there is none. */
async function fingerprintInForce(handle: ScheduleHandle): Promise<string | null> {
  try {
    const { action } = await handle.describe();
    const value = action.type === 'startWorkflow' ? action.memo?.['definition'] : undefined;
    return typeof value === 'string' ? value : '';
  } catch (error) {
    if (error instanceof ScheduleNotFoundError) return null;
    throw error;
  }
}

function scheduleOptions(definition: ScheduleDefinition) {
  const options = {
    scheduleId: definition.id,
    spec: {
      calendars: [calendarOf(definition)],
    },
    action: {
      type: 'startWorkflow',
      workflowType: definition.launcher ?? 'launch',
      workflowId: `launch:${definition.launch.workflowId}`,
      taskQueue: taskQueues.billing,
      args: [definition.launch],
      staticSummary: `Launch: ${definition.launch.summary}`,
    },
    policies: { overlap: definition.overlap, catchupWindow: definition.catchupWindow },
    state: { note: definition.note },
  } as const;
  // Kept in the action's memo: what Temporal returns of a spec is compiled and can't be compared with what was sent.
  const fingerprint = createHash('sha256').update(JSON.stringify(options)).digest('hex');
  return {
    ...options,
    spec: { calendars: [...options.spec.calendars] },
    action: { ...options.action, args: [definition.launch], memo: { definition: fingerprint } },
  } satisfies ScheduleOptions;
}

function calendarOf(definition: ScheduleDefinition) {
  const { hour, dayOfMonth } = definition.at;
  return {
    minute: minutesOf(definition),
    hour,
    ...(dayOfMonth === undefined ? {} : { dayOfMonth }),
    comment: definition.note,
  };
}

/** Temporal takes one or a list; the list as its own, to be changed by nobody. */
function minutesOf({ at }: ScheduleDefinition): number | number[] {
  return typeof at.minute === 'number' ? at.minute : [...at.minute];
}
