import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createWebhookClient } from '../../src/integrations/webhookClient.ts';
import { createAlertRule } from '../../src/services/alerts/alertRules.ts';
import {
  createWebhookEndpoint,
  deleteWebhookEndpoint,
} from '../../src/services/webhooks/webhookEndpoints.ts';
import { systemSession } from '../../src/session.ts';
import { workflowIds } from '../../src/workflows/ids.ts';
import type { EvaluateAlertsResult } from '../../src/workflows/messages.ts';
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
let good: WebhookReceiver;
let hanging: WebhookReceiver;

beforeAll(async () => {
  database = await createTestDatabase();
  worker = await startTestWorker({
    appUrl: database.appUrl,
    providers: [],
    namespace: 'deliver-webhooks',
    queues: [taskQueues.billing, taskQueues.webhooks],
    // Longer than the test: while it runs, nobody gives up waiting for the endpoint that hangs.
    webhooks: createWebhookClient({ allowLoopback: true, timeoutMs: 300_000 }),
  });
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
  [good, hanging] = [await startWebhookReceiver(secret), await startWebhookReceiver(secret)];
});
afterEach(async () => {
  await good.close();
  await hanging.close();
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
const hold = () =>
  worker.em().execute(
    `insert into cloud_invoices (provider, invoice_uuid, period_start, issued_at, amount, currency, ingest_status, discovered_at)
     values ('digitalocean', ?, '2026-04-01', now(), 5, 'USD', 'held', now())`,
    [randomUUID()],
  );

describe('an endpoint that hangs', () => {
  it('does not hold up what others are told', async () => {
    hanging.answers.push(...Array.from({ length: 100 }, () => 'hang' as const));
    const hangingId = await endpoint(hanging.url);
    await endpoint(good.url);
    await hold();
    await evaluate();
    await until('the endpoint that hangs was asked', async () =>
      hanging.received.length > 0 ? true : undefined,
    );
    await hold();
    await evaluate();
    await until(
      'the other one was told both',
      async () => (good.received.length === 2 ? true : undefined),
      30_000,
    );
    expect(hanging.unanswered()).toBeGreaterThan(0);
    await deleteWebhookEndpoint(worker.em(), hangingId, request());
  }, 90_000);
});
