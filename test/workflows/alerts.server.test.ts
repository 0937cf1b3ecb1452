import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createWebhookClient } from '../../src/integrations/webhookClient.ts';
import { createAlertRule } from '../../src/services/alerts/alertRules.ts';
import { listAlerts } from '../../src/services/alerts/alerts.ts';
import { listDeliveries, redeliver } from '../../src/services/webhooks/deliveryLog.ts';
import { takeDueDeliveries } from '../../src/services/webhooks/dueDeliveries.ts';
import {
  changeWebhookEndpoint,
  createWebhookEndpoint,
  deleteWebhookEndpoint,
} from '../../src/services/webhooks/webhookEndpoints.ts';
import { systemSession } from '../../src/session.ts';
import { workflowIds } from '../../src/workflows/ids.ts';
import type { DeliverWebhooksResult, EvaluateAlertsResult } from '../../src/workflows/messages.ts';
import { searchAttributes } from '../../src/workflows/searchAttributes.ts';
import { taskQueues } from '../../src/workflows/taskQueues.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { testEncryption } from '../support/encryption.ts';
import { until } from '../support/killableWait.ts';
import { startWebhookReceiver, type WebhookReceiver } from '../support/webhookReceiver.ts';
import { startTestWorker, type TestWorker } from '../support/worker.ts';

const secret = `whsec_${randomBytes(32).toString('base64')}`;
const request = () => ({
  actor: systemSession,
  now: new Date(),
  reason: 'test',
  allowLoopback: true,
  encryption: testEncryption,
});
let database: TestDatabase;
let worker: TestWorker;
let receiver: WebhookReceiver;
let endpointId: string;

const startWorker = () =>
  startTestWorker({
    appUrl: database.appUrl,
    providers: [],
    namespace: 'alerts',
    queues: [taskQueues.billing, taskQueues.webhooks],
    webhooks: createWebhookClient({ allowLoopback: true, timeoutMs: 2_000 }),
  });

beforeAll(async () => {
  database = await createTestDatabase();
  worker = await startWorker();
  await createAlertRule(
    worker.em(),
    { type: 'invoice_held', tenantId: null, threshold: null, currency: null, enabled: true },
    request(),
  );
}, 60_000);
afterAll(async () => {
  await worker?.stop();
  await database?.drop();
});
beforeEach(async () => {
  receiver = await startWebhookReceiver(secret);
  endpointId = await endpoint(receiver.url);
});
afterEach(async () => {
  await deleteWebhookEndpoint(worker.em(), endpointId, request());
  await receiver.close();
});

const endpoint = async (url: string) => {
  const eventTypes = ['alert.opened', 'alert.resolved'] as const;
  return (await createWebhookEndpoint(worker.em(), { url, secret, eventTypes, enabled: true }, request())).id;
};
const evaluate = (): Promise<EvaluateAlertsResult> =>
  worker.client.workflow.execute('evaluateAlerts', {
    workflowId: workflowIds.evaluateAlerts(),
    taskQueue: taskQueues.billing,
    args: [{}],
  });
const delivering = () => worker.client.workflow.getHandle(workflowIds.deliverWebhooks(endpointId));
const deliver = async (): Promise<DeliverWebhooksResult> => {
  const handle = await worker.client.workflow.start('deliverWebhooks', {
    workflowId: workflowIds.deliverWebhooks(endpointId),
    taskQueue: taskQueues.webhooks,
    args: [{ endpointId }],
    workflowIdConflictPolicy: 'USE_EXISTING',
  });
  return handle.result();
};
const problem = async () => (await delivering().describe()).searchAttributes[searchAttributes.problem.name];
const log = async () => {
  const rows = await listDeliveries(worker.em(), { endpointId }, { limit: 50 });
  return rows.toReversed();
};

/** An invoice that is held from now on, which the rule tells of. */
async function hold(): Promise<string> {
  const [row] = await worker.em().execute<{ id: string }[]>(
    `insert into cloud_invoices (provider, invoice_uuid, period_start, issued_at, amount, currency, ingest_status, discovered_at)
     values ('digitalocean', ?, '2026-04-01', now(), 5, 'USD', 'held', now()) returning id`,
    [randomUUID()],
  );
  return row?.id ?? '';
}
const release = (id: string) =>
  worker.em().execute(`update cloud_invoices set ingest_status = 'ingested' where id = ?`, [id]);

describe('an alert', () => {
  it('is opened, told under a signature, and told again when it is over', async () => {
    const invoice = await hold();
    expect(await evaluate()).toEqual({ rules: 1, opened: 1, resolved: 0, unevaluated: [] });
    await delivering().result();
    const [alert] = await listAlerts(worker.em(), { state: 'open' }, { limit: 1 });
    expect(receiver.received).toMatchObject([{ isSigned: true }]);
    expect(JSON.parse(receiver.received[0]?.body ?? '')).toMatchObject({
      type: 'alert.opened',
      timestamp: expect.any(String),
      data: { alert_id: alert?.id, rule_type: 'invoice_held', subject: invoice, resolved_at: null },
    });

    expect(await evaluate()).toMatchObject({ opened: 0, resolved: 0 });
    expect(receiver.received).toHaveLength(1);

    await release(invoice);
    expect(await evaluate()).toMatchObject({ opened: 0, resolved: 1 });
    await delivering().result();
    expect(receiver.received.map(({ body }) => JSON.parse(body).type)).toEqual([
      'alert.opened',
      'alert.resolved',
    ]);
    expect(await log()).toMatchObject([
      { state: 'delivered', attempts: 1, lastStatus: 204, lastError: null },
      { state: 'delivered', attempts: 1, lastStatus: 204, lastError: null },
    ]);
  }, 60_000);
});

