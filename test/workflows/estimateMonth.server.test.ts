import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { usdOf } from '../../dev/simulator/cents.ts';
import { type Simulator, startSimulator } from '../../dev/simulator/simulator.ts';
import { readCostEstimates } from '../../src/services/readCostEstimates.ts';
import { workflowIds } from '../../src/workflows/ids.ts';
import type { EstimateMonthResult } from '../../src/workflows/messages.ts';
import { taskQueues } from '../../src/workflows/taskQueues.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { keepNewestInvoices, simulatedProvider } from '../support/simulator.ts';
import { startTestWorker, type TestWorker } from '../support/worker.ts';
import { retryAtOnce } from './retryAtOnce.ts';

const items = 'GET /v2/customers/my/invoices/preview';

describe('estimateMonth on the golden account', () => {
  let database: TestDatabase;
  let simulator: Simulator;
  let worker: TestWorker;

  beforeAll(async () => {
    database = await createTestDatabase();
    simulator = await startSimulator();
    keepNewestInvoices(simulator.state.account, 2);
    worker = await startTestWorker({
      appUrl: database.appUrl,
      providers: [simulatedProvider(simulator)],
      namespace: 'estimate-month',
      queues: [taskQueues.syncFast, taskQueues.billing],
    });
    await worker.client.workflow.execute('syncInventory', {
      workflowId: workflowIds.syncInventory('fast'),
      taskQueue: taskQueues.syncFast,
      args: [{ provider: 'digitalocean', speed: 'fast' }],
    });
  }, 60_000);

  afterAll(async () => {
    await worker?.stop();
    await simulator?.close();
    await database?.drop();
  });

  const start = () =>
    worker.client.workflow.start('estimateMonth', {
      workflowId: workflowIds.estimateMonth(),
      taskQueue: taskQueues.billing,
      args: [{ provider: 'digitalocean' }],
    });
  const estimate = async (): Promise<EstimateMonthResult> => (await start()).result();
  const read = async (period: string) => (await readCostEstimates(worker.em(), { period, limit: 50 }))[0];

  it('keeps the running month, matched to its ten droplets by id, and reads the lines once a day only', async () => {
    const { preview } = simulator.state.account;
    expect(await estimate()).toEqual({
      estimate: {
        period: '2026-05-01',
        amount: usdOf(preview.amountCents),
        currency: 'USD',
        estimatedAt: '2026-05-28T06:00:00.000Z',
        stored: true,
        lines: 11,
      },
    });
    const found = await read('2026-05-01');
    expect(found).toMatchObject({ resources: 10, unexplained: '0.00', supersededBy: null });
    expect(found?.byResource.map(({ externalId }) => externalId).toSorted()).toEqual(
      simulator.state.account.droplets.map(({ id }) => String(id)).toSorted(),
    );
    simulator.state.requests.clear();
    expect((await estimate()).estimate).toMatchObject({ stored: false, lines: 0 });
    expect(simulator.state.requests.count(items)).toBe(0);
  });

  it('takes the next one whole, also where an attempt at reading it broke off', async () => {
    const { preview } = simulator.state.account;
    preview.amountCents += 100;
    preview.lines.push({
      product: 'Volumes',
      groupDescription: '',
      description: 'data-syd1 (40 GB)',
      hours: '10',
      start: '2026-05-28 00:00:00 +0000',
      end: '2026-05-28 10:00:00 +0000',
      amountCents: 100,
      projectName: '',
      category: 'iaas',
      resourceId: '',
      resourceUuid: String(simulator.state.account.volumes[0]?.id),
    });
    Object.assign(preview, { updatedAt: '2026-05-29T06:00:00Z' });
    simulator.faults.add({
      match: { path: '/invoices/preview$' },
      fault: { kind: 'truncated_json' },
    });
    const result: EstimateMonthResult = await retryAtOnce(worker.client, await start());
    expect(result.estimate).toMatchObject({ stored: true, lines: 12 });
    const found = await read('2026-05-01');
    expect(found?.byResource).toContainEqual(
      expect.objectContaining({ kind: 'volume', name: 'data-syd1', amount: '1' }),
    );
    expect(found?.trend).toHaveLength(2);
  });

  it('gives way to the invoice of its month, and no cost line comes of it', async () => {
    Object.assign(simulator.state.account.preview, { period: '2026-04', updatedAt: '2026-04-30T06:00:00Z' });
    await estimate();
    expect(await read('2026-04-01')).toMatchObject({ supersededBy: null });
    await worker.client.workflow.execute('discoverInvoices', {
      workflowId: workflowIds.discoverInvoices(),
      taskQueue: taskQueues.billing,
      args: [{ provider: 'digitalocean' }],
    });
    expect(await read('2026-04-01')).toMatchObject({
      supersededBy: { invoiceUuid: '51b1cfdf-c111-5299-b335-61d3481261aa', amount: '86.92', currency: 'USD' },
    });
    const [lines] = await worker
      .em()
      .execute(
        `select count(*)::int as lines, sum(billed_cost)::text as total from cloud_cost_lines where period_start = '2026-04-01'`,
      );
    expect(lines).toEqual({ lines: 33, total: '86.92' });
  });
});
