import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { claimRevert } from '../../src/services/drift/claimRevert.ts';
import { findDrifts } from '../../src/services/drift/listDrift.ts';
import { recordSizes } from '../../src/services/drift/recordSizes.ts';
import { forSession, systemSession } from '../../src/session.ts';
import { now, type Sweeps, size, sweepsIn } from '../services/drift/sweepWorld.ts';
import { resource } from '../services/world.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { type Answer, type ApiUnderTest, itemsOf, startApi, tokenFor } from './apiUnderTest.ts';
import { connectTestTemporal, type TemporalUnderTest } from './temporalUnderTest.ts';

const golden: {
  readonly drift: {
    readonly spec: { readonly size_slug: string; readonly region: string };
    readonly live: { readonly size_slug: string; readonly region: string };
    readonly open: readonly string[];
    readonly after_accept: readonly string[];
  };
} = JSON.parse(readFileSync(new URL('../../dev/golden/cases.json', import.meta.url), 'utf8'));

const alice = tokenFor('platform_admin', { sub: 'alice' });
const viewer = tokenFor('platform_viewer');
const tomorrow = new Date(now.getTime() + 86_400_000).toISOString();

let database: TestDatabase;
let temporal: TemporalUnderTest;
let api: ApiUnderTest;
let sweeps: Sweeps;
/** Each test has a provider of its own. */
let provider: string;

const em = () => forSession(api.orm, systemSession);
const get = (path: string, token = viewer) => api.call(`/api/v1${path}`, { token });
const send = (method: string, path: string, body: unknown, token = alice) =>
  api.call(`/api/v1${path}`, { method, token, body });
const post = (path: string, body: unknown, token = alice) => send('POST', `/drift${path}`, body, token);
const outcome = (answer: Answer) => [answer.status, answer.json['code']];
const pointers = (answer: Answer) =>
  ((answer.json['errors'] ?? []) as { pointer: string }[]).map(({ pointer }) => pointer);
const shown = (answer: Answer) =>
  itemsOf(answer).map((row) => `${row['external_id']} ${row['field'] ?? row['type']}`);

beforeAll(async () => {
  database = await createTestDatabase();
  temporal = await connectTestTemporal();
  api = await startApi({
    databaseUrl: database.appUrl,
    temporal: () => temporal.client,
    environment: { TEMPORAL_NAMESPACE: temporal.namespace },
    clock: () => now,
  });
  const pool = await api.orm.em.getConnection().getNativeClient();
  sweeps = sweepsIn({ em, pool, close: () => Promise.resolve() });
}, 60_000);
afterAll(async () => {
  await api?.close();
  await temporal?.close();
  await database?.drop();
});
beforeEach(() => {
  provider = `cloud-${randomUUID()}`;
});

const web = resource({ externalId: '1', name: 'web', sizeSlug: 's-1vcpu-1gb', region: 'syd1' });
/** A droplet with a wrong size and a wrong name, and one that nobody asked for. */
async function drifted(): Promise<string> {
  const sizes = [size('s-1vcpu-1gb', 6), size('s-4vcpu-8gb', 48)];
  await recordSizes(em(), { provider, sizes, seenAt: now });
  await sweeps.list(provider, [web, resource({ externalId: '2', name: 'stray', sizeSlug: 's-4vcpu-8gb' })]);
  await sweeps.want(provider, '1', { name: 'front', size_slug: 's-4vcpu-8gb', region: 'syd1' });
  await sweeps.sweep(provider);
  return sweeps.idOf(provider, '1');
}
const idOf = async (named: string): Promise<string> => {
  const found = (await sweeps.drift(provider)).find(
    (row) => `${row.resource} ${row.field ?? row.type}` === named,
  );
  if (found === undefined) throw new Error(`${named} is no drift`);
  return found.id;
};

