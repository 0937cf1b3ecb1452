import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { addDays, dayOf } from '../../src/domain/calendar.ts';
import { createDeployment } from '../../src/services/createDeployment.ts';
import { restoreAfterPayment } from '../../src/services/dunning.ts';
import { subscribeDeployment } from '../../src/services/subscribeDeployment.ts';
import { systemSession } from '../../src/session.ts';
import { workflowIds } from '../../src/workflows/ids.ts';
import { taskQueues } from '../../src/workflows/taskQueues.ts';
import { addPlan } from '../services/catalogRows.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { startTimeSkippingWorker, type TimeSkippingWorker } from '../support/timeSkippingWorker.ts';

let database: TestDatabase;
let worker: TimeSkippingWorker;

beforeAll(async () => {
  database = await createTestDatabase();
  worker = await startTimeSkippingWorker(database.appUrl);
}, 300_000);
afterAll(async () => {
  await worker?.stop();
  await database?.drop();
});

const sweep = () =>
  worker.client.workflow.execute('sweepLifecycle', {
    workflowId: workflowIds.sweepLifecycle(),
    taskQueue: taskQueues.billing,
    args: [{}],
  });

it('takes a deployment through trial, debt, suspension and payment in 75 days of skipped time, a sweep a day', async () => {
  const began = await worker.now();
  const first = dayOf(began.toISOString());
  const request = { actor: systemSession, now: began };
  await addPlan(worker.em(), 'studio');
  const { id } = await createDeployment(
    worker.em(),
    { tenantId: 'tenant-a', slug: 'shop', state: 'trial' },
    request,
  );
  await subscribeDeployment(
    worker.em(),
    id,
    { planCode: 'studio', addons: [], trialEndsAt: new Date(began.getTime() + 10 * 86_400_000) },
    request,
  );
  // Due on day 20.
  const invoice = randomUUID();
  await worker.em().execute(
    `insert into tenant_invoices (id, tenant_id, period_start, number, status, currency, subtotal_cents, tax_cents, total_cents,
       due_cents, tax_rate, issued_at, due_on, created_at, updated_at)
     values (?, 'tenant-a', ?, 'INV-000001', 'issued', 'AUD', 5000, 500, 5500, 5500, 0.1, ?, ?, ?, ?)`,
    [invoice, `${first.slice(0, 7)}-01`, began, addDays(first, 20), began, began],
  );

  const periods = new Set<string>();
  for (let day = 0; day <= 75; day += 1) {
    if (day > 0) await worker.pass('1 day');
    if (day === 70) {
      await worker
        .em()
        .execute(
          `update tenant_invoices set status = 'paid', paid_cents = 5500, due_cents = 0, paid_at = now() where id = ?`,
          [invoice],
        );
      await restoreAfterPayment(worker.em(), ['tenant-a'], await worker.now());
    }
    await sweep();
    const [row] = await worker
      .em()
      .execute<{ start: string }[]>(
        'select current_period_start::text as start from subscriptions where deployment_id = ?',
        [id],
      );
    const today = addDays(first, day);
    expect(row?.start).toBe(`${today.slice(0, 7)}-01`);
    periods.add(row?.start ?? '');
  }

  const events = await worker.em().execute<{ to: string; on: string }[]>(
    `select to_state as "to", (occurred_at at time zone 'UTC')::date::text as "on" from cloud_deployment_events
     where deployment_id = ? and type = 'transition' order by id`,
    [id],
  );
  expect(events).toEqual([
    { to: 'active', on: addDays(first, 10) },
    { to: 'past_due', on: addDays(first, 21) },
    { to: 'paused', on: addDays(first, 28) },
    { to: 'suspended', on: addDays(first, 42) },
    { to: 'active', on: addDays(first, 70) },
  ]);
  expect(await worker.em().execute('select starts_on::text, ends_on::text from subscription_pauses')).toEqual(
    [{ starts_on: addDays(first, 28), ends_on: addDays(first, 70) }],
  );
  expect(periods.size).toBeGreaterThanOrEqual(3);
}, 300_000);
