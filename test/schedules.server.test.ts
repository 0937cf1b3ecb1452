import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type ScheduleDescription, WorkflowNotFoundError } from '@temporalio/client';
import { msToNumber } from '@temporalio/common/lib/time.js';
import { type Simulator, startSimulator } from '../dev/simulator/simulator.ts';
import { type ScheduleDefinition, schedulesFor } from '../src/schedules.ts';
import { ensureSchedules } from '../src/temporalSetup/schedules.ts';
import type { DiscoverInvoicesResult } from '../src/workflows/messages.ts';
import { taskQueues } from '../src/workflows/taskQueues.ts';
import { createTestDatabase, type TestDatabase } from './support/database.ts';
import { keepNewestInvoices, simulatedProvider } from './support/simulator.ts';
import { startTestWorker, type TestWorker } from './support/worker.ts';

const definitions = schedulesFor('digitalocean');
const ids = definitions.map(({ id }) => id);

/** One story: each test goes on from where the one before it ended. */
describe('ensureSchedules', () => {
  let database: TestDatabase;
  let simulator: Simulator;
  let worker: TestWorker;

  beforeAll(async () => {
    database = await createTestDatabase();
    simulator = await startSimulator();
    keepNewestInvoices(simulator.state.account, 1);
    // Without the queues of the syncs: what the schedules start at their own time must not disturb.
    worker = await startTestWorker({
      appUrl: database.appUrl,
      providers: [simulatedProvider(simulator)],
      namespace: 'schedules',
      queues: [taskQueues.billing],
    });
  }, 60_000);

  afterAll(async () => {
    await worker?.stop();
    await simulator?.close();
    await database?.drop();
  });

  const handleOf = (id: string) => worker.client.schedule.getHandle(id);
  const describeAll = (): Promise<ScheduleDescription[]> =>
    Promise.all(ids.map((id) => handleOf(id).describe()));
  const outcomes = async (table: readonly ScheduleDefinition[]) =>
    Object.fromEntries((await ensureSchedules(worker.client, table)).map(({ id, outcome }) => [id, outcome]));
  const all = (outcome: string) => Object.fromEntries(ids.map((id) => [id, outcome]));

  it('creates every schedule that is missing, not paused, with its overlap policy and catch-up window', async () => {
    expect(await outcomes(definitions)).toEqual(all('created'));
    for (const [index, schedule] of (await describeAll()).entries()) {
      const definition = definitions[index];
      expect(schedule.state.paused).toBe(false);
      expect(schedule.policies.overlap).toBe(definition?.overlap);
      expect(schedule.policies.catchupWindow).toBe(msToNumber(definition?.catchupWindow ?? 0));
      expect(schedule.policies.pauseOnFailure).toBe(false);
      expect(schedule.action).toMatchObject({
        type: 'startWorkflow',
        workflowType: definition?.launcher ?? 'launch',
        workflowId: `launch:${definition?.launch.workflowId}`,
        taskQueue: 'cloud-billing',
        args: [definition?.launch],
      });
    }
  });

  it.each([
    { id: 'inventory-fast', at: /T\d\d:15:00/, everyHours: 1 },
    { id: 'inventory-full', at: /T\d\d:15:00/, everyHours: 1 },
    { id: 'inventory-slow', at: /T\d\d:15:00/, everyHours: 1 },
    { id: 'balance', at: /T\d\d:07:00/, everyHours: 1 },
    { id: 'lifecycle', at: /T00:20:00/, everyHours: 24 },
    { id: 'discovery', at: /T02:23:00/, everyHours: 24 },
  ])('$id is due at $at UTC, every $everyHours h', async ({ id, at, everyHours }) => {
    const { nextActionTimes } = (await handleOf(id).describe()).info;
    expect(nextActionTimes.length).toBeGreaterThan(2);
    for (const [index, time] of nextActionTimes.entries()) {
      expect(time.toISOString()).toMatch(at);
      const before = nextActionTimes[index - 1];
      if (before !== undefined) expect(time.getTime() - before.getTime()).toBe(everyHours * 3_600_000);
    }
  });

  it('touches none that is as the table says', async () => {
    const before = await describeAll();
    expect(await outcomes(definitions)).toEqual(all('unchanged'));
    const after = await describeAll();
    expect(before.map(versionOf)).not.toContain('');
    expect(after.map(versionOf)).toEqual(before.map(versionOf));
    expect(after.map(({ info }) => info.lastUpdatedAt)).toEqual(ids.map(() => undefined));
  });

  it('lets two deploys at once create a schedule once', async () => {
    const discovery = definitions.find(({ id }) => id === 'discovery');
    if (discovery === undefined) throw new Error('there is no schedule of the discovery');
    await handleOf('discovery').delete();
    const deploys = await Promise.all([outcomes([discovery]), outcomes([discovery])]);
    expect(deploys.map((deploy) => deploy['discovery']).toSorted()).toEqual(['created', 'unchanged']);
  });

  it('updates the one that differs from the table, and keeps an operator’s pause and note', async () => {
    await handleOf('discovery').pause('while the vendor investigates');
    const later = definitions.map((definition) =>
      definition.id === 'discovery' ? { ...definition, at: { minute: 41, hour: 5 } } : definition,
    );
    expect(await outcomes(later)).toEqual({ ...all('unchanged'), discovery: 'updated' });
    const { state, info } = await handleOf('discovery').describe();
    expect(state).toMatchObject({ paused: true, note: 'while the vendor investigates' });
    expect(info.lastUpdatedAt).toBeInstanceOf(Date);

    await handleOf('discovery').unpause();
    const [next] = (await handleOf('discovery').describe()).info.nextActionTimes;
    expect(next?.toISOString()).toMatch(/T05:41:00/);
    expect(await outcomes(later)).toEqual(all('unchanged'));
  });

  it('starts exactly one run under the process’s own id when it is triggered, through a launcher that says what it did', async () => {
    await handleOf('discovery').trigger();
    expect(await resultOf('discover-invoices')).toMatchObject({ invoices: 1, ingested: 1 });
    expect(simulator.state.requests.count('GET /v2/customers/my/billing_history')).toBe(1);
    const { recentActions } = (await handleOf('discovery').describe()).info;
    expect(recentActions).toHaveLength(1);
    const launcher = recentActions[0]?.action.workflow.workflowId ?? '';
    expect(launcher).toMatch(/^launch:discover-invoices-\d{4}-/);
    expect(await worker.client.workflow.getHandle(launcher).result()).toEqual({ started: true });
  });

  /** Of a workflow that is about to be started by somebody else. */
  async function resultOf(workflowId: string): Promise<DiscoverInvoicesResult> {
    for (;;) {
      try {
        return await worker.client.workflow.getHandle(workflowId).result();
      } catch (error) {
        if (!(error instanceof WorkflowNotFoundError)) throw error;
        await delay(100);
      }
    }
  }
});

/** Changes with each update of a schedule. */
function versionOf({ raw }: ScheduleDescription): string {
  return Buffer.from(raw.conflictToken ?? []).toString('hex');
}
