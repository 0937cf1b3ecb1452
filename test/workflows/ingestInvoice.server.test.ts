import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { usdOf } from '../../dev/simulator/cents.ts';
import type { FaultRuleInput } from '../../dev/simulator/faults.ts';
import type { Invoice } from '../../dev/simulator/invoice.ts';
import { type Simulator, startSimulator } from '../../dev/simulator/simulator.ts';
import { parseDecimal } from '../../src/domain/money.ts';
import type { CloudInvoice } from '../../src/entities/cloudInvoice.ts';
import type { Provider } from '../../src/providers/provider.ts';
import { listAudit } from '../../src/services/listAudit.ts';
import { listCostLines } from '../../src/services/listCostLines.ts';
import { readInvoice } from '../../src/services/listInvoices.ts';
import { recordDiscovery } from '../../src/services/recordDiscovery.ts';
import { workflowIds } from '../../src/workflows/ids.ts';
import type { IngestInvoiceInput, IngestInvoiceResult } from '../../src/workflows/messages.ts';
import { searchAttributes } from '../../src/workflows/searchAttributes.ts';
import { taskQueues } from '../../src/workflows/taskQueues.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { invoiceOf, simulatedProvider } from '../support/simulator.ts';
import { startTestWorker, type TestWorker } from '../support/worker.ts';

const timeoutMs = 2_000;

