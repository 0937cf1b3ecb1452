import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { EntityManager } from '@mikro-orm/postgresql';
import { Addon } from '../../src/entities/addon.ts';
import { forSession, systemSession } from '../../src/session.ts';
import { addAddon, addPlan, publishVersion } from '../services/catalogRows.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { type Answer, type ApiUnderTest, itemsOf, startApi, tokenFor } from './apiUnderTest.ts';

let database: TestDatabase;
let api: ApiUnderTest;
let now: Date;
const admin = tokenFor('platform_admin', { sub: 'alice' });
const mine = tokenFor('tenant', { sub: 'tess' });

beforeAll(async () => {
  database = await createTestDatabase();
  api = await startApi({ databaseUrl: database.appUrl, clock: () => now });
  await addPlan(em(), 'studio');
  await addPlan(em(), 'pro', { basePriceCents: 12_000 });
  await addPlan(em(), 'studio-usd', { currency: 'USD' });
  await addAddon(em(), 'storage_50gb');
  await addAddon(em(), 'storage_usd', { currency: 'USD' });
});
beforeEach(() => {
  now = new Date('2026-05-20T10:00:00Z');
});
afterAll(async () => {
  await api.close();
  await database.drop();
});

const em = (): EntityManager => forSession(api.orm, systemSession);
const send = (method: string, path: string, body?: unknown, token = admin): Promise<Answer> =>
  api.call(`/api/v1${path}`, { method, token, ...(body === undefined ? {} : { body }) });
const post = (path: string, body: unknown, token = admin) => send('POST', path, body, token);

let slugs = 0;
async function newDeployment(body: object = {}, token = admin): Promise<string> {
  slugs += 1;
  const owner = token === admin ? { tenant_id: 'tenant-a' } : {};
  const answer = await post('/deployments', { ...owner, slug: `d-${slugs}`, ...body }, token);
  expect([answer.status, answer.text.slice(0, 300)]).toEqual([201, expect.any(String)]);
  return String(answer.json['id']);
}
async function subscribed(body: object = {}, token = admin): Promise<string> {
  const id = await newDeployment();
  const answer = await post(`/deployments/${id}/subscribe`, { plan_code: 'studio', ...body }, token);
  expect([answer.status, answer.json['code']]).toEqual([201, undefined]);
  return id;
}
const read = async (id: string, token = admin) =>
  (await send('GET', `/deployments/${id}`, undefined, token)).json;
const transition = (id: string, to: string, token = admin, reason = 'because') =>
  post(`/deployments/${id}/transition`, { to, reason }, token);
const outcome = (answer: Answer) => [answer.status, answer.json['code']];
const pointers = (answer: Answer) =>
  ((answer.json['errors'] ?? []) as { pointer: string }[]).map(({ pointer }) => pointer);

describe('POST /deployments', () => {
  it("creates a tenant's own, active, with where to find it", async () => {
    const answer = await post('/deployments', { slug: 'shop' }, mine);
    expect(answer.json).toMatchObject({
      tenant_id: 'tenant-a',
      slug: 'shop',
      display_name: 'shop',
      state: 'active',
      llm_mode: 'gateway',
      billing_action_suspended: false,
      subscription: null,
      events: [{ type: 'created', to_state: 'active', role: 'tenant', actor: 'tess' }],
    });
    const found = await api.call(answer.headers.get('location') ?? '', { token: mine });
    expect(found.json).toEqual(answer.json);
  });

  it('takes a slug once for each tenant', async () => {
    await post('/deployments', { slug: 'twice' }, mine);
    expect(outcome(await post('/deployments', { slug: 'twice' }, mine))).toEqual([409, 'slug_taken']);
    const other = await post('/deployments', { slug: 'twice', tenant_id: 'tenant-b' });
    expect(other.status).toBe(201);
  });

  it('lets only admins name another tenant, begin a trial or suspend billing actions', async () => {
    for (const body of [{ tenant_id: 'tenant-b' }, { state: 'trial' }, { billing_action_suspended: true }]) {
      const refused = await post('/deployments', { slug: 'mine-not', ...body }, mine);
      expect(outcome(refused)).toEqual([403, 'forbidden']);
    }
    const created = await post('/deployments', {
      slug: 'all-of-it',
      tenant_id: 'tenant-b',
      state: 'trial',
      billing_action_suspended: true,
    });
    expect(created.json).toMatchObject({
      tenant_id: 'tenant-b',
      state: 'trial',
      billing_action_suspended: true,
    });
  });

  it('asks an admin whose it is', async () => {
    const answer = await post('/deployments', { slug: 'whose' });
    expect([...outcome(answer), ...pointers(answer)]).toEqual([422, 'tenant_required', '/body/tenant_id']);
  });

  it('creates one for two requests with one Idempotency-Key', async () => {
    const create = () =>
      api.call('/api/v1/deployments', {
        method: 'POST',
        token: mine,
        body: { slug: 'keyed' },
        headers: { 'idempotency-key': 'keyed' },
      });
    const [first, again] = [await create(), await create()];
    expect([first.status, again.status, again.text]).toEqual([201, 201, first.text]);
    expect(again.headers.get('location')).toBe(first.headers.get('location'));
  });
});

