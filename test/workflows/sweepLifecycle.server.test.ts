import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createDeployment } from '../../src/services/createDeployment.ts';
import { subscribeDeployment } from '../../src/services/subscribeDeployment.ts';
import { systemSession } from '../../src/session.ts';
import { workflowIds } from '../../src/workflows/ids.ts';
import type { SweepLifecycleResult } from '../../src/workflows/messages.ts';
import { searchAttributes } from '../../src/workflows/searchAttributes.ts';
import { taskQueues } from '../../src/workflows/taskQueues.ts';
import { addPlan } from '../services/catalogRows.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { startTestWorker, type TestWorker } from '../support/worker.ts';

let database: TestDatabase;
let worker: TestWorker;

beforeAll(async () => {
  database = await createTestDatabase();
  worker = await startTestWorker({
    appUrl: database.appUrl,
    providers: [],
    namespace: 'sweep-lifecycle',
    queues: [taskQueues.billing],
  });
  await addPlan(worker.em(), 'studio');
}, 60_000);
afterAll(async () => {
  await worker?.stop();
  await database?.drop();
});

const start = () =>
  worker.client.workflow.start('sweepLifecycle', {
    workflowId: workflowIds.sweepLifecycle(),
    taskQueue: taskQueues.billing,
    args: [{}],
  });
const sweep = async (): Promise<SweepLifecycleResult> => (await start()).result();
const nothing = {
  restore: 0,
  suspended: 0,
  paused: 0,
  past_due: 0,
  end_trials: 0,
  roll_periods: 0,
  decommission: 0,
};

describe('sweepLifecycle', () => {
  it('changes what is due in every way, says how much, and changes nothing the second time', async () => {
    const long = new Date(Date.now() - 100 * 86_400_000);
    const create = async (tenantId: string, trialEndsAt?: Date) => {
      const request = { actor: systemSession, now: long };
      const state = trialEndsAt === undefined ? ('active' as const) : ('trial' as const);
      const { id } = await createDeployment(worker.em(), { tenantId, slug: 'shop', state }, request);
      await subscribeDeployment(worker.em(), id, { planCode: 'studio', addons: [], trialEndsAt }, request);
      return id;
    };
    await create('on-trial', new Date(Date.now() - 60_000));
    await create('still-on-trial', new Date(Date.now() + 3_600_000));
    await create('in-order');
    await create('owes');
    for (const state of ['past_due', 'paused', 'suspended']) {
      await create(`was-${state}`);
      await create(`paid-${state}`);
      await worker.em().execute(
        `update cloud_deployments set state = ?, dunning_state = ?, dunning_since = current_date - 50,
           paused_by = case when ? = 'paused' then 'dunning' end
         where tenant_id in (?, ?)`,
        [state, state, state, `was-${state}`, `paid-${state}`],
      );
    }
    await worker.em().execute(
      `insert into tenant_invoices (tenant_id, period_start, number, status, currency, subtotal_cents, tax_cents, total_cents,
         due_cents, tax_rate, issued_at, due_on, created_at, updated_at)
       select tenant_id, '2026-01-01', tenant_id, 'issued', 'AUD', 5000, 500, 5500, 5500, 0.1, now(), current_date - 1, now(), now()
       from cloud_deployments where tenant_id = 'owes' or tenant_id like 'was-%'`,
    );

    const handle = await start();
    expect(await handle.result()).toEqual({
      restore: 3,
      suspended: 1,
      paused: 1,
      past_due: 1,
      end_trials: 1,
      roll_periods: 10,
      decommission: 0,
    });
    const { typedSearchAttributes } = await handle.describe();
    expect(typedSearchAttributes.get(searchAttributes.phase)).toBe('done');
    const states = await worker
      .em()
      .execute('select tenant_id, state from cloud_deployments order by tenant_id');
    expect(states).toEqual([
      { tenant_id: 'in-order', state: 'active' },
      { tenant_id: 'on-trial', state: 'active' },
      { tenant_id: 'owes', state: 'past_due' },
      { tenant_id: 'paid-past_due', state: 'active' },
      { tenant_id: 'paid-paused', state: 'active' },
      { tenant_id: 'paid-suspended', state: 'active' },
      { tenant_id: 'still-on-trial', state: 'trial' },
      { tenant_id: 'was-past_due', state: 'paused' },
      { tenant_id: 'was-paused', state: 'suspended' },
      { tenant_id: 'was-suspended', state: 'suspended' },
    ]);
    expect(await sweep()).toEqual(nothing);
  });

  it('goes through as many deployments as there are, in batches', async () => {
    await worker.em().execute(
      `insert into cloud_deployments (tenant_id, slug, display_name, created_at, updated_at)
       select 'owes', 'd-' || n, 'many', now(), now() from generate_series(1, 2500) n`,
    );
    const handle = await start();
    expect(await handle.result()).toEqual({ ...nothing, past_due: 2500 });
    const [row] = await worker.em().execute(
      `select count(*)::int as events, count(distinct audit.subject_id)::int as audited
       from cloud_deployment_events event
       join audit_log audit on audit.subject_id = event.deployment_id::text and audit.workflow_id = 'sweep-lifecycle'
       join cloud_deployments deployment on deployment.id = event.deployment_id and deployment.display_name = 'many'
       where event.to_state = 'past_due'`,
    );
    expect(row).toEqual({ events: 2500, audited: 2500 });
    const { events } = await handle.fetchHistory();
    const activities = (events ?? []).filter((event) => event.activityTaskScheduledEventAttributes != null);
    // One a step and batch, and one for missed decommissions.
    expect(activities).toHaveLength(6 + 3 + 1);
  });
});
