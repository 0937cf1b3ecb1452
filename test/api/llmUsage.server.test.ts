import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Webhook } from 'standardwebhooks';
import { BillingProfile } from '../../src/entities/billingProfile.ts';
import { CloudDeployment } from '../../src/entities/cloudDeployment.ts';
import { forSession, systemSession } from '../../src/session.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { type Answer, type ApiUnderTest, itemsOf, startApi, tokenFor } from './apiUnderTest.ts';

const path = '/api/v1/integrations/llm-usage';
const secret = `whsec_${Buffer.from('a secret of this test run').toString('base64')}`;
const gateway = tokenFor('gateway');
const admin = tokenFor('platform_admin', { sub: 'alice' });
const mine = tokenFor('tenant');

let database: TestDatabase;
let api: ApiUnderTest;
const deployment = randomUUID();
const second = randomUUID();
const theirs = randomUUID();
const inDollars = randomUUID();

beforeAll(async () => {
  database = await createTestDatabase();
  api = await startApi({ databaseUrl: database.appUrl, environment: { GATEWAY_WEBHOOK_SECRET: secret } });
  const em = forSession(api.orm, systemSession);
  const now = new Date();
  for (const [id, tenantId] of [
    [deployment, 'tenant-a'],
    [second, 'tenant-a'],
    [theirs, 'tenant-b'],
    [inDollars, 'tenant-usd'],
  ] as const) {
    await em.insert(CloudDeployment, {
      id,
      tenantId,
      slug: id,
      displayName: id,
      createdAt: now,
      updatedAt: now,
    });
  }
  await em.insert(BillingProfile, { tenantId: 'tenant-usd', country: 'US', currency: 'USD', updatedAt: now });
});
afterAll(async () => {
  await api.close();
  await database.drop();
});

const event = (changes: Readonly<Record<string, unknown>> = {}) => ({
  gateway_request_id: randomUUID(),
  tenant_id: 'tenant-a',
  deployment_id: deployment,
  model: 'some-model',
  tokens: 1_000,
  charge: '0.0125',
  currency: 'AUD',
  occurred_at: '2026-04-30T23:59:59.5+10:00',
  ...changes,
});
const post = (body: unknown, token: string = gateway): Promise<Answer> =>
  api.call(path, { method: 'POST', token, body });
const statusAndCode = (answer: Answer) => [answer.status, answer.json['code']];
const pointersOf = (errors: unknown) =>
  (errors as readonly { pointer: string }[]).map(({ pointer }) => pointer).sort();
const list = (query: string, token: string = admin) => api.call(`/api/v1/llm-usage?${query}`, { token });
const idsOf = (answer: Answer) => itemsOf(answer).map((item) => item['gateway_request_id']);

interface Result {
  readonly index: number;
  readonly status: number;
  readonly gateway_request_id: string | null;
  readonly receipt: Readonly<Record<string, unknown>> | null;
  readonly refusal: { readonly code: string; readonly detail: string; readonly errors: unknown } | null;
}
const resultsOf = (answer: Answer) => answer.json['results'] as readonly Result[];

