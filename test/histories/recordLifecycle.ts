import { workflowIds } from '../../src/workflows/ids.ts';
import { taskQueues } from '../../src/workflows/taskQueues.ts';
import { createTestDatabase } from '../support/database.ts';
import { startTestServers } from '../support/servers.ts';
import { startTestWorker } from '../support/worker.ts';
import { saveHistory } from './saveHistory.ts';

/** Records a real sweep of deployments beside this file, for the replay test: one in which more than a batch goes past due. */
const servers = await startTestServers();
const database = await createTestDatabase();
const worker = await startTestWorker({
  appUrl: database.appUrl,
  providers: [],
  namespace: 'lifecycle-histories',
  queues: [taskQueues.billing],
});
try {
  await worker.em().execute(
    `insert into tenant_invoices (tenant_id, period_start, number, status, currency, subtotal_cents, tax_cents, total_cents,
       due_cents, tax_rate, issued_at, due_on, created_at, updated_at)
     values ('owes', '2026-01-01', 'INV-000001', 'issued', 'AUD', 5000, 500, 5500, 5500, 0.1, now(), '2026-01-15', now(), now())`,
  );
  await worker.em().execute(
    `insert into cloud_deployments (tenant_id, slug, display_name, created_at, updated_at)
     select 'owes', 'd-' || n, 'many', now(), now() from generate_series(1, 1500) n`,
  );
  const workflowId = workflowIds.sweepLifecycle();
  await worker.client.workflow.execute('sweepLifecycle', {
    workflowId,
    taskQueue: taskQueues.billing,
    args: [{}],
  });
  await saveHistory(worker.client, 'sweepLifecycle', workflowId);
} finally {
  await worker.stop();
  await database.drop();
  await servers.stop();
}
