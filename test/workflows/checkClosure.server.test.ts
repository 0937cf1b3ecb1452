import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { WorkflowFailedError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import pg from 'pg';
import { type Simulator, startSimulator } from '../../dev/simulator/simulator.ts';
import { recordDiscovery } from '../../src/services/recordDiscovery.ts';
import type { CheckClosureResult } from '../../src/workflows/closureMessages.ts';
import { workflowIds } from '../../src/workflows/ids.ts';
import type { IngestInvoiceResult, SyncInventoryResult } from '../../src/workflows/messages.ts';
import { searchAttributes } from '../../src/workflows/searchAttributes.ts';
import { taskQueues } from '../../src/workflows/taskQueues.ts';
import { type ApiUnderTest, startApi, tokenFor } from '../api/apiUnderTest.ts';
import { billingWorld, goldenTenant } from '../services/rollup/billingWorld.ts';
import { testPostgresUrl } from '../support/addresses.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { invoiceOf, keepNewestInvoices, simulatedProvider } from '../support/simulator.ts';
import { startTestWorker, type TestWorker } from '../support/worker.ts';

const period = '2026-04-01';
const workflowId = workflowIds.checkClosure(period);

describe('checkClosure on the golden account', () => {
  let database: TestDatabase;
  let simulator: Simulator;
  let worker: TestWorker;
  let api: ApiUnderTest;
  let superuser: pg.Client;

  beforeAll(async () => {
    database = await createTestDatabase();
    simulator = await startSimulator();
    keepNewestInvoices(simulator.state.account, 2);
    const provider = simulatedProvider(simulator);
    worker = await startTestWorker({
      appUrl: database.appUrl,
      providers: [provider],
      namespace: 'check-closure',
      queues: [taskQueues.billing, taskQueues.syncFast],
    });
    api = await startApi({ databaseUrl: database.appUrl, temporal: () => worker.client });
    await recordDiscovery(worker.em(), {
      provider: provider.name,
      discoveredAt: new Date(),
      history: await Array.fromAsync(provider.billingHistory()),
      periods: await Array.fromAsync(provider.invoicePeriods()),
    });
    const url = new URL(testPostgresUrl());
    url.pathname = new URL(database.ownerUrl).pathname;
    superuser = new pg.Client({ connectionString: url.href });
    await superuser.connect();
    await superuser.query('set session_replication_role = replica');
  }, 60_000);

  afterAll(async () => {
    await superuser?.end();
    await api?.close();
    await worker?.stop();
    await simulator?.close();
    await database?.drop();
  });

  const result = (): Promise<CheckClosureResult> => worker.client.workflow.result(workflowId);
  const latestRun = async () => (await worker.client.workflow.getHandle(workflowId).describe()).runId;
  const ask = () =>
    api.call('/api/v1/dashboard/closure', {
      method: 'POST',
      token: tokenFor('platform_admin'),
      body: { period },
    });

  function ingest(): Promise<IngestInvoiceResult> {
    const { uuid } = invoiceOf(simulator.state.account, '2026-04');
    return worker.client.workflow.execute('ingestInvoice', {
      workflowId: workflowIds.ingestInvoice('digitalocean', uuid),
      taskQueue: taskQueues.billing,
      args: [{ provider: 'digitalocean', invoiceUuid: uuid }],
    });
  }

  const sync = (speed: 'fast' | 'full' = 'fast'): Promise<SyncInventoryResult> =>
    worker.client.workflow.execute('syncInventory', {
      workflowId: workflowIds.syncInventory(speed),
      taskQueue: taskQueues.syncFast,
      args: [{ provider: 'digitalocean', speed }],
    });

  async function failure(): Promise<ApplicationFailure> {
    const error = await result().then(
      () => undefined,
      (reason: unknown) => reason,
    );
    if (error instanceof WorkflowFailedError && error.cause instanceof ApplicationFailure) return error.cause;
    throw new Error('the check did not fail', { cause: error });
  }

  it('runs after an ingest, for the period of the invoice', async () => {
    expect(await ingest()).toMatchObject({ outcome: 'ingested' });
    expect(await result()).toEqual({ period, providers: 1, invoices: 0 });
    const { typedSearchAttributes } = await worker.client.workflow.getHandle(workflowId).describe();
    expect(typedSearchAttributes.get(searchAttributes.period)).toBe(period);
    expect(typedSearchAttributes.get(searchAttributes.phase)).toBe('done');
  });

  it('runs after a sync that lets cost lines meet resources, and after none that does not', async () => {
    const before = await latestRun();
    expect((await sync()).reattributed).toBeGreaterThan(0);
    const after = await latestRun();
    expect(after).not.toBe(before);
    expect(await result()).toEqual({ period, providers: 1, invoices: 0 });
    expect((await sync()).reattributed).toBe(0);
    expect(await latestRun()).toBe(after);
  });

  it('runs after a rollup, and counts its invoices', async () => {
    const billing = billingWorld((sql, parameters) => worker.em().execute(sql, parameters));
    await billing.seedCatalog();
    await billing.closeMonth(period);
    await goldenTenant(billing, { tenantId: 'golden', droplets: 3, addons: ['storage_50gb'], period });
    const before = await latestRun();
    await worker.client.workflow.execute('rollUpPeriod', {
      workflowId: workflowIds.rollUpPeriod(period),
      taskQueue: taskQueues.billing,
      args: [{ period }],
    });
    expect(await latestRun()).not.toBe(before);
    expect(await result()).toEqual({ period, providers: 1, invoices: 1 });
  });

  it('runs after a resource is given to a deployment or taken from it, and after nothing that moves no cost', async () => {
    const [owned] = await worker.em().execute<{ resource_id: string; deployment_id: string }[]>(
      `select line.resource_id, (select id from cloud_deployments limit 1) as deployment_id
       from cloud_cost_lines line where line.resource_id is not null and line.kind = 'droplet' order by line.id limit 1`,
    );
    const resources = `/api/v1/deployments/${owned?.deployment_id}/resources`;
    const give = () =>
      api.call(resources, {
        method: 'POST',
        token: tokenFor('platform_admin'),
        body: { resource_id: owned?.resource_id, from: '2026-04-10T00:00:00Z' },
      });
    const before = await latestRun();
    expect((await give()).status).toBe(201);
    const given = await latestRun();
    expect(given).not.toBe(before);
    expect(await result()).toMatchObject({ period });
    expect((await give()).status).toBe(201);
    expect(await latestRun()).toBe(given);
    const taken = await api.call(`${resources}/${owned?.resource_id}?to=2026-04-10T00:00:00Z`, {
      method: 'DELETE',
      token: tokenFor('platform_admin'),
    });
    expect(taken.status).toBe(200);
    expect(await latestRun()).not.toBe(given);
    expect(await result()).toMatchObject({ period });
  });

  it('runs after a project comes to another tenant, and after the provider moves resources to another project', async () => {
    await sync('full');
    const { projectResources } = simulator.state.account;
    const [from, to] = [...new Set(projectResources.map(({ projectId }) => projectId))];
    const [project] = await worker
      .em()
      .execute<{ id: string }[]>('select id from cloud_projects where external_id = ?', [from]);
    const before = await latestRun();
    const assigned = await api.call(`/api/v1/projects/${project?.id}`, {
      method: 'PUT',
      token: tokenFor('platform_admin'),
      body: { tenant_id: 'golden', reason: 'test' },
    });
    expect(assigned.status).toBe(200);
    const given = await latestRun();
    expect(given).not.toBe(before);
    expect(await result()).toMatchObject({ period });
    for (const [index, entry] of projectResources.entries()) {
      if (entry.projectId === from) projectResources[index] = { ...entry, projectId: to ?? '' };
    }
    expect((await sync('full')).reattributed).toBe(0);
    expect(await latestRun()).not.toBe(given);
    expect(await result()).toMatchObject({ period });
  });

  it('runs after a new estimate of the running month, and after none that is known already', async () => {
    const estimate = () =>
      worker.client.workflow.execute('estimateMonth', {
        workflowId: workflowIds.estimateMonth(),
        taskQueue: taskQueues.billing,
        args: [{ provider: 'digitalocean' }],
      });
    const check = worker.client.workflow.getHandle(workflowIds.checkClosure('2026-05-01'));
    await estimate();
    expect(await check.result()).toEqual({ period: '2026-05-01', providers: 1, invoices: 0 });
    const { runId } = await check.describe();
    await estimate();
    expect((await check.describe()).runId).toBe(runId);
  });

  it('reads the books again where it is asked while it reads them', async () => {
    await superuser.query('begin');
    await superuser.query('lock table cloud_invoices in access exclusive mode');
    const first = await ask();
    const handle = worker.client.workflow.getHandle(workflowId);
    while (((await handle.describe()).raw.pendingActivities?.length ?? 0) === 0) await delay(50);
    const second = await ask();
    await superuser.query('commit');
    expect([first.status, second.status]).toEqual([202, 202]);
    expect(second.json['run_id']).toBe(first.json['run_id']);
    await result();
    const { events } = await handle.fetchHistory();
    const reads = (events ?? []).filter(
      ({ activityTaskScheduledEventAttributes: activity }) => activity?.activityType?.name === 'readClosure',
    );
    expect(reads).toHaveLength(2);
  });

  it('fails with the rows where the books were broken, names them to the operator, and holds up no ingest', async () => {
    await superuser.query(
      `update tenant_invoice_lines set amount_cents = amount_cents + 1
       where id = (select min(id) from tenant_invoice_lines where type = 'plan_base')`,
    );
    await superuser.query(
      `update cloud_cost_lines set currency = 'EUR' where id = (select min(id) from cloud_cost_lines)`,
    );
    await superuser.query(
      `insert into rollup_worklist (period_start, tenant_id, position, state, attempts, updated_at)
       values ($1, 'lost', 1000, 'done', 1, now())`,
      [period],
    );
    expect((await ask()).status).toBe(202);

    const { type, nonRetryable, message, details } = await failure();

    expect({ type, nonRetryable }).toEqual({ type: 'books_do_not_close', nonRetryable: true });
    expect(message).toContain('the books of 2026-04 do not close: 4 rows');
    expect(message).toContain('the rollup counts tenant "lost" as invoiced, but there is no invoice');
    expect(details?.[0]).toMatchObject([
      { code: 'costs_differ', subject: 'digitalocean' },
      { code: 'costs_differ', subject: 'digitalocean' },
      { code: 'invoice_differs' },
      { code: 'tenant_without_invoice', subject: 'lost' },
    ]);
    const handle = worker.client.workflow.getHandle(workflowId);
    expect((await handle.describe()).typedSearchAttributes.get(searchAttributes.problem)).toBe(
      'books_do_not_close',
    );
    expect(await handle.query('__temporal_workflow_metadata')).toMatchObject({ currentDetails: message });
    expect((await ingest()).outcome).not.toBe('held');
    expect((await failure()).type).toBe('books_do_not_close');
  });
});
