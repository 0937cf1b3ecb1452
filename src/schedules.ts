import type { Duration } from '@temporalio/common';
import { type SyncSpeed, syncSpeeds } from './domain/resourceKind.ts';
import { workflowIds } from './workflows/ids.ts';
import type { LaunchInput } from './workflows/messages.ts';
import { syncQueues, taskQueues } from './workflows/taskQueues.ts';

/** A discovery that has not ended by then is ended, whoever started it: the next one goes on where it stopped. */
export const discoveryTimeoutMinutes = 20 * 60;

/** When something starts by itself. Times are UTC. */
export interface ScheduleDefinition {
  readonly id: string;
  /** Minute or minutes of the hour, and the hour of the day unless it is every hour. */
  readonly at: { readonly minute: number | readonly number[]; readonly hour: number | '*' };
  /** How long after its time a start that was missed is still made up for. */
  readonly catchupWindow: Duration;
  /** What to do while the one before is still being launched. */
  readonly overlap: 'SKIP' | 'BUFFER_ONE';
  readonly launch: LaunchInput;
  /** Why it exists, shown to operators. */
  readonly note: string;
}

/** Every schedule, for one provider; that of the FOCUS folder where one is watched. */
export function schedulesFor(
  provider: string,
  options: { readonly watchesFocusFolder?: boolean } = {},
): readonly ScheduleDefinition[] {
  return [
    ...(options.watchesFocusFolder === true ? [focusFolderSchedule] : []),
    ...syncSpeeds.map((speed) => inventorySchedule(provider, speed)),
    {
      id: 'balance',
      at: { minute: 7, hour: '*' },
      catchupWindow: '30 minutes',
      overlap: 'SKIP',
      launch: {
        workflow: 'snapshotBalance',
        workflowId: workflowIds.snapshotBalance(),
        taskQueue: taskQueues.billing,
        summary: `Snapshot the balance of ${provider}`,
        input: { provider },
        timeoutMinutes: 50,
      },
      note: 'Keeps the account balance, hourly: a fall behind is seen before the provider suspends anything',
    },
    {
      id: 'estimate',
      at: { minute: 9, hour: '*' },
      catchupWindow: '30 minutes',
      overlap: 'SKIP',
      launch: {
        workflow: 'estimateMonth',
        workflowId: workflowIds.estimateMonth(),
        taskQueue: taskQueues.billing,
        summary: `Estimate the running month of ${provider}`,
        input: { provider },
        timeoutMinutes: 50,
      },
      note: 'Keeps what the running month costs so far by the provider; it computes that daily, so most runs change nothing',
    },
    {
      id: 'spaces-usage',
      at: { minute: 35, hour: '*' },
      catchupWindow: '30 minutes',
      overlap: 'SKIP',
      launch: {
        workflow: 'measureSpaces',
        workflowId: workflowIds.measureSpaces(),
        taskQueue: taskQueues.syncSlow,
        summary: `Measure the buckets of ${provider}`,
        input: { provider },
        // Long: a bucket may hold a thousand million objects.
        timeoutMinutes: 20 * 60,
      },
      note: 'Adds up the objects of each bucket once a day; the other runs of a day find what is new or was in the way',
    },
    {
      id: 'bandwidth',
      at: { minute: 40, hour: '*' },
      catchupWindow: '30 minutes',
      overlap: 'SKIP',
      launch: {
        workflow: 'measureBandwidth',
        workflowId: workflowIds.measureBandwidth(),
        taskQueue: taskQueues.syncSlow,
        summary: `Read the traffic of the droplets of ${provider}`,
        input: { provider },
        timeoutMinutes: 50,
      },
      note: 'Keeps what each droplet sends to the public network, by the hour',
    },
    {
      id: 'discovery',
      at: { minute: 23, hour: 2 },
      catchupWindow: '1 day',
      overlap: 'BUFFER_ONE',
      launch: {
        workflow: 'discoverInvoices',
        workflowId: workflowIds.discoverInvoices(),
        taskQueue: taskQueues.billing,
        summary: `Discover and ingest the invoices of ${provider}`,
        input: { provider },
        timeoutMinutes: discoveryTimeoutMinutes,
      },
      note: 'Finds new, restated and held invoices daily, and ingests them',
    },
  ];
}

const focusFolderSchedule: ScheduleDefinition = {
  id: 'focus-folder',
  at: { minute: [5, 20, 35, 50], hour: '*' },
  catchupWindow: '15 minutes',
  overlap: 'SKIP',
  launch: {
    workflow: 'scanFocusFolder',
    workflowId: workflowIds.scanFocusFolder(),
    taskQueue: taskQueues.billing,
    summary: 'Take in new FOCUS files of the watched folder',
    input: {},
    timeoutMinutes: 20 * 60,
  },
  note: 'Takes in what is new in the folder of FOCUS files, each quarter of an hour',
};

function inventorySchedule(provider: string, speed: SyncSpeed): ScheduleDefinition {
  return {
    id: `inventory-${speed}`,
    at: { minute: 15, hour: '*' },
    catchupWindow: '30 minutes',
    overlap: 'SKIP',
    launch: {
      workflow: 'syncInventory',
      workflowId: workflowIds.syncInventory(speed),
      taskQueue: syncQueues[speed],
      summary: `Sync the ${speed} inventory of ${provider}`,
      input: { provider, speed },
      timeoutMinutes: 50,
    },
    note: `Lists what runs at ${provider}, hourly`,
  };
}
