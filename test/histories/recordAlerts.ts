import { randomBytes } from 'node:crypto';
import { createWebhookClient } from '../../src/integrations/webhookClient.ts';
import { createAlertRule } from '../../src/services/alerts/alertRules.ts';
import { createWebhookEndpoint } from '../../src/services/webhooks/webhookEndpoints.ts';
import { systemSession } from '../../src/session.ts';
import { workflowIds } from '../../src/workflows/ids.ts';
import { taskQueues } from '../../src/workflows/taskQueues.ts';
import { createTestDatabase } from '../support/database.ts';
import { testEncryption } from '../support/encryption.ts';
import { startTestServers } from '../support/servers.ts';
import { startWebhookReceiver } from '../support/webhookReceiver.ts';
import { startTestWorker } from '../support/worker.ts';
import { saveHistory } from './saveHistory.ts';

/** Records a real evaluation that opens an alert, and the delivery of its webhook, which is answered 500 at first. */
const servers = await startTestServers();
const database = await createTestDatabase();
const secret = `whsec_${randomBytes(32).toString('base64')}`;
const receiver = await startWebhookReceiver(secret);
const worker = await startTestWorker({
  appUrl: database.appUrl,
  providers: [],
  namespace: 'alert-histories',
  queues: [taskQueues.billing, taskQueues.webhooks],
  webhooks: createWebhookClient({ allowLoopback: true }),
});
try {
  const request = {
    actor: systemSession,
    now: new Date(),
    reason: 'test',
    allowLoopback: true,
    encryption: testEncryption,
  };
  const wanted = { tenantId: null, threshold: null, currency: null, enabled: true };
  await createAlertRule(worker.em(), { type: 'invoice_held', ...wanted }, request);
  const { url } = receiver;
  const { id } = await createWebhookEndpoint(
    worker.em(),
    { url, secret, eventTypes: ['alert.opened'], enabled: true },
    request,
  );
  await worker.em().execute(
    `insert into cloud_invoices (provider, invoice_uuid, period_start, issued_at, amount, currency, ingest_status, discovered_at)
     values ('digitalocean', 'held', '2026-04-01', now(), 5, 'USD', 'held', now())`,
  );
  receiver.answers.push(500);
  await worker.client.workflow.execute('evaluateAlerts', {
    workflowId: workflowIds.evaluateAlerts(),
    taskQueue: taskQueues.billing,
    args: [{}],
  });
  await worker.client.workflow.getHandle(workflowIds.deliverWebhooks(id)).result();
  // Without the suffix: runs of before each endpoint was told by a process of its own, which must go on replaying.
  await saveHistory(worker.client, 'evaluateAlerts-by-endpoint', workflowIds.evaluateAlerts());
  await saveHistory(worker.client, 'deliverWebhooks-by-endpoint', workflowIds.deliverWebhooks(id));
} finally {
  await worker.stop();
  await receiver.close();
  await database.drop();
  await servers.stop();
}