describe('the drift inbox', () => {
  it('shows what is open with its price, and says what it is about', async () => {
    const resourceId = await drifted();
    const answer = await get(`/drift?provider=${provider}&type=field`);
    expect(shown(answer).toSorted()).toEqual(['1 name', '1 size_slug']);
    expect(itemsOf(answer).find((row) => row['field'] === 'size_slug')).toEqual({
      id: await idOf('1 size_slug'),
      resource_id: resourceId,
      resource_name: 'web',
      external_id: '1',
      deployment_id: null,
      tenant_id: null,
      provider,
      kind: 'droplet',
      type: 'field',
      field: 'size_slug',
      desired: 's-4vcpu-8gb',
      actual: 's-1vcpu-1gb',
      state: 'open',
      spec_version: 1,
      price_monthly: '-42.00',
      currency: 'USD',
      price_source: 'list_price',
      billed_cost: null,
      billed_period: null,
      unbilled: false,
      detected_at: now.toISOString(),
      last_seen_at: now.toISOString(),
      resolved_at: null,
      resolved_by: null,
      reason: null,
      workflow_id: null,
      ignore_rule_id: null,
      problem: null,
    });
  });

  it('is filtered by state, type, kind, resource and deployment', async () => {
    const resourceId = await drifted();
    const of = async (query: string) => shown(await get(`/drift?provider=${provider}&${query}`)).toSorted();
    expect(await of('type=unmanaged')).toEqual(['2 unmanaged']);
    expect(await of('kind=volume')).toEqual([]);
    expect(await of(`resource=${resourceId}`)).toEqual(['1 name', '1 size_slug']);
    expect(await of(`deployment=${randomUUID()}`)).toEqual([]);
    const deployment = randomUUID();
    await em().execute('update cloud_resources set deployment_id = ? where id = ?', [deployment, resourceId]);
    expect(await of(`deployment=${deployment}`)).toEqual(['1 name', '1 size_slug']);
    await post(`/${await idOf('1 name')}/accept`, { reason: 'fine' });
    expect(await of('state=accepted')).toEqual(['1 name']);
    expect(await of('kind=droplet')).toEqual(['1 size_slug', '2 unmanaged']);
  });

  it('is read in pages, the latest found first, each drift once, though found in one microsecond or apart', async () => {
    const many = Array.from({ length: 25 }, (_, index) =>
      resource({ externalId: String(index), name: `web-${index}` }),
    );
    await sweeps.list(provider, many);
    await sweeps.sweep(provider);
    await em().execute(
      `update cloud_drift drift set detected_at = detected_at + (resource.external_id::int / 3) * interval '1 microsecond'
       from cloud_resources resource where resource.id = drift.resource_id and drift.provider = ?`,
      [provider],
    );
    const wanted = await em().execute<{ id: string }[]>(
      `select id from cloud_drift where provider = ? order by detected_at desc, id desc`,
      [provider],
    );
    const read: unknown[] = [];
    let cursor: unknown;
    do {
      const query = cursor === undefined ? '' : `&cursor=${String(cursor)}`;
      const page = await get(`/drift?provider=${provider}&limit=4${query}`);
      expect(page.status).toBe(200);
      read.push(...itemsOf(page).map(({ id }) => id));
      cursor = page.json['next_cursor'] ?? undefined;
    } while (cursor !== undefined);
    expect(read).toEqual(wanted.map(({ id }) => id));
  });

  it('shows one drift with its reverts, the latest first', async () => {
    await drifted();
    const id = await idOf('1 size_slug');
    expect((await get(`/drift/${id}`)).json).toMatchObject({ id, reverts: [] });
    await claim(id);
    await em().execute(
      `update cloud_drift_reverts set state = 'failed', ended_at = created_at, problem = '{"code": "x", "message": "no"}',
         added_monthly = 42, steps = '[{"name": "Power off", "state": "undone", "at": "2026-05-10T10:21:00.000Z"}]' where drift_id = ?`,
      [id],
    );
    await claim(id, new Date(now.getTime() + 1000));
    expect((await get(`/drift/${id}`)).json).toMatchObject({
      id,
      reverts: [
        { state: 'planning', planned_by: 'carol', steps: [], ended_at: null },
        {
          state: 'failed',
          added_monthly: '42.00',
          problem: { code: 'x', message: 'no' },
          steps: [{ name: 'Power off', state: 'undone' }],
        },
      ],
    });
    expect((await get(`/drift/${randomUUID()}`)).status).toBe(404);
  });

  it('sums up what is open, what nobody is billed for, and which kinds are unknown', async () => {
    await drifted();
    await em().execute(
      `update cloud_drift set state = 'open', unbilled = true, billed_cost = 5.5, price_monthly = null where provider = ? and field = 'name'`,
      [provider],
    );
    await em().execute(
      `update cloud_drift set type = 'missing', field = null, price_monthly = -48 where provider = ? and field = 'name'`,
      [provider],
    );
    await sweeps.sweep(provider, { kind: 'volume' });
    const { json } = await get('/drift/summary');
    const mine = (list: unknown) =>
      (list as { provider: string }[]).filter((row) => row.provider === provider);
    expect(mine(json['groups'])).toEqual([
      {
        provider,
        type: 'field',
        kind: 'droplet',
        open: 1,
        price_monthly: '-42.00',
        currency: 'USD',
        unpriced: 0,
      },
      {
        provider,
        type: 'missing',
        kind: 'droplet',
        open: 1,
        price_monthly: '-48.00',
        currency: 'USD',
        unpriced: 0,
      },
      {
        provider,
        type: 'unmanaged',
        kind: 'droplet',
        open: 1,
        price_monthly: '48.00',
        currency: 'USD',
        unpriced: 0,
      },
    ]);
    const [sum] = await em().execute<{ open: number; amount: string }[]>(
      `select count(*)::int as open, sum(case type when 'missing' then billed_cost else price_monthly end)::text as amount
       from cloud_drift where state = 'open' and unbilled and provider = ?`,
      [provider],
    );
    expect([sum?.open, Number(sum?.amount)]).toEqual([2, 53.5]);
    const unbilled = json['unbilled'] as { currency: string; open: number; amount_monthly: string }[];
    expect(unbilled.map((row) => row.currency)).toEqual(['USD']);
    expect(Number(unbilled[0]?.amount_monthly)).toBeGreaterThanOrEqual(53.5);
    expect(mine(json['kinds'])).toMatchObject([
      { kind: 'droplet', state: 'swept', problem: null, resources: 2, swept_at: now.toISOString() },
      { kind: 'volume', state: 'unknown', problem: { code: expect.any(String) }, swept_at: null },
    ]);
    expect(json['last_sweep_at']).toBe(now.toISOString());
  });

  it('is for admins, and viewers read; nobody else sees it or writes', async () => {
    await drifted();
    const id = await idOf('1 name');
    const resourceId = await sweeps.idOf(provider, '1');
    for (const token of [tokenFor('tenant'), tokenFor('gateway'), tokenFor('finance')]) {
      for (const path of [
        '/drift',
        '/drift/summary',
        `/drift/${id}`,
        '/drift/ignore-rules',
        `/inventory/${resourceId}/provisioned`,
      ]) {
        expect(outcome(await get(path, token))).toEqual([403, 'forbidden']);
      }
    }
    for (const path of ['/accept', '/sweep', `/${id}/accept`, `/${id}/ignore`, '/ignore-rules']) {
      expect(outcome(await post(path, {}, viewer))).toEqual([403, 'forbidden']);
    }
  });
});