describe('one event', () => {
  it('is a 201, then for ever a 200 that says duplicate, however it is written', async () => {
    const sent = event();
    const first = await post(sent);
    expect(first.status).toBe(201);
    expect(first.json).toEqual({
      id: expect.stringMatching(/^\d+$/),
      gateway_request_id: sent.gateway_request_id,
      duplicate: false,
      state: 'billable',
      problem: null,
    });
    const again = [
      sent,
      { ...sent, charge: '0.01250', occurred_at: '2026-04-30T13:59:59.500Z' },
      Object.fromEntries(Object.entries(sent).reverse()),
    ];
    for (const same of again) {
      const answer = await post(same);
      expect([answer.status, answer.json]).toEqual([200, { ...first.json, duplicate: true }]);
    }
  });

  it('is a 409 where its id has other content, which stays', async () => {
    const sent = event();
    await post(sent);
    const answer = await post({ ...sent, charge: '99' });
    expect(statusAndCode(answer)).toEqual([409, 'llm_usage_conflict']);
    expect(answer.json['detail']).toContain(sent.gateway_request_id);
    const [kept] = itemsOf(await list('tenant=tenant-a&limit=1&period=2026-04-01'));
    expect(kept).toMatchObject({ gateway_request_id: sent.gateway_request_id, charge: '0.0125' });
  });

  it('is stored where it names no deployment of its tenant, and says so', async () => {
    for (const changes of [{ deployment_id: 'nobody knows' }, { deployment_id: theirs }]) {
      const answer = await post(event(changes));
      expect([answer.status, answer.json['state'], answer.json['problem']]).toEqual([
        201,
        'unassigned',
        'unknown_deployment',
      ]);
    }
  });

  it('takes no Idempotency-Key: its id is its key', async () => {
    const headers = { 'idempotency-key': 'one key' };
    const answers = [];
    for (const body of [event(), event()]) {
      answers.push((await api.call(path, { method: 'POST', token: gateway, body, headers })).status);
    }
    expect(answers).toEqual([201, 201]);
  });

  it('comes signed instead of with a token', async () => {
    const text = JSON.stringify(event());
    const now = new Date();
    const answer = await api.call(path, {
      method: 'POST',
      body: text,
      headers: {
        'webhook-id': 'msg_1',
        'webhook-timestamp': String(Math.floor(now.getTime() / 1000)),
        'webhook-signature': new Webhook(secret).sign('msg_1', now, text),
      },
    });
    expect(answer.status).toBe(201);
  });

  it.each<readonly [name: string, changes: Record<string, unknown>, ...pointers: string[]]>([
    ['no id', { gateway_request_id: undefined }, 'gateway_request_id'],
    ['an empty id', { gateway_request_id: '' }, 'gateway_request_id'],
    ['an id with a blank', { gateway_request_id: 'a b' }, 'gateway_request_id'],
    ['an id that is a number', { gateway_request_id: 1 }, 'gateway_request_id'],
    ['an id of 201 characters', { gateway_request_id: 'a'.repeat(201) }, 'gateway_request_id'],
    ['a blank tenant', { tenant_id: ' ' }, 'tenant_id'],
    ['a tenant with NUL', { tenant_id: 'a\0' }, 'tenant_id'],
    ['a deployment that is a number', { deployment_id: 7 }, 'deployment_id'],
    ['half a surrogate pair', { model: '\ud800' }, 'model'],
    ['a negative charge', { charge: '-0.01' }, 'charge'],
    ['a charge that is a number', { charge: 0.01 }, 'charge'],
    ['a charge with an exponent', { charge: '1e-5' }, 'charge'],
    ['a charge with a comma', { charge: '0,01' }, 'charge'],
    ['a charge with a currency', { charge: '$1' }, 'charge'],
    ['a charge of 13 digits', { charge: '1000000000000' }, 'charge'],
    ['a charge of 19 places', { charge: '0.0000000000000000001' }, 'charge'],
    ['half a token', { tokens: 0.5 }, 'tokens'],
    ['negative tokens', { tokens: -1 }, 'tokens'],
    ['tokens as text', { tokens: '1' }, 'tokens'],
    ['more tokens than a number holds', { tokens: 2 ** 53 }, 'tokens'],
    ['a currency in lower case', { currency: 'aud' }, 'currency'],
    ['a time without a zone', { occurred_at: '2026-04-01T00:00:00' }, 'occurred_at'],
    ['a day that does not exist', { occurred_at: '2026-02-30T00:00:00Z' }, 'occurred_at'],
    ['a time in seconds', { occurred_at: 1_775_000_000 }, 'occurred_at'],
    ['a time before there were gateways', { occurred_at: '1999-12-31T23:59:59Z' }, 'occurred_at'],
    [
      'a time ten minutes ahead',
      { occurred_at: new Date(Date.now() + 600_000).toISOString() },
      'occurred_at',
    ],
    ['an unknown field', { deployment: 'x' }, 'deployment'],
    ['everything wrong', { tokens: -1, charge: '', currency: '' }, 'charge', 'currency', 'tokens'],
  ])(
    'with %s is a 422 that points to it; in a batch it refuses only itself',
    async (_name, changes, ...fields) => {
      const bad = event(changes);
      const alone = await post(bad);
      expect(statusAndCode(alone)).toEqual([422, 'invalid_input']);
      expect(pointersOf(alone.json['errors'])).toEqual(fields.map((field) => `/body/${field}`));

      const good = event();
      const batch = await post({ events: [bad, good] });
      expect(batch.status).toBe(200);
      const [refused, stored] = resultsOf(batch);
      expect(refused).toMatchObject({
        index: 0,
        status: 422,
        receipt: null,
        refusal: { code: 'invalid_input' },
      });
      expect(pointersOf(refused?.refusal?.errors)).toEqual(fields.map((field) => `/body/events/0/${field}`));
      expect(stored).toMatchObject({ index: 1, status: 201, gateway_request_id: good.gateway_request_id });
    },
  );
});