describe('GET /deployments', () => {
  it('shows an admin all of them by page and filter, a tenant its own', async () => {
    const theirs = await newDeployment({ tenant_id: 'tenant-list', slug: 'one' });
    const second = await newDeployment({ tenant_id: 'tenant-list', slug: 'two', state: 'trial' });
    const list = async (query: string, token = admin) =>
      itemsOf(await send('GET', `/deployments?${query}`, undefined, token)).map((item) => item['id']);
    expect(new Set(await list('tenant=tenant-list'))).toEqual(new Set([theirs, second]));
    expect(await list('tenant=tenant-list&state=trial')).toEqual([second]);
    expect(await list('tenant=tenant-list&slug=one')).toEqual([theirs]);
    expect(await list('tenant=tenant-list', mine)).toEqual([]);
    const own = await list('limit=200', mine);
    expect(own).not.toContain(theirs);
    expect(own.length).toBeGreaterThan(0);
    const page = await send('GET', '/deployments?tenant=tenant-list&limit=1');
    const next = await send(
      'GET',
      `/deployments?tenant=tenant-list&limit=1&cursor=${page.json['next_cursor']}`,
    );
    expect([...itemsOf(page), ...itemsOf(next)].map((item) => item['id'])).toEqual([theirs, second].sort());
  });
});

describe('PATCH /deployments/:id', () => {
  it('changes what is named, and says what was and what is', async () => {
    const id = await newDeployment({ region: 'syd1' }, mine);
    const answer = await send('PATCH', `/deployments/${id}`, { display_name: 'Shop', region: null }, mine);
    expect(answer.json).toMatchObject({ display_name: 'Shop', region: null, llm_mode: 'gateway' });
    const audit = itemsOf(await send('GET', `/audit?subject_id=${id}`));
    expect(audit[0]).toMatchObject({
      action: 'cloud_deployment.update',
      actor: 'tess',
      before: { display_name: expect.any(String), region: 'syd1' },
      after: { display_name: 'Shop', region: null },
    });
  });

  it('writes nothing down where nothing differs', async () => {
    const id = await newDeployment({ display_name: 'Shop' }, mine);
    const answer = await send('PATCH', `/deployments/${id}`, { display_name: 'Shop' }, mine);
    expect(answer.json['events']).toHaveLength(1);
  });

  it('lets only admins suspend billing actions and let them go on', async () => {
    const id = await newDeployment({}, mine);
    const refused = await send('PATCH', `/deployments/${id}`, { billing_action_suspended: true }, mine);
    expect(outcome(refused)).toEqual([403, 'forbidden']);
    const body = { billing_action_suspended: true, reason: 'a dispute' };
    const done = await send('PATCH', `/deployments/${id}`, body);
    expect(done.json).toMatchObject({ billing_action_suspended: true });
    expect((done.json['events'] as object[])[0]).toMatchObject({
      type: 'updated',
      actor: 'alice',
      reason: 'a dispute',
    });
  });

  it("doesn't tell a tenant which operator it was, nor why", async () => {
    const id = await newDeployment({}, mine);
    await send('PATCH', `/deployments/${id}`, { billing_action_suspended: true, reason: 'smells of fraud' });
    const [event] = (await read(id, mine))['events'] as object[];
    expect(event).toMatchObject({ role: 'platform_admin', actor: null, reason: null });
  });
});

