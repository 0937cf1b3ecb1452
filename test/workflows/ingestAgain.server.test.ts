import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { usdOf } from '../../dev/simulator/cents.ts';
import type { Invoice } from '../../dev/simulator/invoice.ts';
import { restateInvoice } from '../../dev/simulator/restatement.ts';
import { type Simulator, startSimulator } from '../../dev/simulator/simulator.ts';
import type { CloudInvoice } from '../../src/entities/cloudInvoice.ts';
import { listInvoiceVersions, readInvoice } from '../../src/services/listInvoices.ts';
import { recordDiscovery } from '../../src/services/recordDiscovery.ts';
import { workflowIds } from '../../src/workflows/ids.ts';
import type { IngestInvoiceResult } from '../../src/workflows/messages.ts';
import { taskQueues } from '../../src/workflows/taskQueues.ts';
import { type Answer, type ApiUnderTest, startApi, tokenFor } from '../api/apiUnderTest.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { invoiceOf, simulatedProvider } from '../support/simulator.ts';
import { startTestWorker, type TestWorker } from '../support/worker.ts';

describe('ingestInvoice, where what it compared changes', () => {
  let database: TestDatabase;
  let simulator: Simulator;
  let worker: TestWorker;
  let api: ApiUnderTest;

  beforeAll(async () => {
    database = await createTestDatabase();
    simulator = await startSimulator();
    const provider = simulatedProvider(simulator);
    worker = await startTestWorker({
      appUrl: database.appUrl,
      providers: [provider],
      namespace: 'ingest-again',
      queues: [taskQueues.billing],
    });
    api = await startApi({
      databaseUrl: database.appUrl,
      temporal: () => worker.client,
      environment: { TEMPORAL_NAMESPACE: worker.namespace },
    });
    await recordDiscovery(worker.em(), {
      provider: provider.name,
      discoveredAt: new Date(),
      history: await Array.fromAsync(provider.billingHistory()),
      periods: await Array.fromAsync(provider.invoicePeriods()),
    });
  }, 60_000);

  afterEach(() => {
    simulator.faults.clear();
  });

  afterAll(async () => {
    await api?.close();
    await worker?.stop();
    await simulator?.close();
    await database?.drop();
  });

  const handleOf = (invoice: Invoice) =>
    worker.client.workflow.getHandle<(input: object) => Promise<IngestInvoiceResult>>(
      workflowIds.ingestInvoice('digitalocean', invoice.uuid),
    );

  async function ingest(invoice: Invoice): Promise<IngestInvoiceResult> {
    await worker.client.workflow.start('ingestInvoice', {
      workflowId: workflowIds.ingestInvoice('digitalocean', invoice.uuid),
      taskQueue: taskQueues.billing,
      args: [{ provider: 'digitalocean', invoiceUuid: invoice.uuid }],
    });
    return handleOf(invoice).result();
  }

  const accept = (invoice: Invoice, difference: string): Promise<Answer> =>
    api.call(`/api/v1/billing/invoices/${invoice.uuid}/accept-difference`, {
      method: 'POST',
      token: tokenFor('platform_admin'),
      body: { difference, reason: 'confirmed by the vendor' },
    });

  async function stored(invoice: Invoice): Promise<CloudInvoice> {
    const row = await readInvoice(worker.em(), invoice.uuid);
    if (row === null) throw new Error(`invoice ${invoice.uuid} was not discovered`);
    return row;
  }

  const versionsOf = async (invoice: Invoice) =>
    (await listInvoiceVersions(worker.em(), (await stored(invoice)).id)).map(({ version, amount }) => [
      version,
      amount,
    ]);

  function itemsOffBy(invoice: Invoice, delta: string): void {
    simulator.faults.clear();
    simulator.faults.add({
      match: { path: `/invoices/${invoice.uuid}$` },
      fault: { kind: 'items_disagree', delta },
      times: null,
    });
  }

  /** Whether a session stands before a lock, of this test's own database; asked outside of any transaction, which would see no change. */
  async function somebodyWaitsForALock(): Promise<void> {
    for (;;) {
      const [row] = await worker.em().execute<{ waiting: number }[]>(
        `select count(*)::int as waiting from pg_stat_activity
         where datname = current_database() and wait_event_type = 'Lock'`,
      );
      if (row !== undefined && row.waiting > 0) return;
      await delay(50);
    }
  }

  /** Ingests while another transaction changes the stated amount, which commits only once the store waits for it. */
  async function ingestWhileAmountChanges(
    invoice: Invoice,
    amount: string,
    beforeCommit: () => void,
  ): Promise<IngestInvoiceResult> {
    let ingested: Promise<IngestInvoiceResult> | undefined;
    await worker.em().transactional(async (transaction) => {
      await transaction.execute('update cloud_invoices set amount = ? where invoice_uuid = ?', [
        amount,
        invoice.uuid,
      ]);
      ingested = ingest(invoice);
      await somebodyWaitsForALock();
      beforeCommit();
    });
    if (ingested === undefined) throw new Error('no ingest was started');
    return ingested;
  }

  const csvReads = (invoice: Invoice) =>
    simulator.state.requests.count(`GET /v2/customers/my/invoices/${invoice.uuid}/csv`);

  it('holds an invoice whose amount a discovery changed while its lines were about to be stored', async () => {
    const invoice = invoiceOf(simulator.state.account, '2025-12');
    const other = usdOf(invoice.amountCents + 100);
    const result = await ingestWhileAmountChanges(invoice, other, () => undefined);
    expect(result).toMatchObject({ outcome: 'held', problem: 'lines_disagree' });
    expect(await stored(invoice)).toMatchObject({
      ingestStatus: 'held',
      amount: other,
      version: 0,
      heldDifference: '1.00',
    });
    expect(await versionsOf(invoice)).toEqual([]);
    expect(csvReads(invoice)).toBe(2);
  });

  it('ingests the restated lines where the amount changed with them, and never the earlier ones', async () => {
    const invoice = invoiceOf(simulator.state.account, '2025-11');
    const restated = usdOf(invoice.amountCents + 125);
    const result = await ingestWhileAmountChanges(invoice, restated, () => {
      restateInvoice(simulator.state.account, invoice.uuid, 125);
    });
    expect(result).toMatchObject({ outcome: 'ingested', version: 1, total: restated });
    expect(await versionsOf(invoice)).toEqual([[1, restated]]);
    expect(csvReads(invoice)).toBe(2);
  });

  it.each([
    ['2025-10', 'items_disagree', ''],
    ['2025-09', 'summary_disagrees', '/summary'],
  ] as const)(
    'holds an invoice in force (%s) when it reads it again and meets %s',
    async (month, kind, part) => {
      const invoice = invoiceOf(simulator.state.account, month);
      expect(await ingest(invoice)).toMatchObject({ outcome: 'ingested', version: 1 });
      const before = await stored(invoice);
      simulator.faults.add({
        match: { path: `/invoices/${invoice.uuid}${part}$` },
        fault: { kind },
        times: null,
      });
      expect(await ingest(invoice)).toMatchObject({ outcome: 'held', problem: kind });
      expect(await stored(invoice)).toMatchObject({
        ingestStatus: 'held',
        version: 1,
        checksum: before.checksum,
        heldDifference: '0.00',
        error: {
          code: kind,
          context: { stated: usdOf(invoice.amountCents), found: usdOf(invoice.amountCents + 1) },
        },
      });

      simulator.faults.clear();
      expect(await ingest(invoice)).toMatchObject({ outcome: 'unchanged', version: 1 });
      expect(await stored(invoice)).toEqual(before);
    },
  );

  it('accepts items that are off by a cent, and not the ones that are off by 500.00 by then', async () => {
    const invoice = invoiceOf(simulator.state.account, '2025-08');
    itemsOffBy(invoice, '0.01');
    expect(await ingest(invoice)).toMatchObject({ outcome: 'held', problem: 'items_disagree' });
    itemsOffBy(invoice, '500.00');
    expect((await accept(invoice, '0.00')).status).toBe(202);
    expect(await handleOf(invoice).result()).toMatchObject({ outcome: 'held', problem: 'items_disagree' });
    expect(await stored(invoice)).toMatchObject({
      ingestStatus: 'held',
      version: 0,
      error: { context: { found: usdOf(invoice.amountCents + 50_000) } },
    });
    expect(await versionsOf(invoice)).toEqual([]);
  });

  it('keeps what an operator accepted for as long as nothing about it changes', async () => {
    const invoice = invoiceOf(simulator.state.account, '2025-07');
    itemsOffBy(invoice, '0.01');
    await ingest(invoice);
    expect((await accept(invoice, '0.00')).status).toBe(202);
    expect(await handleOf(invoice).result()).toMatchObject({ outcome: 'ingested', version: 1 });
    const accepted = await stored(invoice);
    expect(await ingest(invoice)).toMatchObject({ outcome: 'unchanged', version: 1 });
    expect(await stored(invoice)).toEqual(accepted);

    itemsOffBy(invoice, '0.02');
    expect(await ingest(invoice)).toMatchObject({ outcome: 'held', problem: 'items_disagree' });
    expect(await stored(invoice)).toMatchObject({ ingestStatus: 'held', version: 1 });

    // Back to what was accepted.
    itemsOffBy(invoice, '0.01');
    expect(await ingest(invoice)).toMatchObject({ outcome: 'unchanged', version: 1 });
    expect(await stored(invoice)).toEqual(accepted);
  });
});