describe('a batch', () => {
  it('answers 200 with one result an event, in their order', async () => {
    const known = event();
    await post(known);
    const [fresh, lost] = [event(), event({ deployment_id: 'lost' })];
    const answer = await post({
      events: [fresh, known, { ...known, tokens: 1 }, 'no event', fresh, lost, { ...fresh, tokens: 2 }],
    });
    expect(answer.status).toBe(200);
    expect(
      resultsOf(answer).map(({ index, status, gateway_request_id, receipt, refusal }) => [
        index,
        status,
        gateway_request_id,
        receipt?.['duplicate'] ?? null,
        receipt?.['state'] ?? null,
        refusal?.code ?? null,
      ]),
    ).toEqual([
      [0, 201, fresh.gateway_request_id, false, 'billable', null],
      [1, 200, known.gateway_request_id, true, 'billable', null],
      [2, 409, known.gateway_request_id, null, null, 'llm_usage_conflict'],
      [3, 422, null, null, null, 'invalid_input'],
      [4, 200, fresh.gateway_request_id, true, 'billable', null],
      [5, 201, lost.gateway_request_id, false, 'unassigned', null],
      [6, 409, fresh.gateway_request_id, null, null, 'llm_usage_conflict'],
    ]);
  });

  it('answers again the same way, each event now a duplicate', async () => {
    const events = [event(), event(), event()];
    const first = resultsOf(await post({ events }));
    const again = resultsOf(await post({ events }));
    expect(again.map(({ receipt }) => receipt)).toEqual(
      first.map(({ receipt }) => ({ ...receipt, duplicate: true })),
    );
  });

  it('may be all bad: then nothing is stored, and each says why', async () => {
    const answer = await post({ events: [1, null, {}] });
    expect([answer.status, resultsOf(answer).map(({ status }) => status)]).toEqual([200, [422, 422, 422]]);
  });

  it.each<readonly [name: string, body: unknown, pointer: string]>([
    ['no events', { events: [] }, '/body/events'],
    ['1,001 events', { events: Array(1_001).fill(1) }, '/body/events'],
    ['events that are no list', { events: {} }, '/body/events'],
    ['a field beside the events', { events: [1], tenant_id: 'a' }, '/body/tenant_id'],
    ['a list without its name', [1], '/body'],
  ])('with %s is a 422', async (_name, body, pointer) => {
    const answer = await post(body);
    expect(statusAndCode(answer)).toEqual([422, 'invalid_input']);
    expect(pointersOf(answer.json['errors'])).toEqual([pointer]);
  });

  it('of 1,000 events is stored whole', async () => {
    const events = Array.from({ length: 1_000 }, (_, index) =>
      event({ gateway_request_id: `k-${index}`, model: 'm' }),
    );
    expect(resultsOf(await post({ events })).filter(({ status }) => status === 201)).toHaveLength(1_000);
  });
});