describe('by row level security alone', () => {
  it.each([
    'cloud_provisioned',
    'cloud_drift',
    'drift_ignore_rules',
    'cloud_drift_kinds',
    'cloud_drift_reverts',
    'provider_sizes',
    'provisioning_runs',
    'provisioned_items',
  ])(
    '%s are of the platform: tenants, the gateway and finance see none, and viewers write none',
    async (table) => {
      await drifted();
      const ignored = { reason: 'known', expires_at: tomorrow };
      await post(`/${await idOf('1 name')}/ignore`, ignored);
      await claim(await idOf('1 size_slug'));
      await em().execute(
        `with deployment as (
         insert into cloud_deployments (tenant_id, slug, display_name, created_at, updated_at)
         values ('tenant-a', ?, 'Ours', now(), now()) returning id, tenant_id
       ), run as (
         insert into provisioning_runs (deployment_id, tenant_id, type, parameters, state, workflow_id, run_id, requested_by, reason, created_at)
         select id, tenant_id, 'provision', '{}', 'running', 'w', 'r', 'alice', 'x', now() from deployment
         returning id, deployment_id, tenant_id
       )
       insert into provisioned_items (run_id, deployment_id, tenant_id, position, key, kind, provider, tag, wanted)
       select id, deployment_id, tenant_id, 1, 'app-1', 'droplet', 'digitalocean', 't', '{}' from run`,
        [provider],
      );
      const seenBy = async (role: 'system' | 'platform_viewer' | 'tenant' | 'gateway' | 'finance') => {
        const session = { role, tenantId: role === 'tenant' ? 'tenant-a' : '', subject: 'x' };
        const [row] = await forSession(api.orm, session).execute<{ rows: number }[]>(
          `select count(*)::int as rows from ${table}`,
        );
        return row?.rows ?? 0;
      };
      const all = await seenBy('system');
      expect(all).toBeGreaterThan(0);
      expect(await seenBy('platform_viewer')).toBe(all);
      for (const role of ['tenant', 'gateway', 'finance'] as const) expect(await seenBy(role)).toBe(0);
      for (const role of ['platform_viewer', 'tenant'] as const) {
        const session = { role, tenantId: role === 'tenant' ? 'tenant-a' : '', subject: 'x' };
        const deleted = await forSession(api.orm, session).execute(`delete from ${table} returning 1`);
        expect(deleted).toEqual([]);
      }
    },
  );
});

