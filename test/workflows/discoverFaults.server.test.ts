import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { restateInvoice } from '../../dev/simulator/restatement.ts';
import { type Simulator, startSimulator } from '../../dev/simulator/simulator.ts';
import { workflowIds } from '../../src/workflows/ids.ts';
import type { DiscoverInvoicesResult } from '../../src/workflows/messages.ts';
import { searchAttributes } from '../../src/workflows/searchAttributes.ts';
import { taskQueues } from '../../src/workflows/taskQueues.ts';
import { type AnsweringServer, startAnsweringServer } from '../providers/digitalocean/answeringServer.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { invoiceOf, keepNewestInvoices, simulatedProvider } from '../support/simulator.ts';
import { startTestWorker, type TestWorker } from '../support/worker.ts';
import { retryAtOnce } from './retryAtOnce.ts';

const nothing = /^$/;

/** One story on the newest invoices of the golden account: each test goes on from where the one before it ended. */
describe('discoverInvoices, where the provider fails', () => {
  let database: TestDatabase;
  let simulator: Simulator;
  let gateway: AnsweringServer;
  let worker: TestWorker;
  /** The paths whose requests are answered as if the token were no longer good. */
  let refused = nothing;

  beforeAll(async () => {
    database = await createTestDatabase();
    simulator = await startSimulator();
    keepNewestInvoices(simulator.state.account, 4);
    gateway = await startAnsweringServer((request, response) => {
      if (refused.test(request.url ?? '')) {
        response.writeHead(401, { 'content-type': 'application/json' });
        response.end(JSON.stringify({ id: 'Unauthorized', message: 'Unable to authenticate you' }));
        return;
      }
      void fetch(`${simulator.url}${request.url}`, {
        headers: { authorization: request.headers.authorization ?? '' },
      }).then(async (answer) => {
        response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? '' });
        response.end(await answer.text());
      });
    });
    worker = await startTestWorker({
      appUrl: database.appUrl,
      providers: [simulatedProvider(simulator, { apiUrl: gateway.url })],
      namespace: 'discover-faults',
      queues: [taskQueues.billing],
    });
  }, 60_000);

  afterEach(() => {
    simulator.faults.clear();
    refused = nothing;
  });

  afterAll(async () => {
    await worker?.stop();
    await gateway?.close();
    await simulator?.close();
    await database?.drop();
  });

  async function discover(): Promise<DiscoverInvoicesResult> {
    const handle = await worker.client.workflow.start('discoverInvoices', {
      workflowId: workflowIds.discoverInvoices(),
      taskQueue: taskQueues.billing,
      args: [{ provider: 'digitalocean' }],
    });
    return retryAtOnce(worker.client, handle);
  }

  async function problemOf(workflowId: string): Promise<unknown> {
    const { typedSearchAttributes } = await worker.client.workflow.getHandle(workflowId).describe();
    return typedSearchAttributes.get(searchAttributes.problem);
  }

  /** All invoices as they are stored, newest first. */
  const invoices = () =>
    worker.em().execute<{ month: string; status: string; version: number; amount: string; error: unknown }[]>(
      `select to_char(period_start, 'YYYY-MM') as month, ingest_status as status, version, amount::text, checksum,
         ingested_at::text, error, held_difference::text
       from cloud_invoices order by period_start desc`,
    );
  const versions = async () =>
    (await invoices()).map(({ month, status, version }) => [month, status, version]);

  it('counts entries that it can’t read or does not know, takes the newest of an invoice’s two, and goes on with the rest', async () => {
    const { billingHistory } = simulator.state.account;
    const twice = invoiceOf(simulator.state.account, '2026-01');
    const newest = billingHistory.find((entry) => entry.invoice_uuid === twice.uuid);
    if (newest === undefined) throw new Error('the history has no entry for the invoice');
    billingHistory.push({ ...newest, amount: '1.00', date: '2020-01-01T00:00:00Z' });
    billingHistory.unshift(
      { description: 'a bad amount', amount: '1,234.50', date: '2026-05-01T00:00:00Z', type: 'Invoice' },
      { description: 'a bad date', amount: '1.00', date: 'yesterday', type: 'Invoice' },
      { description: 'a new type', amount: '1.00', date: '2026-05-01T00:00:00Z', type: 'Cashback' },
      { description: 'nothing is right', amount: '', date: '', type: '' },
    );
    expect(await discover()).toMatchObject({
      entries: billingHistory.length,
      invoices: 4,
      newInvoices: 4,
      unidentified: 2,
      unknownTypes: 2,
      ingested: 4,
      held: 0,
      failed: 0,
      unchecked: 0,
    });
    expect(await problemOf('discover-invoices')).toBe('invoice_unidentified');
    expect(await invoices()).toMatchObject([
      { month: '2026-04', status: 'ingested', version: 1 },
      { month: '2026-03', status: 'ingested', version: 1 },
      { month: '2026-02', status: 'ingested', version: 1 },
      { month: '2026-01', status: 'ingested', version: 1, amount: newest.amount },
    ]);
    billingHistory.splice(0, 4);
  });

  it('completes though a web page came once in place of the billing history', async () => {
    simulator.faults.add({ match: { path: '/billing_history$' }, fault: { kind: 'html_page' } });
    expect(await discover()).toMatchObject({
      invoices: 4,
      newInvoices: 0,
      ingestsStarted: 0,
      unidentified: 0,
    });
    expect(simulator.faults.list().map((rule) => rule.hits)).toEqual([1]);
    expect(await problemOf('discover-invoices')).toBeUndefined();
  });

  it('ingests what was restated though the document of another always fails, of which it says that it was not checked', async () => {
    const failing = invoiceOf(simulator.state.account, '2026-04');
    const restated = invoiceOf(simulator.state.account, '2026-03');
    const [first, second] = restated.lines;
    if (first === undefined || second === undefined) throw new Error('the invoice has fewer than two lines');
    first.amountCents += 50;
    second.amountCents -= 50;
    simulator.faults.add({
      match: { path: `/${failing.uuid}/csv$` },
      fault: { kind: 'server_error' },
      times: null,
    });
    expect(await discover()).toMatchObject({ restated: 1, ingested: 1, held: 0, failed: 0, unchecked: 1 });
    expect(simulator.faults.list().map((rule) => rule.hits)).toEqual([4]);
    expect(await problemOf('discover-invoices')).toBe('invoice_unchecked');
    expect(await versions()).toEqual([
      ['2026-04', 'ingested', 1],
      ['2026-03', 'ingested', 2],
      ['2026-02', 'ingested', 1],
      ['2026-01', 'ingested', 1],
    ]);
  });

  it('holds no invoice and changes none that is ingested where the token is refused in the middle', async () => {
    const restated = invoiceOf(simulator.state.account, '2026-02');
    restateInvoice(simulator.state.account, restated.uuid, 125);
    const before = await invoices();
    const check = worker.client.workflow.getHandle(workflowIds.checkClosure('2026-02-01'));
    await check.result();
    const { runId: checked } = await check.describe();
    refused = /\/invoices\/[^/?]+/;
    expect(await discover()).toMatchObject({
      restated: 1,
      ingestsStarted: 1,
      ingested: 0,
      held: 0,
      failed: 1,
      unchecked: 2,
    });
    const ingest = workflowIds.ingestInvoice('digitalocean', restated.uuid);
    expect((await worker.client.workflow.getHandle(ingest).describe()).status.name).toBe('FAILED');
    expect(await problemOf(ingest)).toBe('provider_unauthorized');
    expect(await problemOf('discover-invoices')).toBe('ingest_failed');
    expect(await check.result()).toMatchObject({ period: '2026-02-01' });
    expect((await check.describe()).runId).not.toBe(checked);
    const after = await invoices();
    expect(after.filter(({ month }) => month !== '2026-02')).toEqual(
      before.filter(({ month }) => month !== '2026-02'),
    );
    expect(after.find(({ month }) => month === '2026-02')).toMatchObject({
      status: 'discovered',
      version: 1,
      error: null,
    });

    refused = nothing;
    expect(await discover()).toMatchObject({ ingested: 1, failed: 0, unchecked: 0 });
    expect(await versions()).toContainEqual(['2026-02', 'ingested', 2]);
  });

  it('fails with the Problem of the fault where the token is refused from the start', async () => {
    const before = await invoices();
    refused = /./;
    await expect(discover()).rejects.toThrow('Workflow execution failed');
    expect(await problemOf('discover-invoices')).toBe('provider_unauthorized');
    expect(await invoices()).toEqual(before);
  });
});