describe('more than can be written', () => {
  it('is a 503 that says when to come again, and is stored once the database goes on', async () => {
    const connection = await (await api.orm.em.getConnection().getNativeClient()).connect();
    await connection.query('begin; set local idle_in_transaction_session_timeout = 0');
    await connection.query('lock table llm_usage_events in share mode');
    const batches = Array.from({ length: 30 }, () => ({
      events: Array.from({ length: 1_000 }, () =>
        event({ model: 'm', tenant_id: 't', deployment_id: 'd', occurred_at: '2026-04-01T00:00:00Z' }),
      ),
    }));
    const answers = batches.map((batch) => post(batch));
    const refused = await Promise.any(
      answers.map(async (answer) => {
        const { status } = await answer;
        if (status !== 503) throw new Error(`${status}`);
        return answer;
      }),
    );
    expect(statusAndCode(refused)).toEqual([503, 'writer_busy']);
    expect(refused.headers.get('retry-after')).toBe('1');
    await connection.query('rollback');
    connection.release();
    const statuses = (await Promise.all(answers)).map(({ status }) => status);
    expect(new Set(statuses)).toEqual(new Set([200, 503]));
    const [counted] = await forSession(api.orm, systemSession).execute<{ count: number }[]>(
      `select count(*)::int as count from llm_usage_events where tenant_id = 't'`,
    );
    expect(counted?.count).toBe(1_000 * statuses.filter((status) => status === 200).length);
  });
});