describe('a transition', () => {
  it('that the table lacks is a 422 that lists what is allowed', async () => {
    const id = await newDeployment();
    await transition(id, 'paused');
    const answer = await transition(id, 'archived');
    expect(outcome(answer)).toEqual([422, 'invalid_transition']);
    expect(answer.json['context']).toEqual({
      from: 'paused',
      to: 'archived',
      allowed: ['active', 'suspended', 'cancelled'],
    });
    expect(answer.json['detail']).toContain('active, suspended, cancelled');
  });

  it('leaves an event with its actor, and an audit row', async () => {
    const id = await newDeployment();
    await transition(id, 'past_due', admin, 'owes us');
    const { state, events } = await read(id);
    expect(state).toBe('past_due');
    expect((events as object[])[0]).toEqual({
      type: 'transition',
      from_state: 'active',
      to_state: 'past_due',
      role: 'platform_admin',
      actor: 'alice',
      reason: 'owes us',
      details: {},
      occurred_at: now.toISOString(),
    });
    const [audit] = itemsOf(await send('GET', `/audit?subject_id=${id}`));
    expect(audit).toMatchObject({
      action: 'cloud_deployment.transition',
      actor: 'alice',
      reason: 'owes us',
      before: { state: 'active' },
      after: { state: 'past_due' },
      request_id: expect.any(String),
    });
  });

  it.each([
    ['pauses', 'active', 'paused', 200],
    ['cancels what is active', 'active', 'cancelled', 200],
    ['makes past due', 'active', 'past_due', 403],
    ['resumes', 'paused', 'active', 200],
    ['suspends', 'paused', 'suspended', 403],
    ['cancels what is past due', 'past_due', 'cancelled', 200],
    ['pauses what is past due', 'past_due', 'paused', 403],
    ['makes active what is past due', 'past_due', 'active', 403],
    ['makes active what is suspended', 'suspended', 'active', 403],
    ['cancels what is suspended', 'suspended', 'cancelled', 200],
    ['archives', 'cancelled', 'archived', 403],
  ])('by which a tenant %s (%s to %s) is a %i', async (_what, from, to, status) => {
    const id = await newDeployment({}, mine);
    const ways: Record<string, string[]> = { suspended: ['past_due', 'suspended'], active: [] };
    for (const state of ways[from] ?? [from]) await transition(id, state);
    expect((await transition(id, to, mine)).status).toBe(status);
    expect((await read(id))['state']).toBe(status === 200 ? to : from);
  });

  it('of a tenant does not end a pause that dunning made', async () => {
    const id = await newDeployment({}, mine);
    await em().execute(
      `update cloud_deployments set state = 'paused', paused_by = 'dunning', dunning_state = 'paused', dunning_since = '2026-05-01' where id = ?`,
      [id],
    );
    const answer = await transition(id, 'active', mine);
    expect(outcome(answer)).toEqual([403, 'forbidden']);
    expect(answer.json['detail']).toContain('overdue');
    expect((await transition(id, 'active')).json).toMatchObject({
      state: 'active',
      dunning_state: null,
      dunning_since: null,
      paused_by: null,
    });
  });

  it('that two ask for at once is made once', async () => {
    for (let round = 0; round < 5; round += 1) {
      const id = await subscribed();
      const answers = await Promise.all([transition(id, 'paused'), transition(id, 'paused')]);
      expect(answers.map(({ status }) => status).sort()).toEqual([200, 422]);
      const { events, subscription } = await read(id);
      expect((events as { type: string }[]).filter(({ type }) => type === 'transition')).toHaveLength(1);
      expect(subscription).toMatchObject({ pauses: [{ starts_on: '2026-05-20', ends_on: null }] });
    }
  });

  it('and another one at once are made one after the other', async () => {
    const id = await newDeployment();
    const answers = await Promise.all([transition(id, 'cancelled'), transition(id, 'paused')]);
    const final = (await read(id))['state'];
    if (answers[1].status === 200) expect([answers[0].status, final]).toEqual([200, 'cancelled']);
    else expect([answers[0].status, answers[1].status, final]).toEqual([200, 422, 'cancelled']);
  });
});

