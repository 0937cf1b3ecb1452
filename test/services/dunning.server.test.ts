import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createDeployment } from '../../src/services/createDeployment.ts';
import { type DunningTimes, dun, restoreAfterPayment, restoreNext } from '../../src/services/dunning.ts';
import { endTrials } from '../../src/services/endTrials.ts';
import { recordPayment } from '../../src/services/recordPayment.ts';
import { rollCurrentPeriods } from '../../src/services/rollCurrentPeriods.ts';
import { subscribeDeployment } from '../../src/services/subscribeDeployment.ts';
import { transitionDeployment } from '../../src/services/transitionDeployment.ts';
import { updateDeployment } from '../../src/services/updateDeployment.ts';
import { type Session, systemSession } from '../../src/session.ts';
import { addPlan } from './catalogRows.ts';
import { openWorld, type World } from './world.ts';

const alice: Session = { role: 'platform_admin', tenantId: '', subject: 'alice' };
const times: DunningTimes = { pauseAfterDays: 7, suspendAfterDays: 14 };
const on = (day: string) => new Date(`2026-${day}T00:20:00Z`);
const began = new Date('2026-04-01T09:00:00Z');

let world: World;
let tenants = 0;

beforeAll(async () => {
  world = await openWorld();
  await addPlan(world.em(), 'studio');
});
afterAll(() => world?.close());

/** Everything that a day's sweep does, in its order, until nothing is left. */
async function sweep(day: string, limit = 100): Promise<void> {
  const batch = { now: on(day), limit, workflowId: 'sweep-lifecycle' };
  const steps = [
    () => restoreNext(world.em(), batch),
    () => dun(world.em(), 'suspended', batch, times),
    () => dun(world.em(), 'paused', batch, times),
    () => dun(world.em(), 'past_due', batch, times),
    () => endTrials(world.em(), batch),
    () => rollCurrentPeriods(world.em(), batch),
  ];
  for (const step of steps) while ((await step()) > 0);
}

const newTenant = () => {
  tenants += 1;
  return `tenant-${tenants}`;
};
async function newDeployment(tenantId: string, trialEndsAt?: string): Promise<string> {
  const request = { actor: alice, now: began };
  const { id } = await createDeployment(
    world.em(),
    { tenantId, slug: randomUUID(), state: trialEndsAt === undefined ? 'active' : 'trial' },
    request,
  );
  await subscribeDeployment(
    world.em(),
    id,
    {
      planCode: 'studio',
      addons: [],
      trialEndsAt: trialEndsAt === undefined ? undefined : new Date(trialEndsAt),
    },
    request,
  );
  return id;
}
/** An issued invoice of $55. @returns its id */
async function invoice(tenantId: string, dueOn: string, period = '2026-04-01'): Promise<string> {
  const id = randomUUID();
  await world.em().execute(
    `insert into tenant_invoices (id, tenant_id, period_start, number, status, currency, subtotal_cents, tax_cents, total_cents,
       due_cents, tax_rate, issued_at, due_on, created_at, updated_at)
     values (?, ?, ?, ?, 'issued', 'AUD', 5000, 500, 5500, 5500, 0.1, ?, ?, ?, ?)`,
    [id, tenantId, period, `INV-${id.slice(0, 6)}`, began, dueOn, began, began],
  );
  return id;
}
const pay = (invoiceId: string, day: string, amountCents = 5500) =>
  recordPayment(world.em(), {
    invoiceId,
    amountCents,
    paidOn: `2026-${day}`,
    reference: randomUUID(),
    source: 'operator',
    now: on(day),
    actor: alice,
  });