describe('ingestInvoice', () => {
  let database: TestDatabase;
  let simulator: Simulator;
  let worker: TestWorker;

  beforeAll(async () => {
    database = await createTestDatabase();
    simulator = await startSimulator();
    const provider = simulatedProvider(simulator, { timeoutMs });
    worker = await startTestWorker({
      appUrl: database.appUrl,
      providers: [provider],
      namespace: 'ingest-invoice',
      queues: [taskQueues.billing],
    });
    await discoverWithoutIngest(provider);
  }, 60_000);

  afterEach(() => {
    simulator.faults.clear();
  });

  afterAll(async () => {
    await worker?.stop();
    await simulator?.close();
    await database?.drop();
  });

  const ingest = (
    invoice: Invoice,
    acceptedDifference?: IngestInvoiceInput['acceptedDifference'],
  ): Promise<IngestInvoiceResult> =>
    worker.client.workflow.execute('ingestInvoice', {
      workflowId: workflowIds.ingestInvoice('digitalocean', invoice.uuid),
      taskQueue: taskQueues.billing,
      args: [
        {
          provider: 'digitalocean',
          invoiceUuid: invoice.uuid,
          ...(acceptedDifference === undefined ? {} : { acceptedDifference }),
        },
      ],
    });

  /** The Problem and Phase that an operator filters by, of the latest run. */
  async function shown(invoice: Invoice): Promise<{ phase: unknown; problem: unknown; period: unknown }> {
    const handle = worker.client.workflow.getHandle(workflowIds.ingestInvoice('digitalocean', invoice.uuid));
    const { typedSearchAttributes } = await handle.describe();
    return {
      phase: typedSearchAttributes.get(searchAttributes.phase),
      problem: typedSearchAttributes.get(searchAttributes.problem),
      period: typedSearchAttributes.get(searchAttributes.period),
    };
  }

  async function stored(invoice: Invoice): Promise<CloudInvoice> {
    const row = await readInvoice(worker.em(), invoice.uuid);
    if (row === null) throw new Error(`invoice ${invoice.uuid} was not discovered`);
    return row;
  }

  /** The account's month, and a rule for the given part of it. */
  function monthWith(
    month: string,
    part: '' | '/csv' | '/summary',
    rule: Omit<FaultRuleInput, 'match'>,
  ): Invoice {
    const invoice = invoiceOf(simulator.state.account, month);
    simulator.faults.add({ ...rule, match: { path: `/invoices/${invoice.uuid}${part}$` } });
    return invoice;
  }

  const documents = [
    {
      name: 'a CSV that breaks off',
      month: '2025-12',
      part: '/csv',
      fault: 'truncated_csv',
      code: /^invoice_/,
    },
    {
      name: 'an HTML page for a CSV',
      month: '2025-11',
      part: '/csv',
      fault: 'html_page',
      code: /^invoice_not_csv$/,
    },
    { name: 'an empty file', month: '2025-10', part: '/csv', fault: 'empty', code: /^invoice_empty$/ },
    {
      name: 'items that disagree',
      month: '2025-09',
      part: '',
      fault: 'items_disagree',
      code: /^items_disagree$/,
    },
    {
      name: 'a summary that disagrees',
      month: '2025-08',
      part: '/summary',
      fault: 'summary_disagrees',
      code: /^summary_disagrees$/,
    },
  ] as const;

  it.each(documents)(
    'holds an invoice with $name, says why, and ingests it once the provider answers whole',
    async ({ month, part, fault, code }) => {
      const invoice = monthWith(month, part, { fault: { kind: fault }, times: null });
      const held = await ingest(invoice);
      expect(held).toMatchObject({ outcome: 'held', version: 0, problem: expect.stringMatching(code) });
      const row = await stored(invoice);
      expect(row).toMatchObject({ ingestStatus: 'held', version: 0, lineCount: null });
      expect(row.error?.code).toBe(held.problem);
      expect(row.error?.message).not.toBe('');
      expect(await shown(invoice)).toEqual({ phase: 'held', problem: held.problem, period: `${month}-01` });
      expect(await stageRows('cloud_cost_line_stage', 'cloud_invoice_item_stage')).toBe(0);

      simulator.faults.clear();
      expect(await ingest(invoice)).toMatchObject({ outcome: 'ingested', version: 1, problem: null });
      expect(await stored(invoice)).toMatchObject({
        ingestStatus: 'ingested',
        error: null,
        heldDifference: null,
      });
      expect(await shown(invoice)).toEqual({ phase: 'done', problem: undefined, period: `${month}-01` });
      expect(await stageRows('cloud_cost_line_stage', 'cloud_invoice_item_stage')).toBe(0);
    },
  );

  it('books a difference as one unexplained line only where the operator accepted exactly that difference', async () => {
    const invoice = invoiceOf(simulator.state.account, '2025-07');
    const [line] = invoice.lines;
    if (line === undefined) throw new Error('the invoice has no line');
    line.amountCents -= 7;
    const acceptance = {
      code: 'lines_disagree',
      stated: usdOf(invoice.amountCents),
      found: usdOf(invoice.amountCents - 7),
      reason: 'confirmed by the vendor',
      actor: 'operator-1',
      requestId: 'request-1',
    };

    expect(await ingest(invoice)).toMatchObject({ outcome: 'held', problem: 'lines_disagree' });
    expect(await stored(invoice)).toMatchObject({
      heldDifference: '0.07',
      error: { code: 'lines_disagree', context: { stated: acceptance.stated, found: acceptance.found } },
    });
    const exact = { ...acceptance, difference: '0.07' };
    for (const other of [
      { difference: '0.08' },
      { difference: '-0.07' },
      { code: 'items_disagree' },
      { stated: acceptance.found },
      { found: acceptance.stated },
    ]) {
      expect(await ingest(invoice, { ...exact, ...other })).toMatchObject({ outcome: 'held' });
    }

    const ingested = await ingest(invoice, exact);
    const row = await stored(invoice);
    expect(ingested).toMatchObject({ outcome: 'ingested', version: 1, lines: invoice.lines.length + 1 });
    expect(parseDecimal(ingested.total).equals(row.amount)).toBe(true);
    const { lines } = await listCostLines(
      worker.em(),
      { period: '2025-07-01', outcome: 'unexplained' },
      { limit: 10, after: undefined },
    );
    expect(lines).toMatchObject([
      { billedCost: '0.07', description: 'confirmed by the vendor', resource: null },
    ]);
    const audit = await listAudit(worker.em(), { subjectId: row.id }, { limit: 10, after: undefined });
    expect(audit).toMatchObject([
      {
        actor: 'operator-1',
        reason: 'confirmed by the vendor',
        requestId: 'request-1',
        workflowId: workflowIds.ingestInvoice('digitalocean', invoice.uuid),
      },
    ]);

    expect(await ingest(invoice)).toMatchObject({ outcome: 'unchanged', version: 1 });
    expect((await stored(invoice)).ingestStatus).toBe('ingested');
  });

  it('waits as long as a 429 asks and loses nothing', async () => {
    const invoice = monthWith('2025-06', '/csv', {
      fault: { kind: 'rate_limit', retryAfterSeconds: 1 },
      times: 3,
    });
    expect(await ingest(invoice)).toMatchObject({ outcome: 'ingested', lines: invoice.lines.length });
    const asked = simulator.state.requests.entries.filter((entry) =>
      entry.path.endsWith(`${invoice.uuid}/csv`),
    );
    expect(asked.map((entry) => entry.status)).toEqual([429, 429, 429, 200]);
    const times = asked.map((entry) => Date.parse(entry.at));
    // A millisecond of slack: the log rounds.
    expect(times.slice(1).map((time, index) => time - (times[index] ?? 0) >= 999)).toEqual([
      true,
      true,
      true,
    ]);
  }, 30_000);

  it('tries again after a 500, a broken connection, a lost answer, JSON that breaks off, and a provider that falls silent', async () => {
    const months = [
      monthWith('2025-05', '/csv', { fault: { kind: 'server_error' } }),
      monthWith('2025-04', '/csv', { fault: { kind: 'reset' } }),
      monthWith('2025-03', '', { fault: { kind: 'lost_answer' } }),
      monthWith('2025-02', '/summary', { fault: { kind: 'truncated_json' } }),
      monthWith('2025-01', '/csv', { fault: { kind: 'stall' } }),
    ];
    const results = await Promise.all(months.map((invoice) => ingest(invoice)));
    expect(results.map(({ outcome, lines }) => ({ outcome, lines }))).toEqual(
      months.map((invoice) => ({ outcome: 'ingested', lines: invoice.lines.length })),
    );
    expect(simulator.faults.list().map((rule) => rule.hits)).toEqual([1, 1, 1, 1, 1]);
  }, 30_000);

  it('cuts off a provider that falls silent, after the time-out', async () => {
    const invoice = monthWith('2024-12', '/csv', { fault: { kind: 'stall' } });
    const began = Date.now();
    expect(await ingest(invoice)).toMatchObject({ outcome: 'ingested' });
    const lasted = Date.now() - began;
    expect(lasted).toBeGreaterThanOrEqual(timeoutMs);
    expect(lasted).toBeLessThan(20_000);
  }, 30_000);

  it('changes nothing when it ingests the same invoice again', async () => {
    const invoice = invoiceOf(simulator.state.account, '2024-11');
    expect(await ingest(invoice)).toMatchObject({ outcome: 'ingested', version: 1 });
    const first = await stored(invoice);
    expect(await ingest(invoice)).toMatchObject({ outcome: 'unchanged', version: 1 });
    expect(await stored(invoice)).toEqual(first);
  });

  it('stages again where the database lost the stage before the lines were stored', async () => {
    const invoice = monthWith('2024-10', '/summary', { fault: { kind: 'stall', ms: 1_000 } });
    const ingested = ingest(invoice);
    while ((await stageRows('cloud_cost_line_stage')) === 0) await delay(50);
    await worker.em().execute('delete from cloud_cost_line_stage');
    expect(await ingested).toMatchObject({ outcome: 'ingested', lines: invoice.lines.length });
    const asked = `GET /v2/customers/my/invoices/${invoice.uuid}/csv`;
    expect(simulator.state.requests.count(asked)).toBe(2);
  });

  it('fails for good, and holds nothing, where the invoice was never discovered', async () => {
    await expect(
      ingest({ ...invoiceOf(simulator.state.account, '2024-11'), uuid: 'unheard-of' }),
    ).rejects.toThrow(
      expect.objectContaining({
        cause: expect.objectContaining({ cause: expect.objectContaining({ type: 'unknown_invoice' }) }),
      }),
    );
  });

  /** Headers of all invoices, and no ingest: each test starts the ones that it looks at. */
  async function discoverWithoutIngest(provider: Provider): Promise<void> {
    await recordDiscovery(worker.em(), {
      provider: provider.name,
      discoveredAt: new Date(),
      history: await Array.fromAsync(provider.billingHistory()),
      periods: await Array.fromAsync(provider.invoicePeriods()),
    });
  }

  async function stageRows(...tables: string[]): Promise<number> {
    let rows = 0;
    for (const table of tables) {
      const [row] = await worker
        .em()
        .execute<{ rows: number }[]>(`select count(*)::int as rows from ${table}`);
      rows += row?.rows ?? 0;
    }
    return rows;
  }
});