describe('the subscription of a deployment that changes its state', () => {
  it('is paused with it, by whole days, and pause and resume on one day leave nothing', async () => {
    const id = await subscribed({ starts_on: '2026-05-01' });
    await transition(id, 'paused');
    expect((await read(id))['subscription']).toMatchObject({
      status: 'paused',
      pauses: [{ starts_on: '2026-05-20', ends_on: null }],
    });
    now = new Date('2026-05-20T23:59:59.999Z');
    await transition(id, 'active');
    expect((await read(id))['subscription']).toMatchObject({ status: 'active', pauses: [] });
    await transition(id, 'paused');
    now = new Date('2026-05-21T00:00:00Z');
    await transition(id, 'active');
    await transition(id, 'paused');
    expect((await read(id))['subscription']).toMatchObject({
      status: 'paused',
      pauses: [
        { starts_on: '2026-05-20', ends_on: '2026-05-21' },
        { starts_on: '2026-05-21', ends_on: null },
      ],
    });
  });

  it('stays active while it is past due, and is paused while it is suspended, in one pause', async () => {
    const id = await subscribed();
    await transition(id, 'past_due');
    expect((await read(id))['subscription']).toMatchObject({ status: 'active', pauses: [] });
    await transition(id, 'paused');
    now = new Date('2026-05-25T10:00:00Z');
    await transition(id, 'suspended');
    expect((await read(id))['subscription']).toMatchObject({
      status: 'paused',
      pauses: [{ starts_on: '2026-05-20', ends_on: null }],
    });
    now = new Date('2026-06-01T10:00:00Z');
    await transition(id, 'active');
    expect((await read(id))['subscription']).toMatchObject({
      status: 'active',
      pauses: [{ starts_on: '2026-05-20', ends_on: '2026-06-01' }],
    });
  });

  it('is cancelled with it, at that moment, and a pause that lasted is not ended by it', async () => {
    const id = await subscribed();
    await transition(id, 'paused');
    now = new Date('2026-05-25T10:00:00Z');
    await transition(id, 'cancelled');
    expect((await read(id))['subscription']).toMatchObject({
      status: 'cancelled',
      cancelled_at: now.toISOString(),
      pauses: [{ starts_on: '2026-05-20', ends_on: null }],
    });
    now = new Date('2026-05-26T10:00:00Z');
    await transition(id, 'archived');
    expect((await read(id))['subscription']).toMatchObject({
      status: 'cancelled',
      cancelled_at: '2026-05-25T10:00:00.000Z',
    });
  });

  it('has its trial ended with that of the deployment', async () => {
    const id = await newDeployment({ state: 'trial' });
    const body = { plan_code: 'studio', trial_ends_at: '2026-06-03T00:00:00Z' };
    expect((await post(`/deployments/${id}/subscribe`, body)).status).toBe(201);
    now = new Date('2026-05-25T10:00:00Z');
    await transition(id, 'active');
    expect((await read(id))['subscription']).toMatchObject({
      status: 'active',
      trial_ends_at: now.toISOString(),
    });
  });
});