async function stateOf(id: string) {
  const [row] = await world.em().execute<{ state: string; since: string | null }[]>(
    `select deployment.state, deployment.dunning_state, deployment.dunning_since::text, deployment.paused_by, subscription.status
     from cloud_deployments deployment join subscriptions subscription on subscription.deployment_id = deployment.id
     where deployment.id = ?`,
    [id],
  );
  return row;
}
const shortState = async (id: string) => (await stateOf(id))?.state;
const pausesOf = (id: string) =>
  world.em().execute(
    `select pause.starts_on::text, pause.ends_on::text from subscription_pauses pause
     join subscriptions subscription on subscription.id = pause.subscription_id where deployment_id = ? order by 1`,
    [id],
  );
const history = async (id: string) =>
  (
    await world.em().execute<{ entry: string }[]>(
      `select to_char(occurred_at at time zone 'UTC', 'MM-DD') || ' ' || to_state || ' by ' || role as entry
         from cloud_deployment_events where deployment_id = ? and type = 'transition' order by id`,
      [id],
    )
  ).map(({ entry }) => entry);
const move = (
  id: string,
  to: 'active' | 'paused' | 'suspended' | 'past_due',
  day: string,
  actor: Session = alice,
) => transitionDeployment(world.em(), id, to, { actor, now: on(day) });

