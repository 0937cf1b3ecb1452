import { startSimulator } from '../../dev/simulator/simulator.ts';
import { recordDiscovery } from '../../src/services/recordDiscovery.ts';
import { workflowIds } from '../../src/workflows/ids.ts';
import { taskQueues } from '../../src/workflows/taskQueues.ts';
import { billingWorld, goldenTenant } from '../services/rollup/billingWorld.ts';
import { createTestDatabase } from '../support/database.ts';
import { startTestServers } from '../support/servers.ts';
import { invoiceOf, keepNewestInvoices, simulatedProvider } from '../support/simulator.ts';
import { startTestWorker } from '../support/worker.ts';
import { saveHistory } from './saveHistory.ts';

/** Records real runs of the check that books close, one of books that do and one of books that do not, and of what starts it. */
const period = '2026-04-01';
const servers = await startTestServers();
const database = await createTestDatabase();
const simulator = await startSimulator();
keepNewestInvoices(simulator.state.account, 2);
const provider = simulatedProvider(simulator);
const worker = await startTestWorker({
  appUrl: database.appUrl,
  providers: [provider],
  namespace: 'closure-histories',
  queues: [taskQueues.billing],
});
const { client } = worker;

async function run(workflow: string, workflowId: string, input: object): Promise<void> {
  await client.workflow.execute(workflow, { workflowId, taskQueue: taskQueues.billing, args: [input] });
}

try {
  await recordDiscovery(worker.em(), {
    provider: provider.name,
    discoveredAt: new Date(),
    history: await Array.fromAsync(provider.billingHistory()),
    periods: await Array.fromAsync(provider.invoicePeriods()),
  });
  const { uuid } = invoiceOf(simulator.state.account, '2026-04');
  const ingestId = workflowIds.ingestInvoice('digitalocean', uuid);
  await run('ingestInvoice', ingestId, { provider: 'digitalocean', invoiceUuid: uuid });
  await saveHistory(client, 'ingestInvoice-check-closure', ingestId);

  const syncId = workflowIds.syncInventory('fast');
  await run('syncInventory', syncId, { provider: 'digitalocean', speed: 'fast' });
  await saveHistory(client, 'syncInventory-fast-closure-of-moves', syncId);

  await run('estimateMonth', workflowIds.estimateMonth(), { provider: 'digitalocean' });
  await saveHistory(client, 'estimateMonth-check-closure', workflowIds.estimateMonth());

  const billing = billingWorld((sql, parameters) => worker.em().execute(sql, parameters));
  await billing.seedCatalog();
  await billing.closeMonth(period);
  await goldenTenant(billing, { tenantId: 'golden', droplets: 3, addons: ['storage_50gb'], period });
  await run('rollUpPeriod', workflowIds.rollUpPeriod(period), { period });
  await saveHistory(client, 'rollUpPeriod-check-closure', workflowIds.rollUpPeriod(period));
  await client.workflow.result(workflowIds.checkClosure(period));
  await saveHistory(client, 'checkClosure', workflowIds.checkClosure(period));

  await worker.em().execute(
    `insert into rollup_worklist (period_start, tenant_id, position, state, attempts, updated_at)
     values (?, 'lost', 1000, 'done', 1, now())`,
    [period],
  );
  await run('checkClosure', workflowIds.checkClosure(period), { period }).catch(() => undefined);
  await saveHistory(client, 'checkClosure-broken', workflowIds.checkClosure(period));
} finally {
  await worker.stop();
  await simulator.close();
  await database.drop();
  await servers.stop();
}