describe('a webhook', () => {
  it('that is answered 500 is sent again under the same id', async () => {
    receiver.answers.push(500);
    await release(await holdAndEvaluate());
    await delivering().result();
    expect(receiver.received.map(({ isSigned }) => isSigned)).toEqual([true, true]);
    expect(new Set(receiver.received.map(({ id }) => id)).size).toBe(1);
    expect(await log()).toMatchObject([
      { state: 'delivered', attempts: 2, lastStatus: 204, lastError: null },
    ]);
    await evaluate();
    await delivering().result();
  }, 60_000);

  it('goes on where it was when its worker is stopped between two tries', async () => {
    receiver.answers.push('hang');
    await release(await holdAndEvaluate());
    await until('the first try has failed', async () =>
      (await log())[0]?.lastError === null ? undefined : true,
    );
    expect(await log()).toMatchObject([
      { state: 'pending', attempts: 1, lastStatus: null, lastError: 'no answer within 2 s' },
    ]);
    await worker.stop();
    worker = await startWorker();
    await delivering().result();
    expect(new Set(receiver.received.map(({ id }) => id)).size).toBe(1);
    expect(receiver.received).toHaveLength(2);
    expect(await log()).toMatchObject([{ state: 'delivered', attempts: 2 }]);
    await evaluate();
    await delivering().result();
  }, 60_000);

  it('that was taken by a worker that died before it wrote down what became of it is sent again', async () => {
    const invoice = await holdAndEvaluate();
    await delivering().result();
    const [first] = await log();
    await redeliver(worker.em(), first?.id ?? '', request());
    expect(await takeDueDeliveries(worker.em(), endpointId, { now: new Date(), limit: 10 })).toMatchObject([
      { attempts: 1 },
    ]);
    expect(await deliver()).toEqual({ delivered: 1, failed: 0 });
    expect((await log())[1]).toMatchObject({ state: 'delivered', attempts: 2 });
    await release(invoice);
    await evaluate();
    await delivering().result();
  }, 60_000);

  it('that is answered 410 disables its endpoint, and is sent again by hand once that is enabled', async () => {
    receiver.answers.push(410);
    await release(await holdAndEvaluate());
    expect(await delivering().result()).toEqual({ delivered: 0, failed: 1 });
    expect(await problem()).toEqual(['webhook_endpoint_disabled']);
    const [failed] = await log();
    expect(failed).toMatchObject({ state: 'failed', attempts: 1, lastStatus: 410 });

    const again = await redeliver(worker.em(), failed?.id ?? '', request());
    await expect(redeliver(worker.em(), again?.delivery.id ?? '', request())).rejects.toMatchObject({
      code: 'delivery_pending',
    });
    expect(await deliver()).toEqual({ delivered: 0, failed: 0 });
    await changeWebhookEndpoint(worker.em(), endpointId, { enabled: true }, request());
    expect(await deliver()).toEqual({ delivered: 1, failed: 0 });
    expect(receiver.received.map(({ id }) => id)).toEqual([failed?.eventId, failed?.eventId]);
    expect(await log()).toMatchObject([
      { state: 'failed' },
      { state: 'delivered', redeliveryOf: failed?.id },
    ]);
    expect(await redeliver(worker.em(), randomUUID(), request())).toBeNull();
    await evaluate();
    await delivering().result();
  }, 60_000);

  it('has failed after its last try', async () => {
    const invoice = await holdAndEvaluate();
    await delivering().result();
    const [first] = await log();
    const again = await redeliver(worker.em(), first?.id ?? '', request());
    await worker
      .em()
      .execute('update webhook_deliveries set attempts = 7 where id = ?', [again?.delivery.id]);
    receiver.answers.push(500);
    expect(await deliver()).toEqual({ delivered: 0, failed: 1 });
    expect(await problem()).toEqual(['webhook_failed']);
    expect((await log())[1]).toMatchObject({ state: 'failed', attempts: 8, lastError: 'answered 500' });
    await release(invoice);
    await evaluate();
    await delivering().result();
  }, 60_000);

  it('waits while its endpoint is disabled, and is given up when it is deleted', async () => {
    const invoice = await holdAndEvaluate();
    await delivering().result();
    await changeWebhookEndpoint(worker.em(), endpointId, { enabled: false }, request());
    const [first] = await log();
    await redeliver(worker.em(), first?.id ?? '', request());
    expect(await deliver()).toEqual({ delivered: 0, failed: 0 });
    expect((await log())[1]).toMatchObject({ state: 'pending', attempts: 0 });
    await changeWebhookEndpoint(worker.em(), endpointId, { enabled: true }, request());
    expect(await deliver()).toEqual({ delivered: 1, failed: 0 });

    await redeliver(worker.em(), first?.id ?? '', request());
    await deleteWebhookEndpoint(worker.em(), endpointId, request());
    expect((await log())[2]).toMatchObject({ state: 'failed', lastError: 'the endpoint was deleted' });
    await expect(redeliver(worker.em(), first?.id ?? '', request())).rejects.toMatchObject({
      code: 'webhook_endpoint_deleted',
    });
    await release(invoice);
    await evaluate();
  }, 60_000);

  async function holdAndEvaluate(): Promise<string> {
    const invoice = await hold();
    expect(await evaluate()).toMatchObject({ opened: 1 });
    return invoice;
  }
});