describe('POST /deployments/:id/subscribe', () => {
  it('binds it to the active version with a snapshot of the addons, from today, for this calendar month', async () => {
    const id = await newDeployment({}, mine);
    const body = { plan_code: 'studio', addons: ['storage_50gb'] };
    const answer = await post(`/deployments/${id}/subscribe`, body, mine);
    expect(answer.status).toBe(201);
    const plan = { plan_code: 'studio', name: 'STUDIO', version: 1, base_price_cents: 5000, currency: 'AUD' };
    expect(answer.json).toMatchObject({
      deployment_id: id,
      status: 'active',
      starts_on: '2026-05-20',
      trial_ends_at: null,
      current_period_start: '2026-05-01',
      current_period_end: '2026-06-01',
      plan,
      versions: [{ starts_on: '2026-05-20', ...plan }],
      addons: [
        {
          code: 'storage_50gb',
          resource_kind: 'spaces_gb_month',
          qty: '50',
          price_cents: 750,
          currency: 'AUD',
          starts_on: '2026-05-20',
          ends_on: null,
        },
      ],
      pauses: [],
    });
    await em().nativeUpdate(Addon, { code: 'storage_50gb' }, { priceCents: 999, qty: '60' });
    expect((await read(id))['subscription']).toEqual(answer.json);
    await em().nativeUpdate(Addon, { code: 'storage_50gb' }, { priceCents: 750, qty: '50' });
  });

  it('is a 409 for one that is subscribed, one that was, and one that is cancelled', async () => {
    const id = await subscribed();
    const again = () => post(`/deployments/${id}/subscribe`, { plan_code: 'pro' });
    expect(outcome(await again())).toEqual([409, 'already_subscribed']);
    await transition(id, 'cancelled');
    expect(outcome(await again())).toEqual([409, 'deployment_ended']);
  });

  it('makes one subscription of two requests at once', async () => {
    for (let round = 0; round < 5; round += 1) {
      const id = await newDeployment();
      const answers = await Promise.all(
        ['studio', 'pro'].map((plan_code) => post(`/deployments/${id}/subscribe`, { plan_code })),
      );
      expect(answers.map(({ status }) => status).sort()).toEqual([201, 409]);
      const winner = answers.find(({ status }) => status === 201);
      expect((await read(id))['subscription']).toEqual(winner?.json);
    }
  });

  it.each([
    ['an unknown plan', { plan_code: 'none' }, 'unknown_plan', '/body/plan_code'],
    ['an unknown addon', { addons: ['storage_50gb', 'none'] }, 'unknown_addon', '/body/addons/1'],
    ['a plan in another currency', { plan_code: 'studio-usd' }, 'currency_mismatch', '/body/plan_code'],
    ['an addon in another currency', { addons: ['storage_usd'] }, 'currency_mismatch', '/body/addons/0'],
    [
      'a trial of what is active',
      { trial_ends_at: '2026-06-01T00:00:00Z' },
      'invalid_trial',
      '/body/trial_ends_at',
    ],
    [
      'a trial that ends before the first day',
      { starts_on: '2026-05-10', trial_ends_at: '2026-05-10T00:00:00Z' },
      'invalid_trial',
      '/body/trial_ends_at',
    ],
  ])('is a 422 for %s, and leaves nothing', async (_what, body, code, pointer) => {
    const id = await newDeployment();
    const answer = await post(`/deployments/${id}/subscribe`, { plan_code: 'studio', ...body });
    expect([...outcome(answer), ...pointers(answer)]).toEqual([422, code, pointer]);
    expect((await read(id))['subscription']).toBeNull();
  });

  it('is a 422 for a plan without a version for sale', async () => {
    await addPlan(em(), 'gone');
    await em().execute(
      `update plan_versions set status = 'retired' where plan_id = (select id from plans where code = 'gone')`,
    );
    const id = await newDeployment();
    expect(outcome(await post(`/deployments/${id}/subscribe`, { plan_code: 'gone' }))).toEqual([
      422,
      'plan_not_active',
    ]);
  });

  it('asks when the trial ends of what is on trial, and takes it from admins only', async () => {
    const id = await newDeployment({ state: 'trial' });
    const body = { plan_code: 'studio' };
    expect(outcome(await post(`/deployments/${id}/subscribe`, body, mine))).toEqual([422, 'invalid_trial']);
    const timed = { ...body, trial_ends_at: '2026-06-03T12:00:00+02:00' };
    expect(outcome(await post(`/deployments/${id}/subscribe`, timed, mine))).toEqual([403, 'forbidden']);
    const answer = await post(`/deployments/${id}/subscribe`, timed);
    expect(answer.json).toMatchObject({ trial_ends_at: '2026-06-03T10:00:00.000Z' });
  });

  it('lets a tenant start today or later, an admin earlier too', async () => {
    const start = async (starts_on: string, token: string) => {
      const id = await newDeployment();
      return post(`/deployments/${id}/subscribe`, { plan_code: 'studio', starts_on }, token);
    };
    expect(outcome(await start('2026-05-19', mine))).toEqual([403, 'forbidden']);
    expect((await start('2026-05-20', mine)).status).toBe(201);
    expect((await start('2026-07-15', mine)).json).toMatchObject({
      starts_on: '2026-07-15',
      current_period_start: '2026-07-01',
      current_period_end: '2026-08-01',
    });
    expect((await start('2026-04-01', admin)).json).toMatchObject({
      starts_on: '2026-04-01',
      current_period_start: '2026-05-01',
    });
  });

  it('that is back-dated has the pauses that the deployment had since', async () => {
    now = new Date('2026-04-10T10:00:00Z');
    const id = await newDeployment();
    await transition(id, 'paused');
    now = new Date('2026-04-15T10:00:00Z');
    await transition(id, 'active');
    now = new Date('2026-05-01T10:00:00Z');
    await transition(id, 'paused');
    now = new Date('2026-05-20T10:00:00Z');
    const answer = await post(`/deployments/${id}/subscribe`, {
      plan_code: 'studio',
      starts_on: '2026-04-12',
    });
    expect(answer.json).toMatchObject({
      status: 'paused',
      pauses: [
        { starts_on: '2026-04-12', ends_on: '2026-04-15' },
        { starts_on: '2026-05-01', ends_on: null },
      ],
    });
  });

  it('that is back-dated into months that were rolled up leaves them to the next invoice', async () => {
    await em().execute(
      `insert into period_ledger (period_start, state, workflow_id, run_id, started_at, issue_after)
       select month, 'issued', 'test', 'test', now(), now() from unnest(array['2026-01-01', '2026-03-01']::date[]) month`,
    );
    const late = async (id: string) =>
      em().execute(
        `select usage_month::text as month, tenant_id from late_usage where deployment_id = ? order by 1`,
        [id],
      );
    expect(await late(await subscribed({ starts_on: '2026-02-10' }))).toEqual([
      { month: '2026-03-01', tenant_id: 'tenant-a' },
    ]);
    expect(await late(await subscribed())).toEqual([]);
    await em().execute('delete from late_usage');
    await em().execute('delete from period_ledger');
  });
});