describe('accepting and ignoring', () => {
  it('golden: one drift of a wrong size; accepted, the next sweep finds none', async () => {
    const { spec, live, open, after_accept: afterAccept } = golden.drift;
    await sweeps.list(provider, [{ ...web, sizeSlug: live.size_slug, region: live.region }]);
    const resourceId = await sweeps.idOf(provider, '1');
    const put = await send('PUT', `/inventory/${resourceId}/provisioned`, { spec, reason: 'as sold' });
    expect([put.status, put.json['spec_version']]).toEqual([200, 1]);
    await sweeps.sweep(provider);
    const inbox = await get(`/drift?provider=${provider}`);
    expect(itemsOf(inbox).map(({ field }) => field)).toEqual(open);
    const answer = await post(`/${String(itemsOf(inbox)[0]?.['id'])}/accept`, { reason: 'it does' });
    expect(answer.json).toMatchObject({
      state: 'accepted',
      resolved_by: 'alice',
      resolved_at: now.toISOString(),
      reason: 'it does',
    });
    await sweeps.sweep(provider);
    expect(itemsOf(await get(`/drift?provider=${provider}`))).toEqual(afterAccept);
    expect((await get(`/inventory/${resourceId}/provisioned`)).json).toEqual({
      resource_id: resourceId,
      spec: { ...spec, ...live },
      spec_version: 2,
      recorded_by: 'alice',
      reason: 'it does',
      recorded_at: now.toISOString(),
      withdrawn_at: null,
    });
  });

  it('accepts a set in its order, twice named ones once, or none of it', async () => {
    await drifted();
    const [name, size, stray] = await Promise.all(['1 name', '1 size_slug', '2 unmanaged'].map(idOf));
    const unknown = await post('/accept', { ids: [name, randomUUID()], reason: 'all' });
    expect([...outcome(unknown), pointers(unknown)]).toEqual([422, 'unknown_drift', ['/body/ids/1']]);
    expect(shown(await get(`/drift?provider=${provider}`))).toHaveLength(3);
    const answer = await post('/accept', { ids: [stray, name, size, name], reason: 'all' });
    expect([answer.status, shown(answer)]).toEqual([200, ['2 unmanaged', '1 name', '1 size_slug']]);
    expect(shown(await get(`/drift?provider=${provider}`))).toEqual([]);
  });

  it('ignores for this resource unless the kind is asked for, and shows the rule, which can be ended', async () => {
    await drifted();
    const answer = await post(`/${await idOf('1 name')}/ignore`, { reason: 'known', expires_at: tomorrow });
    expect(answer.json).toMatchObject({ state: 'ignored', resolved_by: 'alice', reason: 'known' });
    const ruleId = answer.json['ignore_rule_id'];
    const rules = itemsOf(await get('/drift/ignore-rules?limit=200'));
    expect(rules.find(({ id }) => id === ruleId)).toEqual({
      id: ruleId,
      provider: null,
      kind: null,
      resource_id: await sweeps.idOf(provider, '1'),
      field: 'name',
      owner: 'alice',
      reason: 'known',
      expires_at: tomorrow,
      created_at: now.toISOString(),
      created_by: 'alice',
      ended_at: null,
    });
    const end = () => send('DELETE', `/drift/ignore-rules/${String(ruleId)}?reason=over`, undefined);
    expect((await end()).json).toMatchObject({ id: ruleId, ended_at: now.toISOString() });
    expect(outcome(await end())).toEqual([409, 'ignore_rule_over']);
    expect(itemsOf(await get('/drift/ignore-rules?over=true&limit=200')).map(({ id }) => id)).toContain(
      ruleId,
    );
    await sweeps.sweep(provider);
    expect(shown(await get(`/drift?provider=${provider}`)).toSorted()).toEqual([
      '1 name',
      '1 size_slug',
      '2 unmanaged',
    ]);
  });

  it('makes a rule, which says how much it closed', async () => {
    await drifted();
    const body = { provider, kind: 'droplet', owner: 'platform', reason: 'pets', expires_at: tomorrow };
    const answer = await post('/ignore-rules', body);
    expect([answer.status, answer.json['ignored'], answer.json['owner']]).toEqual([201, 3, 'platform']);
    expect(shown(await get(`/drift?provider=${provider}`))).toEqual([]);
  });

  it.each([
    ['accepting without a reason', '/:id/accept', {}, ['/body/reason']],
    ['accepting with more', '/:id/accept', { reason: 'x', force: true }, ['/body/force']],
    ['accepting nothing', '/accept', { ids: [], reason: 'x' }, ['/body/ids']],
    ['accepting what is no id', '/accept', { ids: ['x'], reason: 'x' }, ['/body/ids/0']],
    [
      'accepting too much',
      '/accept',
      { ids: Array.from({ length: 501 }, () => randomUUID()), reason: 'x' },
      ['/body/ids'],
    ],
    [
      'ignoring for ever, anywhere',
      '/:id/ignore',
      { scope: 'world' },
      ['/body/reason', '/body/expires_at', '/body/scope'],
    ],
    [
      'ignoring until yesterday',
      '/:id/ignore',
      { reason: 'x', expires_at: '2026-05-09T00:00:00Z' },
      ['/body/expires_at'],
    ],
    [
      'ignoring for years',
      '/:id/ignore',
      { reason: 'x', expires_at: '2029-05-09T00:00:00Z' },
      ['/body/expires_at'],
    ],
    ['a rule for everything', '/ignore-rules', { reason: 'x', expires_at: tomorrow }, ['/body/kind']],
    [
      'a rule of no kind',
      '/ignore-rules',
      { kind: 'cat', reason: 'x', expires_at: tomorrow },
      ['/body/kind'],
    ],
    [
      'a rule for a resource that is not there',
      '/ignore-rules',
      { resource_id: randomUUID(), reason: 'x', expires_at: tomorrow },
      ['/body/resource_id'],
    ],
  ])('refuses %s, naming the place', async (_what, path, body, wanted) => {
    await drifted();
    const answer = await post(path.replace(':id', await idOf('1 name')), body);
    expect([answer.status, pointers(answer)]).toEqual([422, wanted]);
    expect(shown(await get(`/drift?provider=${provider}`))).toHaveLength(3);
  });

  it('knows no drift or rule that there is not', async () => {
    const id = randomUUID();
    for (const answer of [
      await post(`/${id}/accept`, { reason: 'x' }),
      await post(`/${id}/ignore`, { reason: 'x', expires_at: tomorrow }),
      await send('DELETE', `/drift/ignore-rules/${id}?reason=x`, undefined),
    ]) {
      expect(outcome(answer)).toEqual([404, 'not_found']);
    }
  });
});

