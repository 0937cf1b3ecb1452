import { randomBytes } from 'node:crypto';
import { startFinance } from '../../dev/finance/finance.ts';
import { createFinanceClient } from '../../src/integrations/financeClient.ts';
import { issueInvoices } from '../../src/services/issueInvoices.ts';
import { systemSession } from '../../src/session.ts';
import { workflowIds } from '../../src/workflows/ids.ts';
import { taskQueues } from '../../src/workflows/taskQueues.ts';
import { createTestDatabase } from '../support/database.ts';
import { startTestServers } from '../support/servers.ts';
import { startTestWorker } from '../support/worker.ts';
import { saveHistory } from './saveHistory.ts';

/** Records a real run that tells a finance system of 150 invoices: it is away at first, and refuses one of them. */
const servers = await startTestServers();
const database = await createTestDatabase();
const secret = `whsec_${randomBytes(32).toString('base64')}`;
const finance = await startFinance({ secret, apiUrl: () => 'http://127.0.0.1:9' });
const worker = await startTestWorker({
  appUrl: database.appUrl,
  providers: [],
  namespace: 'receivable-histories',
  queues: [taskQueues.billing],
  finance: createFinanceClient({ url: finance.url, secret }),
});
try {
  const rows = await worker.em().execute<{ id: string }[]>(
    `insert into tenant_invoices (tenant_id, period_start, status, currency, subtotal_cents, tax_cents, total_cents, due_cents,
       tax_rate, created_at, updated_at)
     select 'tenant-' || n, '2026-01-01', 'draft', 'AUD', 1000, 100, 1100, 1100, 0.1, now(), now() from generate_series(1, 150) n
     returning id`,
  );
  const invoiceIds = rows.map(({ id }) => id);
  await issueInvoices(worker.em(), { invoiceIds, now: new Date(), actor: systemSession });
  finance.refusedTenants.add('tenant-7');
  finance.faults.push('unavailable');
  const workflowId = workflowIds.pushReceivables();
  await worker.client.workflow.execute('pushReceivables', {
    workflowId,
    taskQueue: taskQueues.billing,
    args: [{}],
  });
  await saveHistory(worker.client, 'pushReceivables', workflowId);
} finally {
  await worker.stop();
  await finance.close();
  await database.drop();
  await servers.stop();
}
