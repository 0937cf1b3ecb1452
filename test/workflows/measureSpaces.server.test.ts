import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type Simulator, startSimulator } from '../../dev/simulator/simulator.ts';
import { workflowIds } from '../../src/workflows/ids.ts';
import type { MeasureSpacesInput, MeasureSpacesResult } from '../../src/workflows/messages.ts';
import { searchAttributes } from '../../src/workflows/searchAttributes.ts';
import { taskQueues } from '../../src/workflows/taskQueues.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { simulatedProvider } from '../support/simulator.ts';
import { startTestWorker, type TestWorker } from '../support/worker.ts';
import { retryAtOnce } from './retryAtOnce.ts';

describe('measureSpaces', () => {
  let database: TestDatabase;
  let simulator: Simulator;
  let worker: TestWorker;

  beforeAll(async () => {
    database = await createTestDatabase();
    simulator = await startSimulator();
    worker = await startTestWorker({
      appUrl: database.appUrl,
      providers: [simulatedProvider(simulator)],
      namespace: 'measure-spaces',
      queues: [taskQueues.syncSlow],
    });
  }, 60_000);

  afterEach(() => {
    simulator.faults.clear();
    simulator.state.requests.clear();
  });

  afterAll(async () => {
    await worker?.stop();
    await simulator?.close();
    await database?.drop();
  });

  const start = (input: Partial<MeasureSpacesInput> = {}) =>
    worker.client.workflow.start('measureSpaces', {
      workflowId: workflowIds.measureSpaces(),
      taskQueue: taskQueues.syncSlow,
      args: [{ provider: 'digitalocean', ...input }],
    });
  const measure = async (input: Partial<MeasureSpacesInput> = {}): Promise<MeasureSpacesResult> =>
    (await start(input)).result();

  async function addBucket(name: string, sizes: readonly number[]): Promise<void> {
    simulator.state.account.buckets.push({
      name,
      region: 'syd1',
      createdAt: '2026-05-01T00:00:00Z',
      objects: sizes.map((size, index) => ({
        key: `object ${index}`,
        size,
        modifiedAt: '2026-05-02T00:00:00Z',
      })),
    });
    await worker.client.workflow.execute('syncInventory', {
      workflowId: workflowIds.syncInventory('slow'),
      taskQueue: taskQueues.syncSlow,
      args: [{ provider: 'digitalocean', speed: 'slow' }],
    });
    simulator.state.requests.clear();
  }

  const measurements = () =>
    worker.em().execute(
      `select bucket.name, usage.bytes::text, usage.objects::text, usage.measured_on = (now() at time zone 'UTC')::date as today
       from cloud_spaces_usage usage join cloud_resources bucket on bucket.id = usage.resource_id order by bucket.name`,
    );
  const listingsOf = (bucket: string) =>
    simulator.state.requests.entries
      .filter(({ path }) => path.startsWith(`/s3/syd1/${bucket}`))
      .map(({ query, status }) => [new URLSearchParams(query).get('continuation-token'), status]);

  it('adds up every object of every bucket, by as many activities as it takes, once a day', async () => {
    await addBucket('big', [...Array.from({ length: 2500 }, () => 3), 9_007_199_254_740_991]);
    expect(await measure({ pagesAtOnce: 1 })).toEqual({ measured: 2, failed: 0, problem: null });
    expect(await measurements()).toEqual([
      { name: 'arcadia-exports', bytes: String(6 * 1_048_576), objects: '3', today: true },
      { name: 'big', bytes: '9007199254748491', objects: '2501', today: true },
    ]);
    expect(listingsOf('big')).toEqual([
      [null, 200],
      ['1000', 200],
      ['2000', 200],
    ]);
    simulator.state.requests.clear();
    expect(await measure()).toEqual({ measured: 0, failed: 0, problem: null });
    expect(simulator.state.requests.entries).toEqual([]);
  });

  it('goes on at the page where an attempt was broken off', async () => {
    await addBucket(
      'steady',
      Array.from({ length: 2600 }, () => 1),
    );
    simulator.faults.add({ match: { path: '/steady/?$' }, skip: 2, fault: { kind: 'server_error' } });
    expect(await retryAtOnce(worker.client, await start())).toMatchObject({ measured: 1, failed: 0 });
    expect(listingsOf('steady')).toEqual([
      [null, 200],
      ['1000', 200],
      ['2000', 500],
      ['2000', 200],
    ]);
    expect(await measurements()).toContainEqual({
      name: 'steady',
      bytes: '2600',
      objects: '2600',
      today: true,
    });
  });

  it('sets a bucket aside that can not be read, says so, and measures it the next time', async () => {
    await addBucket('a-broken', [1, 2]);
    await addBucket('z-whole', [4]);
    simulator.faults.add({ match: { path: '/a-broken/?$' }, fault: { kind: 'html_page' }, times: null });
    const handle = await start();
    expect(await handle.result()).toEqual({ measured: 1, failed: 1, problem: 'provider_bad_answer' });
    const { typedSearchAttributes } = await handle.describe();
    expect(typedSearchAttributes.get(searchAttributes.problem)).toBe('provider_bad_answer');

    simulator.faults.clear();
    expect(await measure()).toEqual({ measured: 1, failed: 0, problem: null });
    expect(await measurements()).toContainEqual({ name: 'a-broken', bytes: '3', objects: '2', today: true });
  });
});
