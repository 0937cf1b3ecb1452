import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  WorkflowExecutionAlreadyStartedError,
  type WorkflowFailedError,
  type WorkflowHandle,
  type WorkflowHandleWithFirstExecutionRunId,
} from '@temporalio/client';
import pg from 'pg';
import type { Period } from '../../src/domain/period.ts';
import { readLedger } from '../../src/services/rollup/periodLedger.ts';
import { workflowIds } from '../../src/workflows/ids.ts';
import type { issuePeriod, rollUpPeriod } from '../../src/workflows/index.ts';
import {
  type OperatorRequest,
  type RollUpPeriodInput,
  type RollUpProgress,
  rollUpMessages,
  type TenantUpdateResult,
} from '../../src/workflows/rollUpMessages.ts';
import { searchAttributes } from '../../src/workflows/searchAttributes.ts';
import { taskQueues } from '../../src/workflows/taskQueues.ts';
import {
  type BillingWorld,
  billingWorld,
  goldenTenant,
  invoicesOf,
} from '../services/rollup/billingWorld.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { until } from '../support/killableWait.ts';
import { startTestWorker, type TestWorker } from '../support/worker.ts';

const period = '2026-04-01';
const byOperator: OperatorRequest = { subject: 'operator', role: 'platform_admin', reason: 'a test' };

let database: TestDatabase;
let worker: TestWorker;
let billing: BillingWorld;
let worlds = 0;

beforeEach(async () => {
  worlds += 1;
  database = await createTestDatabase();
  worker = await startTestWorker({
    appUrl: database.appUrl,
    providers: [],
    namespace: `roll-up-period-${worlds}`,
    queues: [taskQueues.billing],
  });
  billing = billingWorld((sql, parameters) => worker.em().execute(sql, parameters));
  await billing.seedCatalog();
  await billing.closeMonth(period);
}, 60_000);
afterEach(async () => {
  await worker?.stop();
  await database?.drop();
});

function start(
  input: RollUpPeriodInput,
): Promise<WorkflowHandleWithFirstExecutionRunId<typeof rollUpPeriod>> {
  return worker.client.workflow.start<typeof rollUpPeriod>('rollUpPeriod', {
    workflowId: workflowIds.rollUpPeriod(input.period),
    taskQueue: taskQueues.billing,
    args: [input],
    workflowIdConflictPolicy: input.force === undefined ? 'USE_EXISTING' : 'FAIL',
    workflowIdReusePolicy: 'ALLOW_DUPLICATE',
  });
}

const rollUp = async (input: RollUpPeriodInput) => (await start(input)).result();

const issued = (month: Period) =>
  worker.client.workflow.result<typeof issuePeriod>(workflowIds.issuePeriod(month));

async function tenants(count: number): Promise<string[]> {
  const deployments: string[] = [];
  for (let index = 0; index < count; index += 1) {
    const deploymentId = await billing.deployment({
      tenantId: `tenant-${String(index).padStart(4, '0')}`,
      plan: 'studio',
      startsOn: period,
    });
    deployments.push(deploymentId);
  }
  return deployments;
}

const count = async (sql: string): Promise<number> => {
  const [row] = await worker.em().execute<{ count: number }[]>(`select count(*)::int as count from ${sql}`);
  return row?.count ?? -1;
};