const claim = (driftId: string, at = now) =>
  claimRevert(em(), {
    driftId,
    workflowId: `revert-drift:${driftId}`,
    runId: randomUUID(),
    actor: { role: 'platform_admin', tenantId: '', subject: 'carol' },
    reason: 'back',
    resizeDisk: false,
    now: at,
  });

describe('three operators at once, who accept, ignore and revert the same drift', () => {
  const operators = {
    accept: (id: string) =>
      post(`/${id}/accept`, { reason: 'fine' }, tokenFor('platform_admin', { sub: 'operator-accept' })),
    ignore: (id: string) =>
      post(
        `/${id}/ignore`,
        { reason: 'known', expires_at: tomorrow },
        tokenFor('platform_admin', { sub: 'operator-ignore' }),
      ),
    revert: (id: string) =>
      claim(id).then(
        () => ({ status: 202, code: undefined, context: undefined }),
        (error: { code: string; context: unknown }) => ({
          status: 409,
          code: error.code,
          context: error.context,
        }),
      ),
  };
  type Operator = keyof typeof operators;
  const answerOf = async (operator: Operator, id: string) => {
    const answer = await operators[operator](id);
    return 'json' in answer
      ? { status: answer.status, code: answer.json['code'], context: answer.json['context'] }
      : answer;
  };
  /** What the others hear where one has won. */
  const refusals = {
    accept: {
      status: 409,
      code: 'drift_not_open',
      context: { state: 'accepted', resolved_by: 'operator-accept' },
    },
    ignore: {
      status: 409,
      code: 'drift_not_open',
      context: { state: 'ignored', resolved_by: 'operator-ignore' },
    },
    revert: { status: 409, code: 'revert_in_progress', context: { state: 'planning', planned_by: 'carol' } },
  };
  const names: readonly Operator[] = ['accept', 'ignore', 'revert'];

  async function expectOneWinner(answers: Readonly<Record<string, { status: number }>>, id: string) {
    const winners = names.filter((name) => (answers[name]?.status ?? 0) < 300);
    expect(winners).toHaveLength(1);
    const [winner = 'accept'] = winners;
    for (const loser of names.filter((name) => name !== winner)) {
      expect(answers[loser]).toMatchObject(refusals[winner]);
    }
    const [row] = await findDrifts(em(), [id]);
    expect(row?.state).toBe({ accept: 'accepted', ignore: 'ignored', revert: 'open' }[winner]);
    return winner;
  }

  it.each(names)('where %s comes first, it wins, and the others hear what happened', async (first) => {
    await drifted();
    const id = await idOf('1 size_slug');
    const before = await answerOf(first, id);
    const others = names.filter((name) => name !== first);
    const answers = await Promise.all(others.map((name) => answerOf(name, id)));
    const all = Object.fromEntries([[first, before], ...others.map((name, at) => [name, answers[at]])]);
    expect(await expectOneWinner(all, id)).toBe(first);
  });

  it('one wins whoever it is, and the others get a 409 that says what happened', async () => {
    const many = Array.from({ length: 30 }, (_, index) =>
      resource({ externalId: String(index), name: `web-${index}` }),
    );
    await sweeps.list(provider, many);
    for (const { externalId } of many) await sweeps.want(provider, externalId, { name: 'front' });
    await sweeps.sweep(provider);
    for (const [round, { id }] of (await sweeps.drift(provider)).entries()) {
      const order = names.map((_, place) => names[(place + round) % names.length] ?? 'accept');
      const answers = await Promise.all(order.map((name) => answerOf(name, id)));
      await expectOneWinner(
        Object.fromEntries(order.map((name, at) => [name, answers[at] ?? { status: 0 }])),
        id,
      );
    }
  });
});

describe('a sweep that is asked for', () => {
  it('starts, or is the one that runs', async () => {
    const first = await post('/sweep', {});
    expect([first.status, first.json['workflow_id']]).toEqual([202, 'sweep-drift']);
    expect(first.headers.get('location')).toBe('/api/v1/processes/sweep-drift');
    expect((await post('/sweep', {})).json['run_id']).toBe(first.json['run_id']);
  });
});
