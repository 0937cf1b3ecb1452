import { writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { ensureSchedules } from '../../src/temporalSetup/schedules.ts';
import { schedulesFor } from '../../src/schedules.ts';
import { workflowIds } from '../../src/workflows/ids.ts';
import { type RollUpProgress, rollUpMessages } from '../../src/workflows/rollUpMessages.ts';
import { taskQueues } from '../../src/workflows/taskQueues.ts';
import { billingWorld, goldenTenant } from '../services/rollup/billingWorld.ts';
import { createTestDatabase } from '../support/database.ts';
import { startTestServers } from '../support/servers.ts';
import { startTestWorker, type TestWorker } from '../support/worker.ts';
import { historyToPlain } from '../support/workflowHistory.ts';

const period = '2026-04-01';

/** Records real runs of the month-end workflows beside this file, for the replay test: one that goes well, and one with an exception. */
async function recordRollUpHistories(): Promise<void> {
  const servers = await startTestServers();
  const database = await createTestDatabase();
  const worker = await startTestWorker({
    appUrl: database.appUrl,
    providers: [],
    namespace: 'roll-up-histories',
    queues: [taskQueues.billing],
  });
  try {
    await runEach(worker);
  } finally {
    await worker.stop();
    await database.drop();
    await servers.stop();
  }
}

async function runEach(worker: TestWorker): Promise<void> {
  const { client } = worker;
  const billing = billingWorld((sql, parameters) => worker.em().execute(sql, parameters));
  await billing.seedCatalog();
  await billing.closeMonth(period);
  await goldenTenant(billing, { tenantId: 'golden', droplets: 3, addons: ['storage_50gb'], period });
  await rollUp();
  await client.workflow.result(workflowIds.issuePeriod(period));
  await save('rollUpPeriod', workflowIds.rollUpPeriod(period));
  await save('rollUpShard', workflowIds.rollUpShard(period, 0));
  await save('checkPeriod', `${workflowIds.rollUpPeriod(period)}:check`);
  await save('issuePeriod', workflowIds.issuePeriod(period));

  await billing.deployment({ tenantId: 'poison', plan: 'studio', startsOn: period });
  await billing.deployment({ tenantId: 'skipped', plan: 'studio', startsOn: period });
  await billing.profile('poison', { currency: 'USD' });
  await billing.profile('skipped', { currency: 'USD' });
  const handle = await client.workflow.start('rollUpPeriod', {
    workflowId: workflowIds.rollUpPeriod(period),
    taskQueue: taskQueues.billing,
    args: [{ period }],
  });
  while ((await handle.query<RollUpProgress>(rollUpMessages.progressQuery)).phase !== 'exceptions') await delay(100);
  const request = { subject: 'operator', role: 'platform_admin', reason: 'recorded' };
  await handle.executeUpdate(rollUpMessages.skipTenantUpdate, { args: [{ tenantId: 'skipped', request }] });
  await billing.profile('poison', { currency: 'AUD' });
  await handle.executeUpdate(rollUpMessages.retryTenantUpdate, { args: [{ tenantId: 'poison', request }] });
  await handle.result();
  await save('rollUpPeriod-exceptions', workflowIds.rollUpPeriod(period));

  await ensureSchedules(client, schedulesFor('digitalocean').filter(({ id }) => id === 'rollup'));
  await client.schedule.getHandle('rollup').trigger();
  for (;;) {
    const [action] = (await client.schedule.getHandle('rollup').describe()).info.recentActions;
    if (action !== undefined) {
      const { workflowId } = action.action.workflow;
      await client.workflow.result(workflowId);
      await save('launchRollUp', workflowId);
      return;
    }
    await delay(100);
  }

  async function rollUp(): Promise<void> {
    await client.workflow.execute('rollUpPeriod', {
      workflowId: workflowIds.rollUpPeriod(period),
      taskQueue: taskQueues.billing,
      args: [{ period }],
    });
  }

  async function save(name: string, workflowId: string): Promise<void> {
    const history = await client.workflow.getHandle(workflowId).fetchHistory();
    const plain = JSON.stringify(historyToPlain(history), withoutThisMachine, 1);
    await writeFile(new URL(`${name}.json`, import.meta.url), `${plain}\n`);
    console.log(`${name}: ${history.events?.length ?? 0} events`);
  }
}

/** Process, host and folders of whoever recorded it are nobody's business. */
function withoutThisMachine(key: string, value: unknown): unknown {
  if (key === 'identity') return 'worker';
  if (key === 'stackTrace') return '';
  if (key === 'name' && typeof value === 'string') return value.replace(/^\d+@.+$/, 'worker');
  return value;
}

await recordRollUpHistories();