describe('rollUpPeriod', () => {
  it('bills the goldens to the cent, checks and issues them, and skips them when it runs again', async () => {
    await goldenTenant(billing, { tenantId: 'golden', droplets: 3, addons: ['storage_50gb'], period });
    await goldenTenant(billing, { tenantId: 'pilot', droplets: 5, addons: [], period });
    expect(await rollUp({ period })).toEqual({
      period,
      tenants: 2,
      invoiced: 2,
      existing: 0,
      failed: 0,
      skipped: 0,
    });
    expect(await issued(period)).toMatchObject({ issued: 2, held: 0 });
    const invoices = await invoicesOf(worker.em(), period);
    expect(invoices).toMatchObject([
      { tenant: 'golden', status: 'issued', number: 'INV-000001', subtotal: 6422, tax: 642, total: 7064 },
      { tenant: 'pilot', status: 'issued', number: 'INV-000002', subtotal: 7112, tax: 711, total: 7823 },
    ]);
    const ledger = await readLedger(worker.em(), period);
    expect(ledger).toMatchObject({ state: 'issued', tenants: 2, invoiced: 2, failed: 0, skipped: 0 });
    expect(ledger?.checkedAt).toBeInstanceOf(Date);

    expect(await rollUp({ period })).toMatchObject({ invoiced: 0, existing: 2 });
    await issued(period);
    expect(await invoicesOf(worker.em(), period)).toEqual(invoices);
  });

  it('runs once, however many start it at once', async () => {
    await tenants(30);
    const handles = await Promise.all(Array.from({ length: 20 }, () => start({ period, batchSize: 5 })));
    const runs = new Set(handles.map((handle) => handle.firstExecutionRunId));
    expect(runs.size).toBe(1);
    expect(await handles[0]?.result()).toMatchObject({ invoiced: 30, existing: 0 });
    expect(await count('tenant_invoices')).toBe(30);
  });

  it('lets one of two forced runs through, and computes drafts anew in place', async () => {
    const [deploymentId = ''] = await tenants(3);
    await rollUp({ period });
    // Issued before the force: stays as it is.
    await issued(period);
    await billing.deployment({ tenantId: 'late-comer', plan: 'studio', startsOn: period });
    await worker.em().execute(`update period_ledger set issue_after = now() + interval '1 day'`);
    await rollUp({ period });
    const before = await invoicesOf(worker.em(), period);
    await billing.use({
      deploymentId,
      kind: 'droplet_hours',
      from: period,
      until: '2026-05-01',
      quantity: '400000',
    });

    const attempts = await Promise.allSettled([1, 2].map(() => start({ period, force: byOperator })));
    const refused = attempts.filter(({ status }) => status === 'rejected');
    expect(refused).toHaveLength(1);
    expect(refused[0]).toMatchObject({ reason: expect.any(WorkflowExecutionAlreadyStartedError) });
    expect(await worker.client.workflow.result(workflowIds.rollUpPeriod(period))).toMatchObject({
      invoiced: 1,
      existing: 3,
    });
    const after = await invoicesOf(worker.em(), period);
    expect(after).toEqual(
      before.map((invoice) => (invoice.tenant === 'late-comer' ? { ...invoice, revision: 2 } : invoice)),
    );
    expect(await count(`audit_log where action = 'period_ledger.force_roll_up' and actor = 'operator'`)).toBe(
      1,
    );
  });

  it('sets one poison tenant of 500 aside, and closes when it is mended and retried', async () => {
    const deployments = await tenants(500);
    // A kind without a price, for a plan that has no item for it.
    await worker.em().execute(`delete from resource_prices`);
    const poisoned = deployments[123] ?? '';
    const poison = {
      deploymentId: poisoned,
      kind: 'volume_gb_month',
      from: period,
      until: '2026-04-02',
    } as const;
    await billing.use({ ...poison, quantity: '100000000000000000' });
    const handle = await start({ period });
    const progress = await untilExceptions(handle);
    expect(progress).toMatchObject({ tenants: 500, done: 499, failed: 1, left: 0 });
    expect(progress.exceptions).toMatchObject([{ tenantId: 'tenant-0123', problem: 'unpriced_usage' }]);
    expect(await count('tenant_invoices')).toBe(499);
    // The others are issued without waiting for it.
    expect(await issued(period)).toMatchObject({ issued: 499 });
    const description = await handle.describe();
    expect(description.status.name).toBe('RUNNING');
    expect(description.typedSearchAttributes.get(searchAttributes.problem)).toBe('unpriced_usage');
    expect(description.typedSearchAttributes.get(searchAttributes.tenant)).toBe('tenant-0123');
    expect(description.typedSearchAttributes.get(searchAttributes.period)).toBe(period);
    expect(await currentDetails(handle)).toMatch(
      /499 done, 1 failed, 0 left of 500 tenants\ntenant-0123: unpriced_usage: /,
    );

    const unmended = await update(handle, 'retryTenantUpdate', 'tenant-0123');
    expect(unmended).toMatchObject({ state: 'failed', problem: 'unpriced_usage' });
    await billing.seedPrices();
    expect(await update(handle, 'retryTenantUpdate', 'tenant-0123')).toMatchObject({ state: 'done' });
    expect(await handle.result()).toMatchObject({ tenants: 500, invoiced: 500, failed: 0 });
    expect(await count('tenant_invoices')).toBe(500);
    expect(await count(`audit_log where action = 'rollup_worklist.retry' and actor = 'operator'`)).toBe(2);
    await until('the last one is issued', async () =>
      (await count(`tenant_invoices where status = 'draft'`)) === 0 ? true : undefined,
    );
  }, 120_000);

  it('closes when the exceptions are skipped, with a reason', async () => {
    const [deploymentId = ''] = await tenants(2);
    await billing.profile('tenant-0000', { currency: 'USD' });
    await billing.charge(deploymentId, '1.25', '2026-04-10T00:00:00Z');
    const handle = await start({ period });
    const { exceptions } = await untilExceptions(handle);
    expect(exceptions).toMatchObject([{ tenantId: 'tenant-0000', problem: 'mixed_currency' }]);
    await expect(update(handle, 'skipTenantUpdate', 'tenant-0001')).rejects.toMatchObject({
      cause: { cause: { type: 'not_an_exception' } },
    });
    await expect(update(handle, 'skipTenantUpdate', 'nobody')).rejects.toMatchObject({
      cause: { cause: { type: 'not_in_rollup' } },
    });
    await expect(
      update(handle, 'skipTenantUpdate', 'tenant-0000', { ...byOperator, reason: ' ' }),
    ).rejects.toMatchObject({
      cause: { message: expect.stringContaining('reason is empty') },
    });
    expect(await update(handle, 'skipTenantUpdate', 'tenant-0000')).toMatchObject({ state: 'skipped' });
    expect(await handle.result()).toMatchObject({ invoiced: 1, failed: 0, skipped: 1 });
    expect(await readLedger(worker.em(), period)).toMatchObject({ invoiced: 1, skipped: 1, failed: 0 });
    // What the gateway charged is not lost: the next rollup takes it.
    expect(
      await count(`late_usage where deployment_id = '${deploymentId}' and source_llm and settled_at is null`),
    ).toBe(1);
    // A rerun leaves the skipped one alone.
    expect(await rollUp({ period })).toMatchObject({ invoiced: 0, existing: 1, skipped: 1 });
  });

  it('retries everybody who failed with one update', async () => {
    await tenants(20);
    await billing.setDay('2026-04-30', 'droplet_hours', 'open');
    const handle = await start({ period, batchSize: 7 });
    expect(await untilExceptions(handle)).toMatchObject({ failed: 20, done: 0 });
    await billing.setDay('2026-04-30', 'droplet_hours', 'closed');
    const summary = await handle.executeUpdate(rollUpMessages.retryFailedUpdate, {
      args: [{ request: byOperator }],
    });
    expect(summary).toMatchObject({ invoiced: 20, failed: 0 });
    expect(await handle.result()).toMatchObject({ invoiced: 20 });
    // By the issue that the rollup started first, where that had not ended yet, or by the one that the retry did.
    await issued(period);
    expect(await count(`tenant_invoices where status = 'issued' and period_start = '${period}'`)).toBe(20);
  });

  it('fails with the rows named, and issues nothing, where an invoice is not what its inputs say', async () => {
    await tenants(2);
    await asOwner(`create function spoil_line() returns trigger language plpgsql as $$
      begin new.amount_cents = new.amount_cents + 1; return new; end $$;
      create trigger spoil_line before insert on tenant_invoice_lines for each row
      when (new.tenant_id = 'tenant-0001' and new.type = 'plan_base') execute function spoil_line()`);
    const handle = await start({ period });
    const failure = await handle.result().catch((error: WorkflowFailedError) => error.cause);
    const [{ id } = { id: '' }] = await worker
      .em()
      .execute<{ id: string }[]>(`select id from tenant_invoices where tenant_id = 'tenant-0001'`);
    expect(failure).toMatchObject({
      type: 'invoices_differ',
      message: `1 differences\ninvoice ${id} of tenant-0001 line 1: amount_cents is 5001, computed 5000`,
    });
    const description = await handle.describe();
    expect(description.typedSearchAttributes.get(searchAttributes.problem)).toBe('invoices_differ');
    expect(await readLedger(worker.em(), period)).toMatchObject({ state: 'rolling_up', checkedAt: null });
    await expect(
      worker.client.workflow.getHandle(workflowIds.issuePeriod(period)).describe(),
    ).rejects.toThrow();
    // Mended by computing the drafts anew.
    await asOwner('drop trigger spoil_line on tenant_invoice_lines');
    expect(await rollUp({ period, force: byOperator })).toMatchObject({ invoiced: 2 });
    expect(await issued(period)).toMatchObject({ issued: 2 });
  });
});

async function asOwner(sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: database.ownerUrl });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

async function update(
  handle: WorkflowHandle<typeof rollUpPeriod>,
  name: 'retryTenantUpdate' | 'skipTenantUpdate',
  tenantId: string,
  request = byOperator,
): Promise<TenantUpdateResult> {
  return handle.executeUpdate(rollUpMessages[name], { args: [{ tenantId, request }] });
}

async function untilExceptions(handle: WorkflowHandle<typeof rollUpPeriod>): Promise<RollUpProgress> {
  return until('the exceptions are open', async () => {
    const progress = await handle.query<RollUpProgress>(rollUpMessages.progressQuery);
    return progress.phase === 'exceptions' ? progress : undefined;
  });
}

async function currentDetails(handle: WorkflowHandle<typeof rollUpPeriod>): Promise<string> {
  const { currentDetails: details } = await handle.query<{ currentDetails: string }>(
    '__temporal_workflow_metadata',
  );
  return details;
}
