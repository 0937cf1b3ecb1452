import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Simulator, startSimulator } from '../../dev/simulator/simulator.ts';
import { addDays, daysBetween } from '../../src/domain/calendar.ts';
import { recordUnknownKind } from '../../src/services/recordInventory.ts';
import { workflowIds } from '../../src/workflows/ids.ts';
import type { MeterUsageInput, MeterUsageResult } from '../../src/workflows/messages.ts';
import { searchAttributes } from '../../src/workflows/searchAttributes.ts';
import { taskQueues } from '../../src/workflows/taskQueues.ts';
import { type Metering, meteringIn } from '../services/meteringWorld.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { simulatedProvider } from '../support/simulator.ts';
import { startTestWorker, type TestWorker } from '../support/worker.ts';

/** One story on the golden account: each test goes on from where the one before it ended. */
describe('meterUsage on the golden account', () => {
  let database: TestDatabase;
  let simulator: Simulator;
  let worker: TestWorker;
  let meters: Metering;
  let deployment: string;
  const today = () => new Date().toISOString().slice(0, 10);
  const first = addDays(today(), -20);

  beforeAll(async () => {
    database = await createTestDatabase();
    simulator = await startSimulator();
    worker = await startTestWorker({
      appUrl: database.appUrl,
      providers: [simulatedProvider(simulator)],
      namespace: 'meter-usage',
      queues: [taskQueues.syncFast, taskQueues.metering],
    });
    await sync();
    meters = meteringIn(worker);
    deployment = await meters.deployment();
    await meters.attach('droplet', '412000105', deployment, `${first}T00:00:00Z`);
  }, 60_000);

  afterAll(async () => {
    await worker?.stop();
    await simulator?.close();
    await database?.drop();
  });

  const sync = () =>
    worker.client.workflow.execute('syncInventory', {
      workflowId: workflowIds.syncInventory('fast'),
      taskQueue: taskQueues.syncFast,
      args: [{ provider: 'digitalocean', speed: 'fast' }],
    });
  const start = (input: MeterUsageInput = {}) =>
    worker.client.workflow.start('meterUsage', {
      workflowId: workflowIds.meterUsage(),
      taskQueue: taskQueues.metering,
      args: [input],
    });
  const meter = async (input?: MeterUsageInput): Promise<MeterUsageResult> => (await start(input)).result();
  const nothing = { added: 0, removed: 0, unknown: 0, firstUnknown: null };

  it('meters every day since the first that somebody had something, some days at a time', async () => {
    const handle = await start();
    const result: MeterUsageResult = await handle.result();
    expect(result).toMatchObject({ ...nothing, added: daysBetween(first, today()) + 1 });
    const [days] = await meters.days('droplet_hours', deployment);
    expect(Object.entries(days ?? {}).slice(0, 20)).toEqual(
      Array.from({ length: 20 }, (_, index) => [addDays(first, index), '86400']),
    );
    const states = await meters.states('droplet_hours');
    expect(Object.values(states)).toEqual([...Array.from({ length: 20 }, () => 'closed'), 'open']);
    const { events } = await handle.fetchHistory();
    const names = events?.flatMap(
      (event) => event.activityTaskScheduledEventAttributes?.activityType?.name ?? [],
    );
    expect(names).toEqual(['findDaysToMeter', 'meterDays', 'meterDays', 'meterDays']);
    expect((await handle.describe()).typedSearchAttributes.get(searchAttributes.problem)).toBeUndefined();
  });

  it('then has the running day to do, and a closed one only where it is asked for', async () => {
    await worker.em().execute(`update metered_usage set quantity = 1 where day = ?`, [first]);
    expect(await meter()).toMatchObject(nothing);
    expect((await meters.days('droplet_hours', deployment))[0]?.[first]).toBe('1');
    expect(await meter({ days: [{ from: first, until: addDays(first, 2) }] })).toEqual({
      ...nothing,
      changed: 1,
    });
    expect((await meters.days('droplet_hours', deployment))[0]?.[first]).toBe('86400');
  });

  it('says which day is unknown and why, and closes it once it is known', async () => {
    const yesterday = addDays(today(), -1);
    await recordUnknownKind(worker.em(), {
      provider: 'digitalocean',
      kind: 'droplet',
      attemptedAt: new Date(),
      code: 'provider_unavailable',
      message: 'it is away',
    });
    await worker
      .em()
      .execute(`update cloud_inventory_listings set complete_at = ?::timestamptz where kind = 'droplet'`, [
        `${yesterday}T12:00:00Z`,
      ]);
    const handle = await start({ days: [{ from: yesterday, until: today() }] });
    expect(await handle.result()).toMatchObject({
      unknown: 2,
      firstUnknown: {
        day: yesterday,
        resourceKind: 'bandwidth_gb',
        reason: expect.stringMatching(/^listing_incomplete:/),
      },
    });
    expect((await handle.describe()).typedSearchAttributes.get(searchAttributes.problem)).toBe(
      'usage_unknown',
    );
    expect((await meters.states('droplet_hours'))[yesterday]).toBe('unknown listing_incomplete');

    await sync();
    expect(await meter()).toMatchObject({ unknown: 0, firstUnknown: null });
    expect((await meters.states('droplet_hours'))[yesterday]).toBe('closed');
  });
});