describe('the list', () => {
  const inMarch = (changes: Readonly<Record<string, unknown>> = {}) =>
    event({ occurred_at: '2026-03-15T00:00:00Z', ...changes });

  it('shows everything of an event', async () => {
    const sent = event({
      occurred_at: '2026-01-31T23:59:59.999Z',
      deployment_id: second.toUpperCase(),
      charge: '3',
    });
    await post(sent);
    expect(itemsOf(await list(`deployment=${second}&period=2026-01-01`))).toEqual([
      {
        id: expect.any(String),
        ...sent,
        deployment_id: second,
        claimed_deployment_id: second.toUpperCase(),
        charge: '3.00',
        received_at: expect.any(String),
        state: 'billable',
        problem: null,
      },
    ]);
    expect(itemsOf(await list(`deployment=${second}&period=2026-02-01`))).toEqual([]);
  });

  it('pages through all of it, the latest request first, also where many are of one instant', async () => {
    const events = Array.from({ length: 11 }, (_, index) =>
      inMarch({ occurred_at: `2026-03-15T00:00:0${Math.floor(index / 4)}Z`, deployment_id: second }),
    );
    await post({ events });
    const seen: Readonly<Record<string, unknown>>[] = [];
    let cursor = '';
    do {
      const page = await list(`deployment=${second}&period=2026-03-01&limit=3${cursor}`);
      seen.push(...itemsOf(page));
      cursor = page.json['next_cursor'] === null ? '' : `&cursor=${String(page.json['next_cursor'])}`;
    } while (cursor !== '');
    const times = events.map((sent) => new Date(sent.occurred_at).toISOString());
    expect(seen.map((item) => item['occurred_at'])).toEqual(times.reverse());
    const ids = seen.map((item) => item['gateway_request_id']);
    expect(new Set(ids)).toEqual(new Set(events.map((sent) => sent.gateway_request_id)));
  });

  it('shows a tenant its own and nothing else, whatever it names', async () => {
    const [own, foreign] = [
      inMarch(),
      inMarch({ tenant_id: 'tenant-b', deployment_id: theirs, model: 'FOREIGN' }),
    ];
    const stray = inMarch({ tenant_id: 'tenant-b', deployment_id: deployment, model: 'FOREIGN' });
    await post({ events: [own, foreign, stray] });
    for (const query of ['', 'tenant=tenant-b', `deployment=${theirs}`, 'state=unassigned', 'limit=200']) {
      const answer = await list(query, mine);
      expect([answer.status, answer.text.includes('FOREIGN')]).toEqual([200, false]);
      for (const item of itemsOf(answer)) expect(item['tenant_id']).toBe('tenant-a');
    }
    expect(idsOf(await list('limit=200&period=2026-03-01', mine))).toContain(own.gateway_request_id);
    expect(idsOf(await list('limit=200&period=2026-03-01&tenant=tenant-a', mine))).toContain(
      own.gateway_request_id,
    );
    for (const query of ['', '&state=billable', '&state=unassigned', `&deployment=${deployment}`])
      expect(itemsOf(await list(`tenant=tenant-b${query}`, mine))).toEqual([]);
    expect(idsOf(await list('', tokenFor('tenant', { tenant_id: 'tenant-b' })))).toEqual(
      expect.arrayContaining([foreign.gateway_request_id, stray.gateway_request_id]),
    );
  });

  it('shows a tenant the usage of all its deployments and what is unassigned under its name, in one order', async () => {
    const tenant = `tenant-${randomUUID()}`;
    const deployments = [randomUUID(), randomUUID(), 'unknown'];
    const em = forSession(api.orm, systemSession);
    const now = new Date();
    for (const id of deployments.slice(0, 2)) {
      await em.insert(CloudDeployment, {
        id,
        tenantId: tenant,
        slug: id,
        displayName: id,
        createdAt: now,
        updatedAt: now,
      });
    }
    const events = Array.from({ length: 9 }, (_, index) =>
      inMarch({
        tenant_id: tenant,
        deployment_id: deployments[index % 3],
        occurred_at: `2026-03-0${index + 1}T00:00:00Z`,
      }),
    );
    await post({ events });
    const token = tokenFor('tenant', { tenant_id: tenant });
    const seen: unknown[] = [];
    let cursor = '';
    do {
      const page = await list(`limit=2${cursor}`, token);
      seen.push(...idsOf(page));
      cursor = page.json['next_cursor'] === null ? '' : `&cursor=${String(page.json['next_cursor'])}`;
    } while (cursor !== '');
    const ids = events.map((sent) => sent.gateway_request_id).reverse();
    expect(seen).toEqual(ids);
    expect(idsOf(await list(`tenant=${tenant}`))).toEqual(ids);
    expect(idsOf(await list('state=unassigned', token))).toEqual([ids[0], ids[3], ids[6]]);
    expect(idsOf(await list('state=billable', token))).toEqual(ids.filter((_, index) => index % 3 !== 0));
    expect(idsOf(await list(`deployment=${deployments[0]}&tenant=tenant-a`))).toEqual([]);
  });

  it('shows operators what is unassigned, with its problem', async () => {
    const sent = event({ tenant_id: 'tenant-usd', deployment_id: inDollars });
    await post(sent);
    const found = itemsOf(await list('state=unassigned&tenant=tenant-usd', tokenFor('platform_viewer')));
    expect(found).toMatchObject([
      { gateway_request_id: sent.gateway_request_id, deployment_id: null, problem: 'other_currency' },
    ]);
  });

  it('asks an admin to name what an index leads to', async () => {
    for (const query of ['', 'period=2026-04-01', 'state=billable']) {
      const answer = await list(query);
      expect([answer.status, pointersOf(answer.json['errors'])]).toEqual([422, ['/query/tenant']]);
    }
  });
});