describe('an overdue invoice', () => {
  it('makes past due the day after its due date, pauses 7 days later, suspends 14 days after that', async () => {
    const tenant = newTenant();
    const id = await newDeployment(tenant);
    await invoice(tenant, '2026-05-15');
    await sweep('05-15');
    expect(await stateOf(id)).toMatchObject({ state: 'active', dunning_state: null });
    await sweep('05-16');
    expect(await stateOf(id)).toEqual({
      state: 'past_due',
      dunning_state: 'past_due',
      dunning_since: '2026-05-16',
      paused_by: null,
      status: 'active',
    });
    await sweep('05-22');
    expect(await shortState(id)).toBe('past_due');
    await sweep('05-23');
    expect(await stateOf(id)).toEqual({
      state: 'paused',
      dunning_state: 'paused',
      dunning_since: '2026-05-23',
      paused_by: 'dunning',
      status: 'paused',
    });
    await sweep('06-05');
    expect(await shortState(id)).toBe('paused');
    await sweep('06-06');
    expect(await stateOf(id)).toEqual({
      state: 'suspended',
      dunning_state: 'suspended',
      dunning_since: '2026-06-06',
      paused_by: null,
      status: 'paused',
    });
    await sweep('12-01');
    expect(await shortState(id)).toBe('suspended');
    expect(await pausesOf(id)).toEqual([{ starts_on: '2026-05-23', ends_on: null }]);
    expect(await history(id)).toEqual([
      '05-16 past_due by system',
      '05-23 paused by system',
      '06-06 suspended by system',
    ]);
    const [event] = await world
      .em()
      .execute(
        `select actor, reason, details from cloud_deployment_events where deployment_id = ? and to_state = 'past_due'`,
        [id],
      );
    expect(event).toEqual({
      actor: 'workflow',
      reason: 'an invoice is overdue',
      details: { overdue_since: '2026-05-15', overdue_invoices: 1 },
    });
    const [audit] = await world
      .em()
      .execute(
        `select action, workflow_id, after from audit_log where subject_id = ? and after->>'state' = 'paused'`,
        [id],
      );
    expect(audit).toEqual({
      action: 'cloud_deployment.transition',
      workflow_id: 'sweep-lifecycle',
      after: { state: 'paused' },
    });
  });

  it('does one step a day where days were missed, dated when it is made', async () => {
    const tenant = newTenant();
    const id = await newDeployment(tenant);
    await invoice(tenant, '2026-05-15');
    await sweep('07-10');
    await sweep('07-10');
    expect(await stateOf(id)).toMatchObject({ state: 'past_due', dunning_since: '2026-07-10' });
    await sweep('07-16');
    expect(await shortState(id)).toBe('past_due');
    await sweep('08-30');
    expect(await stateOf(id)).toMatchObject({ state: 'paused', dunning_since: '2026-08-30' });
    await sweep('08-31');
    expect(await shortState(id)).toBe('paused');
    expect(await pausesOf(id)).toEqual([{ starts_on: '2026-08-30', ends_on: null }]);
  });

  it("concerns all of the tenant's active deployments, no others, and nobody else's", async () => {
    const tenant = newTenant();
    const [first, second, paused, suspended] = [
      await newDeployment(tenant),
      await newDeployment(tenant),
      await newDeployment(tenant),
      await newDeployment(tenant),
    ];
    const neighbour = await newDeployment(newTenant());
    await move(paused, 'paused', '05-01');
    await move(suspended, 'past_due', '05-01');
    await move(suspended, 'suspended', '05-01');
    await invoice(tenant, '2026-05-15');
    for (const day of ['05-16', '05-23', '06-06']) await sweep(day, 1);
    expect(await Promise.all([first, second, paused, suspended, neighbour].map(shortState))).toEqual([
      'suspended',
      'suspended',
      'paused',
      'suspended',
      'active',
    ]);
    expect(await stateOf(paused)).toMatchObject({ paused_by: 'operator', dunning_state: null });
    expect(await stateOf(suspended)).toMatchObject({ dunning_state: null });
  });

  it('does not touch what has billing actions suspended, whatever its step', async () => {
    const tenant = newTenant();
    const [never, later] = [await newDeployment(tenant), await newDeployment(tenant)];
    const hold = (id: string, isHeld: boolean) =>
      updateDeployment(world.em(), id, { billingActionSuspended: isHeld }, { actor: alice, now: began });
    await hold(never, true);
    const owed = await invoice(tenant, '2026-05-15');
    await sweep('05-16');
    await hold(later, true);
    await sweep('06-30');
    expect([await shortState(never), await shortState(later)]).toEqual(['active', 'past_due']);
    await pay(owed, '07-01');
    await sweep('07-01');
    expect(await shortState(later)).toBe('past_due');
    await hold(later, false);
    await sweep('07-02');
    expect(await shortState(later)).toBe('active');
  });

  it('is one that is issued, has something due and is past its day', async () => {
    const tenant = newTenant();
    const id = await newDeployment(tenant);
    const owed = await invoice(tenant, '2026-05-15');
    await world
      .em()
      .execute(
        `update tenant_invoices set status = 'void', voided_at = now(), void_reason = 'test' where id = ?`,
        [owed],
      );
    const paid = await invoice(tenant, '2026-05-15', '2026-05-01');
    await pay(paid, '05-01');
    await world.em().execute(
      `insert into tenant_invoices (tenant_id, period_start, status, currency, subtotal_cents, tax_cents, total_cents, due_cents, tax_rate, created_at, updated_at)
       values (?, '2026-06-01', 'draft', 'AUD', 1, 0, 1, 1, 0, now(), now())`,
      [tenant],
    );
    await invoice(tenant, '2026-05-31', '2026-07-01');
    await sweep('05-31');
    expect(await shortState(id)).toBe('active');
  });

  it('is not ended by an operator who makes the deployment active: the next day it is past due again, with its full time', async () => {
    const tenant = newTenant();
    const id = await newDeployment(tenant);
    await invoice(tenant, '2026-05-15');
    await sweep('05-16');
    await sweep('05-23');
    await move(id, 'active', '05-25');
    await sweep('05-26');
    expect(await stateOf(id)).toMatchObject({ state: 'past_due', dunning_since: '2026-05-26' });
    await sweep('06-01');
    expect(await shortState(id)).toBe('past_due');
  });
});