describe('POST /deployments/:id/change-plan', () => {
  const change = (id: string, body: object, token = admin) =>
    post(`/deployments/${id}/change-plan`, body, token);
  const versions = (answer: Answer) =>
    (answer.json['versions'] as { starts_on: string; plan_code: string; version: number }[]).map(
      ({ starts_on, plan_code, version }) => [starts_on, plan_code, version],
    );

  it('holds from a day on, and replaces what was asked for that day before', async () => {
    const id = await subscribed({ starts_on: '2026-05-01' });
    expect(versions(await change(id, { plan_code: 'pro' }, mine))).toEqual([
      ['2026-05-01', 'studio', 1],
      ['2026-05-20', 'pro', 1],
    ]);
    const version = await publishVersion(em(), 'pro', { basePriceCents: 13_000 });
    const replaced = await change(id, { plan_code: 'pro' }, mine);
    expect(versions(replaced)).toEqual([
      ['2026-05-01', 'studio', 1],
      ['2026-05-20', 'pro', 2],
    ]);
    expect(replaced.json['plan']).toMatchObject({ plan_code: 'pro', version: 2, base_price_cents: 13_000 });
    expect(version).toEqual(expect.any(String));
    expect(versions(await change(id, { plan_code: 'studio' }, mine))).toEqual([['2026-05-01', 'studio', 1]]);
  });

  it('changes nothing where the version is in force anyway', async () => {
    const id = await subscribed({ starts_on: '2026-05-01' });
    expect(versions(await change(id, { plan_code: 'studio' }))).toEqual([['2026-05-01', 'studio', 1]]);
    const events = (await read(id))['events'] as { type: string }[];
    expect(events.map(({ type }) => type)).toEqual(['subscribed', 'created']);
  });

  it('may be dated ahead, and the plan of today stays', async () => {
    const id = await subscribed();
    const answer = await change(id, { plan_code: 'pro', starts_on: '2026-06-01' }, mine);
    expect(answer.json).toMatchObject({ plan: { plan_code: 'studio' } });
    expect(versions(answer)).toHaveLength(2);
  });

  it('on the first day replaces the first version', async () => {
    const id = await subscribed({ starts_on: '2026-05-01' });
    const answer = await change(id, { plan_code: 'pro', starts_on: '2026-05-01' });
    expect(versions(answer).map(([day, plan]) => [day, plan])).toEqual([['2026-05-01', 'pro']]);
  });

  it('is back-dated by admins only, never before the subscription, nor into a month that is invoiced', async () => {
    const id = await subscribed({ starts_on: '2026-04-10' });
    const dated = (starts_on: string, token = admin) => change(id, { plan_code: 'pro', starts_on }, token);
    expect(outcome(await dated('2026-05-19', mine))).toEqual([403, 'forbidden']);
    expect(outcome(await dated('2026-04-09'))).toEqual([422, 'before_subscription']);
    await invoiceApril(id);
    const refused = await dated('2026-04-30');
    expect(outcome(refused)).toEqual([409, 'month_invoiced']);
    expect(refused.json['context']).toEqual({
      number: expect.stringMatching(/^INV-/),
      period: '2026-04-01',
    });
    expect((await dated('2026-05-01')).status).toBe(200);
  });

  it.each([
    ['what is not subscribed', () => newDeployment(), 'not_subscribed'],
    [
      'what is cancelled',
      async () => {
        const id = await subscribed();
        await transition(id, 'cancelled');
        return id;
      },
      'subscription_cancelled',
    ],
  ])('is a 409 for %s', async (_what, make, code) => {
    const id = await make();
    expect(outcome(await change(id, { plan_code: 'pro' }))).toEqual([409, code]);
    expect(outcome(await post(`/deployments/${id}/addons`, { code: 'storage_50gb' }))).toEqual([409, code]);
  });
});

