import type { Duration } from '@temporalio/common';
import { type SyncSpeed, syncSpeeds } from './domain/resourceKind.ts';
import { workflowIds } from './workflows/ids.ts';
import type { LaunchInput } from './workflows/messages.ts';
import { syncQueues, taskQueues } from './workflows/taskQueues.ts';
import { workflowStarts } from './workflows/workflowStarts.ts';

/** When something starts by itself. Times are UTC. */
export interface ScheduleDefinition {
  readonly id: string;
  /** Minute or minutes of the hour, the hour of the day unless it is every hour, and the day of the month unless it is every day. */
  readonly at: {
    readonly minute: number | readonly number[];
    readonly hour: number | '*';
    readonly dayOfMonth?: number;
  };
  /** How long after its time a start that was missed is still made up for. */
  readonly catchupWindow: Duration;
  /** What to do while the one before is still being launched. */
  readonly overlap: 'SKIP' | 'BUFFER_ONE';
  readonly launch: LaunchInput;
  /** Starts `launch` in place of the workflow of that name, where id and input come from the time for which it is due. */
  readonly launcher?: 'launchRollUp';
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
      id: 'drift',
      at: { minute: 20, hour: '*' },
      catchupWindow: '30 minutes',
      overlap: 'SKIP',
      launch: workflowStarts.sweepDrift({ provider }),
      note: 'Finds what differs from what was asked for, what is missing and what nobody asked for, and what it costs',
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
      id: 'metering',
      at: { minute: 45, hour: '*' },
      catchupWindow: '30 minutes',
      overlap: 'SKIP',
      launch: {
        workflow: 'meterUsage',
        workflowId: workflowIds.meterUsage(),
        taskQueue: taskQueues.metering,
        summary: 'Meter what deployments use',
        input: {},
        timeoutMinutes: 50,
      },
      note: 'Meters the running day, and closes days that have ended once all that they are metered from is known',
    },
    {
      id: 'lifecycle',
      at: { minute: 20, hour: 0 },
      catchupWindow: '1 day',
      overlap: 'BUFFER_ONE',
      launch: {
        workflow: 'sweepLifecycle',
        workflowId: workflowIds.sweepLifecycle(),
        taskQueue: taskQueues.billing,
        summary: 'Sweep the lifecycle of deployments',
        input: {},
        timeoutMinutes: 20 * 60,
      },
      note: 'Ends trials, follows up overdue invoices, restores what is paid, and brings current periods to this month, daily',
    },
    {
      id: 'receivables',
      at: { minute: [2, 32], hour: '*' },
      catchupWindow: '30 minutes',
      overlap: 'SKIP',
      launch: workflowStarts.pushReceivables({}),
      note: 'Hands over what was issued and whose hand-over was not started or failed; issuing starts it at once',
    },
    {
      id: 'alerts',
      at: { minute: 50, hour: '*' },
      catchupWindow: '30 minutes',
      overlap: 'SKIP',
      launch: workflowStarts.evaluateAlerts({}),
      note: 'Opens and resolves alerts by the books of this hour, and has webhooks sent that nobody sends',
    },
    {
      id: 'rollup',
      at: { minute: 0, hour: 3, dayOfMonth: 1 },
      // As long as anybody could be away: a month that was not rolled up is money that nobody asks for.
      catchupWindow: '365 days',
      overlap: 'BUFFER_ONE',
      launch: {
        workflow: 'rollUpPeriod',
        workflowId: 'roll-up',
        taskQueue: taskQueues.billing,
        summary: 'Roll up the month that ended',
        input: {},
      },
      launcher: 'launchRollUp',
      note: 'Makes the invoices of the month that ended, whenever it comes to run: the month is that of its due time',
    },
    {
      id: 'discovery',
      at: { minute: 23, hour: 2 },
      catchupWindow: '1 day',
      overlap: 'BUFFER_ONE',
      launch: workflowStarts.discoverInvoices({ provider }),
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