describe('payment of all that is overdue', () => {
  it.each([
    ['past due', ['05-16'], 'past_due'],
    ['paused', ['05-16', '05-23'], 'paused'],
    ['suspended', ['05-16', '05-23', '06-06'], 'suspended'],
  ])('restores at once what dunning made %s', async (_what, days, state) => {
    const tenant = newTenant();
    const id = await newDeployment(tenant);
    const owed = await invoice(tenant, '2026-05-15');
    for (const day of days) await sweep(day);
    expect(await shortState(id)).toBe(state);
    await pay(owed, '06-10');
    await restoreAfterPayment(world.em(), [tenant], on('06-10'));
    expect(await stateOf(id)).toEqual({
      state: 'active',
      dunning_state: null,
      dunning_since: null,
      paused_by: null,
      status: 'active',
    });
    if (state !== 'past_due') {
      expect(await pausesOf(id)).toEqual([{ starts_on: '2026-05-23', ends_on: '2026-06-10' }]);
    }
  });

  it('restores nothing while another invoice is overdue, or this one in part', async () => {
    const tenant = newTenant();
    const id = await newDeployment(tenant);
    const [first, second] = [
      await invoice(tenant, '2026-05-15'),
      await invoice(tenant, '2026-05-20', '2026-05-01'),
    ];
    await sweep('05-21');
    await pay(first, '05-22');
    expect(await restoreAfterPayment(world.em(), [tenant], on('05-22'))).toBe(0);
    await pay(second, '05-23', 5499);
    expect(await restoreAfterPayment(world.em(), [tenant], on('05-23'))).toBe(0);
    expect(await shortState(id)).toBe('past_due');
    await pay(second, '05-24', 1);
    await restoreAfterPayment(world.em(), [tenant], on('05-24'));
    expect(await shortState(id)).toBe('active');
  });

  it('restores although a newer invoice is issued that is not due yet', async () => {
    const tenant = newTenant();
    const id = await newDeployment(tenant);
    const owed = await invoice(tenant, '2026-05-15');
    await invoice(tenant, '2026-06-15', '2026-05-01');
    await sweep('05-16');
    await pay(owed, '05-20');
    await restoreAfterPayment(world.em(), [tenant], on('05-20'));
    expect(await shortState(id)).toBe('active');
  });

  it('leaves what a tenant or an operator paused or suspended, also after dunning', async () => {
    const tenant = newTenant();
    const ours: Session = { role: 'tenant', tenantId: tenant, subject: 'tess' };
    const [theirs, operators, escalated] = [
      await newDeployment(tenant),
      await newDeployment(tenant),
      await newDeployment(tenant),
    ];
    await move(theirs, 'paused', '05-10', ours);
    const owed = await invoice(tenant, '2026-05-15');
    await sweep('05-16');
    await move(operators, 'paused', '05-17');
    await sweep('05-23');
    await move(escalated, 'suspended', '05-24');
    await pay(owed, '05-25');
    await restoreAfterPayment(world.em(), [tenant], on('05-25'));
    await sweep('05-26');
    expect(await Promise.all([theirs, operators, escalated].map(shortState))).toEqual([
      'paused',
      'paused',
      'suspended',
    ]);
  });

  it('restores the tenants that it names alone; the others follow with the sweep', async () => {
    const [one, other] = [newTenant(), newTenant()];
    const [first, second] = [await newDeployment(one), await newDeployment(other)];
    const owed = [await invoice(one, '2026-05-15'), await invoice(other, '2026-05-15')];
    await sweep('05-16');
    for (const id of owed) await pay(id, '05-17');
    // Whatever a payment restores by itself is undone here.
    await world.em().execute(
      `update cloud_deployments set state = 'past_due', dunning_state = 'past_due', dunning_since = '2026-05-16'
       where id in (?, ?)`,
      [first, second],
    );
    expect(await restoreAfterPayment(world.em(), [one], on('05-17'))).toBe(1);
    expect([await shortState(first), await shortState(second)]).toEqual(['active', 'past_due']);
    await sweep('05-18');
    expect(await shortState(second)).toBe('active');
  });

  it('that is booked while a sweep runs is never lost between the two', async () => {
    for (let round = 0; round < 8; round += 1) {
      const tenant = newTenant();
      const id = await newDeployment(tenant);
      const owed = await invoice(tenant, '2026-05-15');
      const payment = world.em().transactional(async (em) => {
        await em.execute(
          `update tenant_invoices set status = 'paid', paid_cents = 5500, due_cents = 0, paid_at = now() where id = ?`,
          [owed],
        );
        await restoreAfterPayment(em, [tenant], on('05-16'));
      });
      await Promise.all([payment, dun(world.em(), 'past_due', { now: on('05-16'), limit: 100 }, times)]);
      expect(await shortState(id)).toBe('active');
    }
  });
});