describe('addons', () => {
  const attach = (id: string, body: object, token = admin) =>
    post(`/deployments/${id}/addons`, { code: 'storage_50gb', ...body }, token);
  const detach = (id: string, addon: Answer, query = '', token = admin) =>
    send('DELETE', `/deployments/${id}/addons/${addon.json['id']}${query}`, undefined, token);
  const addonsOf = async (id: string) =>
    (
      (await read(id))['subscription'] as { addons: { starts_on: string; ends_on: string | null }[] }
    ).addons.map(({ starts_on, ends_on }) => [starts_on, ends_on]);

  it('are attached from today and detached as of today, which still counts', async () => {
    const id = await subscribed({ starts_on: '2026-05-01' });
    const addon = await attach(id, {}, mine);
    expect([addon.status, addon.json['starts_on'], addon.json['ends_on']]).toEqual([201, '2026-05-20', null]);
    expect((await detach(id, addon, '', mine)).json).toEqual({ ...addon.json, ends_on: '2026-05-20' });
    expect((await detach(id, addon, '', mine)).status).toBe(200);
    expect(await addonsOf(id)).toEqual([['2026-05-20', '2026-05-20']]);
  });

  it('are not there to detach where the deployment is not, or has no such addon: a 404 names which', async () => {
    const id = await subscribed({ starts_on: '2026-05-01' });
    const addon = await attach(id, {});
    const [none, other] = [randomUUID(), randomUUID()];
    expect((await detach(none, addon)).json).toMatchObject({
      status: 404,
      detail: 'there is no such deployment',
    });
    const gone = await send('DELETE', `/deployments/${id}/addons/${other}`, undefined, admin);
    expect(gone.json).toMatchObject({ status: 404, detail: 'there is no such addon on this deployment' });
  });

  it('keep the price and the quantity at which they were attached', async () => {
    const id = await subscribed();
    await em().nativeUpdate(Addon, { code: 'storage_50gb' }, { priceCents: 800 });
    const dearer = await attach(id, {});
    await em().nativeUpdate(Addon, { code: 'storage_50gb' }, { priceCents: 750 });
    const cheaper = await attach(id, {});
    expect([dearer.json['price_cents'], cheaper.json['price_cents']]).toEqual([800, 750]);
  });

  it('that end before their first day were never there', async () => {
    const id = await subscribed();
    const addon = await attach(id, { starts_on: '2026-06-10' }, mine);
    expect((await detach(id, addon, '', mine)).status).toBe(200);
    expect(await addonsOf(id)).toEqual([]);
    expect((await detach(id, addon, '', mine)).status).toBe(404);
  });

  it('are back-dated by admins only, and not into a month that is invoiced', async () => {
    const id = await subscribed({ starts_on: '2026-04-10' });
    expect((await attach(id, { starts_on: '2026-05-19' }, mine)).status).toBe(403);
    expect(outcome(await attach(id, { starts_on: '2026-04-09' }))).toEqual([422, 'before_subscription']);
    const addon = await attach(id, { starts_on: '2026-04-10' });
    expect(addon.status).toBe(201);
    await invoiceApril(id);
    expect(outcome(await attach(id, { starts_on: '2026-04-30' }))).toEqual([409, 'month_invoiced']);
    expect(outcome(await detach(id, addon, '?ends_on=2026-04-29'))).toEqual([409, 'month_invoiced']);
    expect((await detach(id, addon, '?ends_on=2026-05-19', mine)).status).toBe(403);
    // The last day of April counts: it is May that changes.
    expect((await detach(id, addon, '?ends_on=2026-04-30')).status).toBe(200);
    expect(outcome(await detach(id, addon, '?ends_on=2026-05-01'))).toEqual([409, 'addon_ended']);
  });

  it('are detached once for two requests with one Idempotency-Key', async () => {
    const id = await subscribed();
    const addon = await attach(id, {});
    const end = (day: string) =>
      api.call(`/api/v1/deployments/${id}/addons/${addon.json['id']}?ends_on=${day}`, {
        method: 'DELETE',
        token: admin,
        headers: { 'idempotency-key': 'detach' },
      });
    const [first, again, other] = [await end('2026-05-31'), await end('2026-05-31'), await end('2026-05-30')];
    expect([first.status, again.status, again.text]).toEqual([200, 200, first.text]);
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    expect(outcome(other)).toEqual([422, 'idempotency_key_reused']);
    expect(await addonsOf(id)).toEqual([['2026-05-20', '2026-05-31']]);
  });

  it('of another deployment are not found', async () => {
    const [id, other] = [await subscribed(), await subscribed()];
    const addon = await attach(id, {});
    expect((await detach(other, addon)).status).toBe(404);
  });
});

