import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { WorkflowFailedError } from '@temporalio/client';
import { type FinanceSimulator, startFinance } from '../../dev/finance/finance.ts';
import { createFinanceClient } from '../../src/integrations/financeClient.ts';
import { creditInvoice } from '../../src/services/creditInvoice.ts';
import { takeDueReceivables } from '../../src/services/dueReceivables.ts';
import { issueInvoices } from '../../src/services/issueInvoices.ts';
import { listReceivables } from '../../src/services/listReceivables.ts';
import { recordPushedReceivables } from '../../src/services/recordPushedReceivables.ts';
import { retryReceivable } from '../../src/services/retryReceivable.ts';
import { voidInvoice } from '../../src/services/voidInvoice.ts';
import { systemSession } from '../../src/session.ts';
import { workflowIds } from '../../src/workflows/ids.ts';
import type { PushReceivablesResult } from '../../src/workflows/messages.ts';
import { searchAttributes } from '../../src/workflows/searchAttributes.ts';
import { taskQueues } from '../../src/workflows/taskQueues.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { startTestWorker, type TestWorker } from '../support/worker.ts';

describe('pushReceivables', () => {
  let database: TestDatabase;
  let finance: FinanceSimulator;
  let worker: TestWorker;
  let period = 0;

  beforeAll(async () => {
    database = await createTestDatabase();
    const secret = `whsec_${randomBytes(32).toString('base64')}`;
    finance = await startFinance({ secret, apiUrl: () => 'http://127.0.0.1:9' });
    worker = await startTestWorker({
      appUrl: database.appUrl,
      providers: [],
      namespace: 'push-receivables',
      queues: [taskQueues.billing],
      finance: createFinanceClient({ url: finance.url, secret }),
    });
  }, 60_000);

  afterAll(async () => {
    await worker?.stop();
    await finance?.close();
    await database?.drop();
  });

  afterEach(() => {
    finance.faults.length = 0;
    finance.refusedTenants.clear();
  });

  /** Issues an invoice of 11.00 AUD for each tenant, of a month of its own. @returns their ids in the tenants' order */
  async function issue(...tenants: string[]): Promise<string[]> {
    period += 1;
    const rows = await worker.em().execute<{ id: string }[]>(
      `insert into tenant_invoices (tenant_id, period_start, status, currency, subtotal_cents, tax_cents, total_cents, due_cents,
         tax_rate, created_at, updated_at)
       select tenant, date '2020-01-01' + make_interval(months => ?), 'draft', 'AUD', 1000, 100, 1100, 1100, 0.1, now(), now()
       from jsonb_array_elements_text(?::jsonb) tenant returning id`,
      [period, JSON.stringify(tenants)],
    );
    const invoiceIds = rows.map(({ id }) => id);
    await issueInvoices(worker.em(), { invoiceIds, now: new Date(), actor: systemSession });
    return invoiceIds;
  }

  const start = () =>
    worker.client.workflow.start('pushReceivables', {
      workflowId: workflowIds.pushReceivables(),
      taskQueue: taskQueues.billing,
      args: [{}],
    });
  const push = async (): Promise<PushReceivablesResult> => (await start()).result();
  const states = async (ids: readonly string[]) => {
    const rows = await listReceivables(worker.em(), {}, { limit: 500 });
    return ids.map((id) => rows.find((row) => row.invoice_id === id)?.state);
  };

  const change = () => ({ reason: 'a mistake', now: new Date(), actor: systemSession });
  const makeVoid = (invoiceId: string) => voidInvoice(worker.em(), { invoiceId, ...change() });
  const credit = (invoiceId: string) =>
    creditInvoice(worker.em(), { invoiceId, amountCents: 100, ...change() });

  it('tells the finance system of every issued invoice, in batches, and keeps what it calls each', async () => {
    const tenants = Array.from({ length: 230 }, (_, index) => `tenant-${index}`);
    const ids = await issue(...tenants);
    expect(await push()).toEqual({ acknowledged: 230, refused: 0, failed: 0 });
    expect(ids.map((id) => finance.known.get(id)?.timesTold)).toEqual(ids.map(() => 1));
    const [told] = ids.map((id) => finance.known.get(id));
    expect(told?.document).toMatchObject({
      currency: 'AUD',
      total_cents: 1100,
      subtotal_cents: 1000,
      tax_cents: 100,
    });
    const rows = await listReceivables(worker.em(), { state: 'acknowledged' }, { limit: 500 });
    expect(new Map(rows.map((row) => [row.invoice_id, row.external_id]))).toEqual(
      new Map([...finance.known].map(([id, known]) => [id, known.id])),
    );
  }, 60_000);

  it('has nothing to tell twice', async () => {
    expect(await push()).toEqual({ acknowledged: 0, refused: 0, failed: 0 });
  });

  it.each(['unavailable', 'rate_limited', 'lost_answer'] as const)(
    'waits where the finance system is %s, and tells it again: it keeps one receivable an invoice',
    async (fault) => {
      const ids = await issue(`after-${fault}`);
      finance.faults.push(fault);
      expect(await push()).toEqual({ acknowledged: 1, refused: 0, failed: 0 });
      expect(finance.known.get(ids[0] ?? '')?.timesTold).toBe(fault === 'lost_answer' ? 2 : 1);
      const [row] = (await listReceivables(worker.em(), {}, { limit: 500 })).filter(
        ({ invoice_id }) => invoice_id === ids[0],
      );
      expect(row).toMatchObject({ state: 'acknowledged', attempts: 2, last_error: null });
    },
    60_000,
  );

  it('sets aside what is refused and says why; the rest of the batch goes through, and an operator has it tried again', async () => {
    finance.refusedTenants.add('stranger');
    const ids = await issue('known-1', 'stranger', 'known-2');
    const handle = await start();
    expect(await handle.result()).toEqual({ acknowledged: 2, refused: 1, failed: 1 });
    expect(await states(ids)).toEqual(['acknowledged', 'failed', 'acknowledged']);
    const [failed] = await listReceivables(worker.em(), { state: 'failed' }, { limit: 10 });
    expect(failed).toMatchObject({
      tenant_id: 'stranger',
      last_error: 'the debtor stranger is not known here',
    });
    const { searchAttributes: found } = await handle.describe();
    expect(found[searchAttributes.problem.name]).toEqual(['receivable_refused']);

    expect(await push()).toEqual({ acknowledged: 0, refused: 0, failed: 1 });
    finance.refusedTenants.clear();
    const request = {
      invoiceId: ids[1] ?? '',
      reason: 'the debtor is known now',
      actor: systemSession,
      now: new Date(),
      requestId: 'r-1',
    };
    expect(await retryReceivable(worker.em(), request)).toBe(true);
    expect(await push()).toEqual({ acknowledged: 1, refused: 0, failed: 0 });
    await expect(retryReceivable(worker.em(), request)).rejects.toThrow('this receivable is acknowledged');
  }, 60_000);

  it('fails at once, keeping everything, where the answer is not what was agreed', async () => {
    const ids = await issue('patient');
    finance.faults.push('wrong_answer');
    const failure = await push().catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(WorkflowFailedError);
    expect(await states(ids)).toEqual(['pending']);
    expect(await push()).toEqual({ acknowledged: 1, refused: 0, failed: 0 });
  }, 60_000);

  it('does not tell of an invoice that was voided first', async () => {
    const [id = ''] = await issue('voided');
    await makeVoid(id);
    expect(await push()).toEqual({ acknowledged: 0, refused: 0, failed: 0 });
    expect(finance.known.has(id)).toBe(false);
  });

  it('tells anew of an invoice that is credited or voided after it was acknowledged, under the id that it has there', async () => {
    const [credited = '', voided = ''] = await issue('credited-later', 'voided-later');
    expect(await push()).toEqual({ acknowledged: 2, refused: 0, failed: 0 });
    const ids = [credited, voided].map((id) => finance.known.get(id)?.id);
    expect(finance.known.get(credited)?.document).toMatchObject({
      credited_cents: 0,
      status: 'issued',
      version: 1,
    });
    await credit(credited);
    await makeVoid(voided);
    expect(await states([credited, voided])).toEqual(['pending', 'pending']);
    expect(await push()).toEqual({ acknowledged: 2, refused: 0, failed: 0 });
    expect(finance.known.get(credited)?.document).toMatchObject({
      total_cents: 1100,
      credited_cents: 110,
      status: 'issued',
      version: 2,
    });
    expect(finance.known.get(voided)?.document).toMatchObject({
      total_cents: 1100,
      status: 'void',
      version: 2,
    });
    expect([credited, voided].map((id) => finance.known.get(id)?.id)).toEqual(ids);
    expect(await states([credited, voided])).toEqual(['acknowledged', 'acknowledged']);
    expect(await push()).toEqual({ acknowledged: 0, refused: 0, failed: 0 });
  }, 60_000);

  it('tells of a void one where an earlier answer was lost: the finance system may know of it', async () => {
    const [id = ''] = await issue('lost-and-voided');
    const [document] = await takeDueReceivables(worker.em(), { now: new Date(), limit: 1 });
    expect(document).toMatchObject({ invoice_id: id, version: 1 });
    await makeVoid(id);
    expect(await push()).toEqual({ acknowledged: 1, refused: 0, failed: 0 });
    expect(finance.known.get(id)?.document).toMatchObject({ status: 'void' });
  }, 60_000);

  it.each(['accepted', 'refused'])(
    'tells anew of an invoice that was credited while an earlier version of it was %s',
    async (answer) => {
      const [id = ''] = await issue(`credited-while-${answer}`);
      const [document] = await takeDueReceivables(worker.em(), { now: new Date(), limit: 1 });
      expect(document).toMatchObject({ invoice_id: id, credited_cents: 0, version: 1 });
      await credit(id);
      const said = { invoiceId: id, version: 1 };
      await recordPushedReceivables(worker.em(), {
        answers: [
          answer === 'accepted'
            ? { ...said, isAccepted: true, externalId: 'AR-early' }
            : { ...said, isAccepted: false, problem: 'not now' },
        ],
        now: new Date(),
      });
      expect(await states([id])).toEqual(['pending']);
      expect(await push()).toEqual({ acknowledged: 1, refused: 0, failed: 0 });
      expect(finance.known.get(id)?.document).toMatchObject({ credited_cents: 110, version: 2 });
    },
    60_000,
  );
});