describe('a trial', () => {
  it('ends when it says, and the deployment is active then', async () => {
    const id = await newDeployment(newTenant(), '2026-05-10T00:20:00Z');
    await sweep('05-09');
    expect(await shortState(id)).toBe('trial');
    await sweep('05-10');
    expect(await stateOf(id)).toMatchObject({ state: 'active', status: 'active' });
    expect(await history(id)).toEqual(['05-10 active by system']);
    const [subscription] = await world
      .em()
      .execute<{ trial_ends_at: Date }[]>('select trial_ends_at from subscriptions where deployment_id = ?', [
        id,
      ]);
    expect(new Date(subscription?.trial_ends_at ?? 0).toISOString()).toBe('2026-05-10T00:20:00.000Z');
  });

  it('found late has ended when it said', async () => {
    const id = await newDeployment(newTenant(), '2026-05-10T12:00:00Z');
    await sweep('05-20');
    const [row] = await world
      .em()
      .execute<{ trial_ends_at: Date }[]>('select trial_ends_at from subscriptions where deployment_id = ?', [
        id,
      ]);
    expect([await shortState(id), new Date(row?.trial_ends_at ?? 0).toISOString()]).toEqual([
      'active',
      '2026-05-10T12:00:00.000Z',
    ]);
  });

  it('goes on while the tenant owes; when it ends, past due follows with the next sweep', async () => {
    const tenant = newTenant();
    const id = await newDeployment(tenant, '2026-05-20T00:00:00Z');
    await invoice(tenant, '2026-05-15');
    await sweep('05-19');
    expect(await shortState(id)).toBe('trial');
    await sweep('05-20');
    expect(await shortState(id)).toBe('active');
    await sweep('05-21');
    expect(await stateOf(id)).toMatchObject({ state: 'past_due', dunning_since: '2026-05-21' });
  });
});

describe('the current period', () => {
  const periodOf = async (id: string) => {
    const [row] = await world
      .em()
      .execute<{ from: string; until: string }[]>(
        `select current_period_start::text as "from", current_period_end::text as until from subscriptions where deployment_id = ?`,
        [id],
      );
    return [row?.from, row?.until];
  };

  it('becomes the new month on its first day, and skips months that nobody swept', async () => {
    const id = await newDeployment(newTenant());
    await sweep('04-30');
    expect(await periodOf(id)).toEqual(['2026-04-01', '2026-05-01']);
    await sweep('05-01');
    expect(await periodOf(id)).toEqual(['2026-05-01', '2026-06-01']);
    await sweep('12-31');
    expect(await periodOf(id)).toEqual(['2026-12-01', '2027-01-01']);
  });

  it('stays what it was for a cancelled subscription', async () => {
    const id = await newDeployment(newTenant());
    await transitionDeployment(world.em(), id, 'cancelled', { actor: systemSession, now: began });
    await sweep('08-01');
    expect(await periodOf(id)).toEqual(['2026-04-01', '2026-05-01']);
  });
});

it('a sweep repeated on one day changes nothing more', async () => {
  const tenant = newTenant();
  await newDeployment(tenant);
  await newDeployment(newTenant(), '2026-05-16T00:00:00Z');
  await invoice(tenant, '2026-05-15');
  await sweep('05-16');
  const all = () => world.em().execute('select * from cloud_deployment_events order by id desc limit 20');
  const before = await all();
  await sweep('05-16');
  expect(await all()).toEqual(before);
});
