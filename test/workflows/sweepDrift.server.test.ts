import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type Simulator, startSimulator } from '../../dev/simulator/simulator.ts';
import { resourceKinds, type SyncSpeed, syncSpeeds } from '../../src/domain/resourceKind.ts';
import { acceptDrifts } from '../../src/services/drift/acceptDrift.ts';
import { workflowIds } from '../../src/workflows/ids.ts';
import type { SweepDriftInput, SweepDriftResult } from '../../src/workflows/messages.ts';
import { searchAttributes } from '../../src/workflows/searchAttributes.ts';
import { syncQueues, taskQueues } from '../../src/workflows/taskQueues.ts';
import { admin } from '../services/invoiceWorld.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { simulatedProvider } from '../support/simulator.ts';
import { startTestWorker, type TestWorker } from '../support/worker.ts';
import { retryAtOnce } from './retryAtOnce.ts';

/** One story on the golden account: each test goes on from where the one before it ended. */
describe('sweepDrift on the golden account', () => {
  let database: TestDatabase;
  let simulator: Simulator;
  let worker: TestWorker;

  beforeAll(async () => {
    database = await createTestDatabase();
    simulator = await startSimulator();
    worker = await startTestWorker({
      appUrl: database.appUrl,
      providers: [simulatedProvider(simulator)],
      namespace: 'sweep-drift',
      queues: [...Object.values(syncQueues), taskQueues.provisioning],
    });
  }, 60_000);

  afterEach(() => {
    simulator.faults.clear();
  });

  afterAll(async () => {
    await worker?.stop();
    await simulator?.close();
    await database?.drop();
  });

  const sync = async (speed: SyncSpeed) => {
    const handle = await worker.client.workflow.start('syncInventory', {
      workflowId: workflowIds.syncInventory(speed),
      taskQueue: syncQueues[speed],
      args: [{ provider: 'digitalocean', speed }],
    });
    return retryAtOnce(worker.client, handle);
  };
  const start = (input: Partial<SweepDriftInput> = {}) =>
    worker.client.workflow.start('sweepDrift', {
      workflowId: workflowIds.sweepDrift(),
      taskQueue: taskQueues.provisioning,
      args: [{ provider: 'digitalocean', ...input }],
    });
  async function sweep(input?: Partial<SweepDriftInput>) {
    const handle = await start(input);
    const result: SweepDriftResult = await retryAtOnce(worker.client, handle);
    const { typedSearchAttributes } = await handle.describe();
    const { events = [] } = await handle.fetchHistory();
    return {
      result,
      kinds: new Map(result.kinds.map((kind) => [kind.kind, kind])),
      opened: result.kinds.reduce((total, { opened }) => total + opened, 0),
      problem: typedSearchAttributes.get(searchAttributes.problem),
      activities: (events ?? []).flatMap(
        (event) => event.activityTaskScheduledEventAttributes?.activityType?.name ?? [],
      ),
    };
  }
  const open = () =>
    worker.em().execute<{ id: string; name: string; type: string }[]>(
      `select drift.id, resource.name, drift.type, drift.field, drift.desired, drift.actual, drift.price_monthly::text as price,
         drift.price_source
       from cloud_drift drift join cloud_resources resource on resource.id = drift.resource_id
       where drift.state = 'open' order by resource.name`,
    );
  const app = () => {
    const droplet = simulator.state.account.droplets.find(({ name }) => name === 'pilot-app-1');
    if (droplet === undefined) throw new Error('the golden account has no pilot-app-1');
    return droplet;
  };

  it('says of each kind that was never listed that it is unknown, and sweeps the others', async () => {
    await sync('fast');
    const { result, kinds, problem } = await sweep();
    expect(result.kinds.map(({ kind }) => kind)).toEqual(resourceKinds);
    expect(kinds.get('droplet')).toMatchObject({ state: 'swept', resources: 10, problem: null });
    expect(kinds.get('database')).toMatchObject({
      state: 'unknown',
      resources: 0,
      problem: 'never_listed',
      reason: expect.stringContaining('database was never listed'),
    });
    expect(problem).toBe('kind_unknown');
  });

  it('finds all that nobody asked for, prices it by the provider\u2019s sizes, and nothing more once it is accepted', async () => {
    for (const speed of syncSpeeds) await sync(speed);
    const first = await sweep();
    expect(first.problem).toBeUndefined();
    const drifts = await open();
    expect(new Set(drifts.map(({ type }) => type))).toEqual(new Set(['unmanaged']));
    expect(drifts.find(({ name }) => name === 'pilot-app-1')).toMatchObject({
      price: '6',
      price_source: 'list_price',
    });
    await acceptDrifts(
      worker.em(),
      drifts.map(({ id }) => id),
      { actor: admin, now: new Date(), reason: 'as found' },
    );
    const second = await sweep();
    expect([second.opened, await open()]).toEqual([0, []]);
  });

  it('finds exactly what was resized behind its back, and what it costs more', async () => {
    const droplet = app();
    droplet.size_slug = 's-2vcpu-2gb';
    await sync('fast');
    expect(await sweep()).toMatchObject({ opened: 1, problem: undefined });
    expect(await open()).toMatchObject([
      {
        name: 'pilot-app-1',
        type: 'field',
        field: 'size_slug',
        desired: 's-1vcpu-1gb',
        actual: 's-2vcpu-2gb',
        price: '12',
        price_source: 'list_price',
      },
    ]);
  });

  it('takes nothing for missing while its listing fails, and says which kind and why', async () => {
    simulator.faults.add({ match: { path: '/droplets$' }, fault: { kind: 'html_page' }, times: null });
    await sync('fast');
    const before = await open();
    const { kinds, problem } = await sweep();
    expect(kinds.get('droplet')).toMatchObject({ state: 'unknown', opened: 0, stale: 0 });
    expect(kinds.get('volume')).toMatchObject({ state: 'swept' });
    expect(problem).toBe('kind_unknown');
    expect(await open()).toEqual(before);
    simulator.faults.clear();
    await sync('fast');
  });

  it('goes on with the sizes that it knows where the provider does not tell them, and says so', async () => {
    simulator.faults.add({ match: { path: '/sizes$' }, fault: { kind: 'html_page' }, times: null });
    const { result, problem } = await sweep();
    expect(result.sizes).toEqual({ listed: null, problem: expect.any(String) });
    expect(problem).toBe(result.sizes.problem);
    expect(await open()).toMatchObject([{ price: '12' }]);
  });

  it('goes through a kind by batches, and after a continue-as-new from where it was', async () => {
    const { kinds, activities } = await sweep({ batchSize: 4 });
    expect(kinds.get('droplet')?.resources).toBe(10);
    expect(activities.filter((name) => name === 'sweepDriftBatch').length).toBeGreaterThanOrEqual(
      resourceKinds.length + 2,
    );

    const done = [...kinds.values()].filter(({ kind }) => kind !== 'droplet' && kind !== 'volume');
    const droplets = kinds.get('droplet');
    if (droplets === undefined) throw new Error('droplets were not swept');
    const last =
      simulator.state.account.droplets
        .map(({ id }) => String(id))
        .toSorted()
        .at(-2) ?? '';
    const rest = await sweep({
      carried: {
        result: { sizes: { listed: 3, problem: null }, kinds: done },
        current: { kind: 'droplet', swept: droplets, after: last },
      },
    });
    expect(rest.activities).toEqual(['sweepDriftBatch', 'sweepDriftBatch']);
    expect(rest.kinds.get('droplet')?.resources).toBe(11);
    expect(rest.result.kinds).toHaveLength(resourceKinds.length);
  });
});