describe('POST /llm-usage/:id/assign', () => {
  const assign = (id: unknown, deploymentId: string, token: string = admin) =>
    api.call(`/api/v1/llm-usage/${String(id)}/assign`, {
      method: 'POST',
      token,
      body: { deployment_id: deploymentId, reason: 'the gateway has an old name' },
      headers: { 'x-request-id': 'request-7' },
    });
  const waiting = async (changes: Readonly<Record<string, unknown>> = {}) =>
    (await post(event({ deployment_id: 'old-name', ...changes }))).json['id'];
  const lateOf = (deploymentId: string) =>
    forSession(api.orm, systemSession).execute<object[]>(
      `select usage_month::text as usage_month, tenant_id, source_llm, settled_at from late_usage
       where deployment_id = ? order by 1 desc limit 1`,
      [deploymentId],
    );

  it('makes the event billable for the deployment and its tenant, in its own month, and leaves an audit row', async () => {
    const id = await waiting({ tenant_id: 'tenant-x', occurred_at: '2026-08-31T23:59:59Z' });
    const answer = await assign(id, theirs);
    expect(answer.json).toMatchObject({
      id,
      tenant_id: 'tenant-b',
      claimed_deployment_id: 'old-name',
      deployment_id: theirs,
      state: 'billable',
      problem: null,
      charge: '0.0125',
    });
    expect(await lateOf(theirs)).toEqual([
      { usage_month: '2026-08-01', tenant_id: 'tenant-b', source_llm: true, settled_at: null },
    ]);
    const audit = await api.call(`/api/v1/audit?subject_type=llm_usage_event&subject_id=${String(id)}`, {
      token: admin,
    });
    expect(itemsOf(audit)).toMatchObject([
      {
        actor: 'alice',
        action: 'llm_usage_event.assign',
        reason: 'the gateway has an old name',
        before: { deployment_id: null, tenant_id: 'tenant-x', problem: 'unknown_deployment' },
        after: { deployment_id: theirs, tenant_id: 'tenant-b' },
        request_id: 'request-7',
      },
    ]);
  });

  it('does not make an event of the month under way late', async () => {
    const before = await lateOf(second);
    const id = await waiting({ occurred_at: new Date().toISOString() });
    expect((await assign(id, second)).status).toBe(200);
    expect(await lateOf(second)).toEqual(before);
  });

  it('leaves the same event a duplicate, and other content a conflict', async () => {
    const sent = event({ deployment_id: 'old-name' });
    await assign((await post(sent)).json['id'], second);
    expect((await post(sent)).json).toMatchObject({ duplicate: true, state: 'billable', problem: null });
    expect((await post({ ...sent, deployment_id: second })).status).toBe(409);
  });

  it('is a 409 where the event is assigned already: 10 at once have one effect', async () => {
    const id = await waiting();
    const answers = await Promise.all(Array.from({ length: 10 }, () => assign(id, second)));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array(9).fill(409)]);
    expect(statusAndCode(await assign(id, deployment))).toEqual([409, 'llm_usage_assigned']);
    const billable = (await post(event())).json['id'];
    expect(statusAndCode(await assign(billable, second))).toEqual([409, 'llm_usage_assigned']);
  });

  it('is a 422 where there is no such deployment, or its tenant is billed in another currency; the event stays', async () => {
    const id = await waiting();
    expect(statusAndCode(await assign(id, randomUUID()))).toEqual([422, 'unknown_deployment']);
    const other = await assign(id, inDollars);
    expect(statusAndCode(other)).toEqual([422, 'other_currency']);
    expect(other.json['detail']).toContain('AUD');
    expect((await assign(id, second)).status).toBe(200);
  });

  it('takes an event in dollars to a tenant that is billed in dollars', async () => {
    const id = await waiting({ currency: 'USD' });
    expect(statusAndCode(await assign(id, deployment))).toEqual([422, 'other_currency']);
    expect((await assign(id, inDollars)).json).toMatchObject({ tenant_id: 'tenant-usd', currency: 'USD' });
  });

  it('is a 404 for an event that is not there, and a 403 for everybody but admins', async () => {
    expect((await assign('999999999', second)).status).toBe(404);
    const id = await waiting();
    for (const role of ['platform_viewer', 'tenant', 'gateway', 'finance'] as const) {
      expect((await assign(id, deployment, tokenFor(role))).status).toBe(403);
    }
  });
});