describe('resources', () => {
  const attach = (id: string, body: object) => post(`/deployments/${id}/resources`, body);
  const detach = (id: string, resource: string, query = '') =>
    send('DELETE', `/deployments/${id}/resources/${resource}${query}`);
  async function newResource(): Promise<string> {
    const [row] = await em().execute<{ id: string }[]>(
      `insert into cloud_resources (provider, kind, external_id, name, tags, currency, attributes, first_seen_at, last_seen_at)
       values ('digitalocean', 'droplet', gen_random_uuid(), 'web', '[]', 'USD', '{}', '2026-01-01', '2026-05-20') returning id`,
    );
    return row?.id ?? '';
  }

  it('are attached, moved and detached, also in the past, and show whose they are', async () => {
    const [one, other, resource_id] = [await newDeployment(), await newDeployment(), await newResource()];
    const attached = await attach(one, { resource_id, from: '2026-04-01T02:00:00+02:00' });
    expect([attached.status, attached.json]).toEqual([
      201,
      {
        resource_id,
        memberships: [{ deployment_id: one, starts_at: '2026-04-01T00:00:00.000Z', ends_at: null }],
      },
    ]);
    await attach(other, { resource_id, from: '2026-04-10T00:00:00Z', to: '2026-04-12T00:00:00Z' });
    const detached = await detach(one, resource_id, '?to=2026-05-01T00:00:00Z');
    expect(detached.json['memberships']).toEqual([
      { deployment_id: one, starts_at: '2026-04-01T00:00:00.000Z', ends_at: '2026-04-10T00:00:00.000Z' },
      { deployment_id: other, starts_at: '2026-04-10T00:00:00.000Z', ends_at: '2026-04-12T00:00:00.000Z' },
      { deployment_id: one, starts_at: '2026-04-12T00:00:00.000Z', ends_at: '2026-05-01T00:00:00.000Z' },
    ]);
    await attach(other, { resource_id });
    const { json } = await api.call(`/api/v1/inventory/${resource_id}`, { token: admin });
    expect(json).toMatchObject({ deployment_id: other, tenant_id: 'tenant-a' });
    const { json: own } = await api.call(`/api/v1/inventory/${resource_id}`, { token: mine });
    expect(own).toMatchObject({ deployment_id: other });
  });

  it.each([
    ['begins in the future', { from: '2026-05-20T10:00:01Z' }, '/body/from'],
    ['ends in the future', { to: '2026-05-20T10:00:01Z', from: '2026-05-01T00:00:00Z' }, '/body/to'],
    ['ends before it begins', { from: '2026-05-02T00:00:00Z', to: '2026-05-01T00:00:00Z' }, '/body/to'],
  ])('are not attached for a time that %s', async (_what, body, pointer) => {
    const answer = await attach(await newDeployment(), { resource_id: await newResource(), ...body });
    expect([answer.status, ...pointers(answer)]).toEqual([422, pointer]);
  });

  it('are not detached in the future, nor from where they never were', async () => {
    const [id, resource] = [await newDeployment(), await newResource()];
    expect((await detach(id, resource)).status).toBe(404);
    const future = await detach(id, resource, '?to=2026-05-20T10:00:01Z');
    expect([future.status, ...pointers(future)]).toEqual([422, '/query/to']);
    const unknown = await attach(id, { resource_id: randomUUID() });
    expect([...outcome(unknown), ...pointers(unknown)]).toEqual([
      422,
      'unknown_resource',
      '/body/resource_id',
    ]);
  });
});

let invoiced = 0;
/** An issued invoice for April with a line of the deployment. */
async function invoiceApril(deployment: string): Promise<void> {
  const id = randomUUID();
  invoiced += 1;
  await em().execute(`update tenant_invoices set status = 'void', voided_at = now() where status <> 'void'`);
  await em().execute(
    `insert into tenant_invoices (id, tenant_id, period_start, number, status, currency, subtotal_cents, tax_cents, total_cents,
       due_cents, tax_rate, created_at, updated_at)
     values (?, 'tenant-a', '2026-04-01', null, 'draft', 'AUD', 5000, 500, 5500, 5500, 0.1, now(), now())`,
    [id],
  );
  await em().execute(
    `insert into tenant_invoice_lines (invoice_id, tenant_id, line_number, type, deployment_id, description, qty, unit,
       unit_price_cents, amount_cents, service_period, meta)
     values (?, 'tenant-a', 1, 'plan_base', ?, 'Studio', 1, 'month', 5000, 5000, '2026-04-01', '{}')`,
    [id, deployment],
  );
  await em().execute(
    `update tenant_invoices set status = 'issued', number = ?, issued_at = now(), due_on = '2026-05-15' where id = ?`,
    [`INV-${String(invoiced).padStart(6, '0')}`, id],
  );
}
