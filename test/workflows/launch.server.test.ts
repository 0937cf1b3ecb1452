import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type Simulator, startSimulator } from '../../dev/simulator/simulator.ts';
import { startDiscovery, startIngest } from '../../src/api/startWorkflow.ts';
import { schedulesFor } from '../../src/schedules.ts';
import type { LaunchInput, LaunchResult, SnapshotBalanceResult } from '../../src/workflows/messages.ts';
import { searchAttributes } from '../../src/workflows/searchAttributes.ts';
import { taskQueues } from '../../src/workflows/taskQueues.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { invoiceOf, keepNewestInvoices, simulatedProvider } from '../support/simulator.ts';
import { startTestWorker, type TestWorker } from '../support/worker.ts';

/** Long enough for a second start to meet the first run. */
const slowAnswer = { kind: 'stall', ms: 1_500 } as const;

describe('launch', () => {
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
      namespace: 'launch',
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

  function scheduled(id: string): LaunchInput {
    const definition = schedulesFor('digitalocean').find((schedule) => schedule.id === id);
    if (definition === undefined) throw new Error(`there is no schedule ${id}`);
    return definition.launch;
  }

  const launch = (input: LaunchInput, attempt: number): Promise<LaunchResult> =>
    worker.client.workflow.execute('launch', {
      workflowId: `launch:${input.workflowId}-${attempt}`,
      taskQueue: taskQueues.billing,
      args: [input],
    });

  it('starts the named workflow under its own id, with its summary and time limit, and lets it go on alone', async () => {
    simulator.faults.add({ match: { path: '/balance$' }, fault: slowAnswer });
    expect(await launch(scheduled('balance'), 1)).toEqual({ started: true });
    const handle = worker.client.workflow.getHandle('snapshot-balance');
    const running = await handle.describe();
    expect(running.status.name).toBe('RUNNING');
    expect(await running.staticSummary()).toBe('Snapshot the balance of digitalocean');
    expect(running.taskQueue).toBe('cloud-billing');
    expect(running.raw.executionConfig?.workflowExecutionTimeout?.seconds?.toString()).toBe('3000');

    const snapshot: SnapshotBalanceResult = await handle.result();
    expect(snapshot).toMatchObject({ currency: 'USD', stored: true });
    expect((await handle.describe()).typedSearchAttributes.get(searchAttributes.phase)).toBe('done');
  });

  it('starts one where two schedules fall together, and again once that one is done', async () => {
    simulator.faults.add({ match: { path: '/balance$' }, fault: slowAnswer });
    expect(await launch(scheduled('balance'), 2)).toEqual({ started: true });
    expect(await launch(scheduled('balance'), 3)).toEqual({ started: false });
    const snapshot: SnapshotBalanceResult = await worker.client.workflow
      .getHandle('snapshot-balance')
      .result();
    expect(snapshot.stored).toBe(false);
    expect(simulator.state.requests.count('GET /v2/customers/my/balance')).toBe(1);
    expect(await launch(scheduled('balance'), 4)).toEqual({ started: true });
    await worker.client.workflow.getHandle('snapshot-balance').result();
  });

  it('meets a discovery that the API started, and the API meets one that the schedule started', async () => {
    simulator.faults.add({ match: { path: '/billing_history$' }, fault: slowAnswer });
    const byApi = await startDiscovery(worker.client, 'operator-1');
    expect(byApi.workflowId).toBe('discover-invoices');
    expect(await launch(scheduled('discovery'), 1)).toEqual({ started: false });
    await worker.client.workflow.getHandle('discover-invoices').result();

    simulator.faults.add({ match: { path: '/billing_history$' }, fault: slowAnswer });
    expect(await launch(scheduled('discovery'), 2)).toEqual({ started: true });
    const { runId } = await worker.client.workflow.getHandle('discover-invoices').describe();
    expect(await startDiscovery(worker.client, 'operator-1')).toEqual({
      workflowId: 'discover-invoices',
      runId,
    });
    expect(runId).not.toBe(byApi.runId);
    await worker.client.workflow.getHandle('discover-invoices').result();
  });

  it('ingests an invoice once where the API and a discovery ask at the same time', async () => {
    const { uuid, period } = invoiceOf(simulator.state.account, '2026-04');
    await worker
      .em()
      .execute(`update cloud_invoices set ingest_status = 'discovered' where invoice_uuid = ?`, [uuid]);
    simulator.faults.add({ match: { path: `/${uuid}/summary$` }, fault: { kind: 'stall', ms: 3_000 } });
    const invoice = { provider: 'digitalocean', invoiceUuid: uuid, periodStart: `${period}-01` };
    const byApi = await startIngest(worker.client, invoice);
    expect(byApi?.workflowId).toBe(`ingest-invoice:digitalocean:${uuid}`);
    expect(await startIngest(worker.client, invoice)).toEqual(byApi);
    const accepted = {
      code: 'lines_disagree',
      stated: '1.00',
      found: '0.99',
      difference: '0.01',
      reason: 'as agreed',
      actor: 'operator-1',
    };
    expect(await startIngest(worker.client, invoice, accepted)).toBeUndefined();

    await startDiscovery(worker.client, 'operator-1');
    expect(await worker.client.workflow.getHandle('discover-invoices').result()).toMatchObject({
      ingestsStarted: 0,
      alreadyRunning: 1,
    });
    expect(await worker.client.workflow.getHandle(byApi?.workflowId ?? '').result()).toMatchObject({
      outcome: 'unchanged',
    });
    expect(simulator.state.requests.count(`GET /v2/customers/my/invoices/${uuid}/summary`)).toBe(1);
  });
});
