import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { restateInvoice } from '../../dev/simulator/restatement.ts';
import { type Simulator, startSimulator } from '../../dev/simulator/simulator.ts';
import { parseDecimal, sum } from '../../src/domain/money.ts';
import { listCostLines } from '../../src/services/listCostLines.ts';
import { listInvoiceVersions, readInvoice } from '../../src/services/listInvoices.ts';
import { workflowIds } from '../../src/workflows/ids.ts';
import type { DiscoverInvoicesResult, SyncInventoryResult } from '../../src/workflows/messages.ts';
import { searchAttributes } from '../../src/workflows/searchAttributes.ts';
import { taskQueues } from '../../src/workflows/taskQueues.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { invoiceOf, simulatedProvider } from '../support/simulator.ts';
import { startTestWorker, type TestWorker } from '../support/worker.ts';

const billing = '/v2/customers/my';

/** One story on the golden account: each test goes on from where the one before it ended. */
describe('discoverInvoices on the golden account', () => {
  let database: TestDatabase;
  let simulator: Simulator;
  let worker: TestWorker;

  beforeAll(async () => {
    database = await createTestDatabase();
    simulator = await startSimulator();
    worker = await startTestWorker({
      appUrl: database.appUrl,
      providers: [simulatedProvider(simulator)],
      namespace: 'discover-invoices',
    });
  }, 60_000);

  afterAll(async () => {
    await worker?.stop();
    await simulator?.close();
    await database?.drop();
  });

  const discover = (): Promise<DiscoverInvoicesResult> =>
    worker.client.workflow.execute('discoverInvoices', {
      workflowId: workflowIds.discoverInvoices(),
      taskQueue: taskQueues.billing,
      args: [{ provider: 'digitalocean' }],
    });

  it('finds all 137 invoices back to December 2014, though an entry arrives while the pages are read, and ingests each', async () => {
    const sync: SyncInventoryResult = await worker.client.workflow.execute('syncInventory', {
      workflowId: workflowIds.syncInventory('fast'),
      taskQueue: taskQueues.syncFast,
      args: [{ provider: 'digitalocean', speed: 'fast' }],
    });
    expect(sync.kinds.find((kind) => kind.kind === 'droplet')).toMatchObject({ state: 'fresh', live: 10 });
    simulator.faults.add({
      match: { path: '/billing_history$' },
      fault: { kind: 'shifting_pages', change: 'insert' },
    });

    expect(await discover()).toEqual({
      entries: 240,
      invoices: 137,
      newInvoices: 137,
      restated: 0,
      unknownTypes: 0,
      unidentified: 0,
      ingestsStarted: 137,
      ingested: 137,
      held: 0,
      alreadyRunning: 0,
      failed: 0,
      stillRunning: 0,
      unchecked: 0,
    });
    simulator.faults.clear();
    const [oldest] = await worker
      .em()
      .execute(`select min(period_start)::text as period, count(*)::int as invoices from cloud_invoices`);
    expect(oldest).toEqual({ period: '2014-12-01', invoices: 137 });
  }, 120_000);

  it('reconciles every invoice: the lines in force add up to the amount, which is what the provider states', async () => {
    const rows = await worker.em().execute<{ invoice_uuid: string; amount: string; lines: string }[]>(
      `select invoice.invoice_uuid, invoice.amount::text, sum(line.billed_cost)::text as lines
       from cloud_invoices invoice
       join cloud_invoice_versions version on version.invoice_id = invoice.id and version.version = invoice.version
       join cloud_cost_lines line on line.version_id = version.id
       where invoice.ingest_status = 'ingested' and version.line_count = invoice.line_count
       group by invoice.id`,
    );
    const stated = new Map(
      simulator.state.account.billingHistory.flatMap((entry) =>
        entry.invoice_uuid === undefined ? [] : [[entry.invoice_uuid, entry.amount] as const],
      ),
    );
    expect(rows).toHaveLength(137);
    expect(rows.filter((row) => !parseDecimal(row.lines).equals(row.amount))).toEqual([]);
    expect(
      rows.filter((row) => !parseDecimal(row.amount).equals(stated.get(row.invoice_uuid) ?? 'NaN')),
    ).toEqual([]);
  });

  it('has 33 lines and 86.92 USD for April 2026, and 6 of the lines match a current resource', async () => {
    const { lines, byOutcome } = await listCostLines(
      worker.em(),
      { period: '2026-04-01' },
      { limit: 50, after: undefined },
    );
    expect(lines).toHaveLength(33);
    expect(sum(byOutcome.map((outcome) => parseDecimal(outcome.total))).toFixed()).toBe('86.92');
    expect(new Set(lines.flatMap((line) => line.resource ?? [])).size).toBe(6);
    expect(Object.fromEntries(byOutcome.map((total) => [total.outcome, total.count]))).toEqual({
      matched_by_id: 6,
      shared: 1,
      tax: 1,
      credit: 1,
      unmatched: 24,
    });
  });

  it('runs more than one ingest at once and never more than 8', async () => {
    const spans = await closedIngests(137);
    const busiest = Math.max(
      ...spans.map(({ start }) => spans.filter((other) => other.start <= start && start < other.end).length),
    );
    expect(busiest).toBeGreaterThan(1);
    expect(busiest).toBeLessThanOrEqual(8);
  });

  it('shows an operator what each ingest is about: summary, period, invoice, phase', async () => {
    const { uuid } = invoiceOf(simulator.state.account, '2026-04');
    const handle = worker.client.workflow.getHandle(workflowIds.ingestInvoice('digitalocean', uuid));
    const description = await handle.describe();
    expect(await description.staticSummary()).toBe('Ingest the digitalocean invoice of 2026-04');
    expect(description.taskQueue).toBe(taskQueues.billing);
    expect(description.parentExecution?.workflowId).toBe('discover-invoices');
    const attributes = description.typedSearchAttributes;
    expect(attributes.get(searchAttributes.period)).toBe('2026-04-01');
    expect(attributes.get(searchAttributes.providerInvoice)).toBe(uuid);
    expect(attributes.get(searchAttributes.phase)).toBe('done');
    expect(attributes.get(searchAttributes.problem)).toBeUndefined();
  });

  it('starts no ingest the second time, and reads only the lines of the newest two months again', async () => {
    simulator.state.requests.clear();
    expect(await discover()).toMatchObject({ invoices: 137, newInvoices: 0, restated: 0, ingestsStarted: 0 });
    const newest = ['2026-04', '2026-03'].map((month) => invoiceOf(simulator.state.account, month).uuid);
    expect(simulator.state.requests.counts()).toEqual({
      [`GET ${billing}/billing_history`]: 2,
      [`GET ${billing}/invoices`]: 1,
      ...Object.fromEntries(newest.map((uuid) => [`GET ${billing}/invoices/${uuid}/csv`, 1])),
    });
    expect(await worker.client.workflow.count(`WorkflowType = 'ingestInvoice'`)).toMatchObject({
      count: 137,
    });
  });

  it('ingests a restated invoice as a new version, and both versions stay readable with their lines', async () => {
    const { uuid } = invoiceOf(simulator.state.account, '2019-05');
    const before = await readInvoice(worker.em(), uuid);
    restateInvoice(simulator.state.account, uuid, 125);
    expect(await discover()).toMatchObject({ restated: 1, ingestsStarted: 1, ingested: 1, held: 0 });

    const after = await readInvoice(worker.em(), uuid);
    if (before === null || after === null) throw new Error('the invoice is not there');
    expect(parseDecimal(after.amount).minus(before.amount).toFixed(2)).toBe('1.25');
    expect(after).toMatchObject({ ingestStatus: 'ingested', version: 2 });
    const versions = await listInvoiceVersions(worker.em(), after.id);
    expect(versions.map(({ version, amount }) => ({ version, amount }))).toEqual([
      { version: 2, amount: after.amount },
      { version: 1, amount: before.amount },
    ]);
    expect(versions.map((version) => version.supersededAt === null)).toEqual([true, false]);
    for (const version of versions) {
      const { byOutcome, lines } = await listCostLines(
        worker.em(),
        { period: '2019-05-01', invoiceUuid: uuid, version: version.version },
        { limit: 200, after: undefined },
      );
      expect(lines).toHaveLength(version.lineCount);
      expect(sum(byOutcome.map((outcome) => parseDecimal(outcome.total))).equals(version.amount)).toBe(true);
    }
  });

  it('finds lines of the newest two months that were restated under the same amount', async () => {
    const invoice = invoiceOf(simulator.state.account, '2026-03');
    const [first, second] = invoice.lines;
    if (first === undefined || second === undefined) throw new Error('the invoice has fewer than two lines');
    first.amountCents += 50;
    second.amountCents -= 50;
    expect(await discover()).toMatchObject({ newInvoices: 0, restated: 1, ingestsStarted: 1, ingested: 1 });
    expect(await readInvoice(worker.em(), invoice.uuid)).toMatchObject({
      version: 2,
      ingestStatus: 'ingested',
    });
    expect(await discover()).toMatchObject({ restated: 0, ingestsStarted: 0 });
  });

  it('holds a recent invoice whose document no longer reads, keeps its version in force, and goes on with the others', async () => {
    const broken = invoiceOf(simulator.state.account, '2026-04').uuid;
    const restated = invoiceOf(simulator.state.account, '2018-02').uuid;
    restateInvoice(simulator.state.account, restated, -10);
    simulator.faults.add({
      match: { path: `/${broken}/csv$` },
      fault: { kind: 'html_page' },
      times: null,
    });
    expect(await discover()).toMatchObject({ ingestsStarted: 2, ingested: 1, held: 1 });
    expect(await readInvoice(worker.em(), broken)).toMatchObject({
      ingestStatus: 'held',
      version: 1,
      error: { code: 'invoice_not_csv' },
    });
    expect(await readInvoice(worker.em(), restated)).toMatchObject({ ingestStatus: 'ingested', version: 2 });

    simulator.faults.clear();
    expect(await discover()).toMatchObject({ ingestsStarted: 1, ingested: 1, held: 0 });
    expect(await readInvoice(worker.em(), broken)).toMatchObject({
      ingestStatus: 'ingested',
      version: 1,
      error: null,
    });
  });

  /** Start and end of each ingest, in milliseconds, once visibility shows all of them. */
  async function closedIngests(expected: number): Promise<{ start: number; end: number }[]> {
    for (;;) {
      const spans: { start: number; end: number }[] = [];
      const list = worker.client.workflow.list({
        query: `WorkflowType = 'ingestInvoice' and ExecutionStatus = 'Completed'`,
      });
      for await (const { startTime, closeTime } of list) {
        if (closeTime !== undefined) spans.push({ start: startTime.getTime(), end: closeTime.getTime() });
      }
      if (spans.length >= expected) return spans;
      await delay(100);
    }
  }
});
