import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Decimal } from 'decimal.js';
import { bandwidthReading, metricStepSeconds } from '../../dev/simulator/routes/metrics.ts';
import { type Simulator, startSimulator } from '../../dev/simulator/simulator.ts';
import { workflowIds } from '../../src/workflows/ids.ts';
import type { MeasureBandwidthResult } from '../../src/workflows/messages.ts';
import { searchAttributes } from '../../src/workflows/searchAttributes.ts';
import { taskQueues } from '../../src/workflows/taskQueues.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { simulatedProvider } from '../support/simulator.ts';
import { startTestWorker, type TestWorker } from '../support/worker.ts';

const hourSeconds = 3600;

describe('measureBandwidth on the golden account', () => {
  let database: TestDatabase;
  let simulator: Simulator;
  let worker: TestWorker;

  beforeAll(async () => {
    database = await createTestDatabase();
    simulator = await startSimulator();
    worker = await startTestWorker({
      appUrl: database.appUrl,
      providers: [simulatedProvider(simulator)],
      namespace: 'measure-bandwidth',
      queues: [taskQueues.syncFast, taskQueues.syncSlow],
    });
    await worker.client.workflow.execute('syncInventory', {
      workflowId: workflowIds.syncInventory('fast'),
      taskQueue: taskQueues.syncFast,
      args: [{ provider: 'digitalocean', speed: 'fast' }],
    });
  }, 60_000);

  afterEach(() => {
    simulator.faults.clear();
    simulator.state.settings.metricLagSeconds = 0;
  });

  afterAll(async () => {
    await worker?.stop();
    await simulator?.close();
    await database?.drop();
  });

  const start = () =>
    worker.client.workflow.start('measureBandwidth', {
      workflowId: workflowIds.measureBandwidth(),
      taskQueue: taskQueues.syncSlow,
      args: [{ provider: 'digitalocean' }],
    });
  const measure = async (): Promise<MeasureBandwidthResult> => (await start()).result();

  const hoursOf = (droplet: string) =>
    worker.em().execute<{ second: number; bytes: string; covered_seconds: number }[]>(
      `select extract(epoch from hour.hour_start)::int as second, hour.bytes::text, hour.covered_seconds
       from cloud_bandwidth_hours hour join cloud_resources droplet on droplet.id = hour.resource_id
       where droplet.external_id = ? order by hour.hour_start`,
      [droplet],
    );

  /** What the simulator's readings of an hour come to, added up here by hand: each stands for its whole step. */
  function expectedBytes(droplet: string, hour: number): string {
    const series = { host_id: droplet, interface: 'public', direction: 'outbound' };
    let bytes = new Decimal(0);
    for (let second = hour + metricStepSeconds; second <= hour + hourSeconds; second += metricStepSeconds) {
      bytes = bytes.plus(new Decimal(bandwidthReading(series, second)).times(metricStepSeconds * 125_000));
    }
    return bytes.toDecimalPlaces(0, Decimal.ROUND_HALF_UP).toFixed();
  }

  it('leaves hours open that readings are still to come for', async () => {
    simulator.state.settings.metricLagSeconds = 4 * hourSeconds;
    expect(await measure()).toMatchObject({ read: 10, failed: 0, problem: null });
    const hours = await hoursOf('412000105');
    expect(hours).toHaveLength(48);
    expect(hours.slice(-3).map((hour) => hour.covered_seconds)).toEqual([0, 0, 0]);
    expect(hours.slice(0, 40).every((hour) => hour.covered_seconds === hourSeconds)).toBe(true);
  });

  it('reads late readings when they are there, to the byte, and then the same again changes nothing', async () => {
    expect((await measure()).changedHours).toBeGreaterThanOrEqual(30);
    for (const droplet of ['412000105', '412000100']) {
      const hours = await hoursOf(droplet);
      expect(hours.length).toBeGreaterThanOrEqual(48);
      expect(hours.map((hour) => [hour.second, hour.bytes, hour.covered_seconds])).toEqual(
        hours.map((hour) => [hour.second, expectedBytes(droplet, hour.second), hourSeconds]),
      );
    }
    simulator.state.requests.clear();
    // Where the hour has just turned, the run before it left that hour to this one.
    const turned = (await measure()).changedHours;
    expect([0, 10]).toContain(turned);
    const asked = simulator.state.requests.entries.filter(({ path }) => path.endsWith('/droplet/bandwidth'));
    expect(asked).toHaveLength(10);
  });

  it('sets a droplet aside that can not be read, says so, and reads the others', async () => {
    simulator.faults.add({ match: { path: 'bandwidth$' }, fault: { kind: 'html_page' } });
    const handle = await start();
    expect(await handle.result()).toMatchObject({ read: 9, failed: 1, problem: 'provider_bad_answer' });
    const { typedSearchAttributes } = await handle.describe();
    expect(typedSearchAttributes.get(searchAttributes.problem)).toBe('provider_bad_answer');
  });

  it('asks nothing more of a droplet that the provider no longer knows', async () => {
    const { droplets } = simulator.state.account;
    const removed = droplets.splice(0, 1);
    expect(await measure()).toMatchObject({ read: 10, failed: 0, problem: null });
    droplets.unshift(...removed);
  });
});
