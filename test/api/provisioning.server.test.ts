import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Simulator, startSimulator } from '../../dev/simulator/simulator.ts';
import { listPrice } from '../../src/providers/digitalocean/listPrices.ts';
import { recordSizes } from '../../src/services/drift/recordSizes.ts';
import { workflowIds } from '../../src/workflows/ids.ts';
import { taskQueues } from '../../src/workflows/taskQueues.ts';
import { addPlan } from '../services/catalogRows.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { until } from '../support/killableWait.ts';
import { simulatedProvider } from '../support/simulator.ts';
import { startTestWorker, type TestWorker } from '../support/worker.ts';
import { lastRun, parametersOf, standing } from '../workflows/provisioningWorld.ts';
import { type Answer, type ApiUnderTest, startApi, tokenFor } from './apiUnderTest.ts';

const TEST_MS = 60_000;
let database: TestDatabase;
let simulator: Simulator;
let worker: TestWorker;
let api: ApiUnderTest;
let isTemporalAway = false;
const admin = tokenFor('platform_admin', { sub: 'alice' });
const tess = tokenFor('tenant', { sub: 'tess' });

beforeAll(async () => {
  database = await createTestDatabase();
  simulator = await startSimulator({ actionMilliseconds: 50 });
  const provider = simulatedProvider(simulator);
  worker = await startTestWorker({
    appUrl: database.appUrl,
    providers: [provider],
    namespace: `api-provisioning-${randomUUID()}`,
    queues: [taskQueues.provisioning, taskQueues.billing],
  });
  api = await startApi({
    databaseUrl: database.appUrl,
    temporal: () => (isTemporalAway ? Promise.reject(new Error('away')) : worker.client),
    listPrice,
  });
  await addPlan(worker.em(), 'studio');
  const sizes = (await provider.operations?.sizes()) ?? [];
  await recordSizes(worker.em(), { provider: 'digitalocean', sizes, seenAt: new Date() });
}, 60_000);
afterAll(async () => {
  await api?.close();
  await worker?.stop();
  await simulator?.close();
  await database?.drop();
});

const post = (path: string, body: unknown, token = admin) =>
  api.call(`/api/v1/deployments${path}`, { method: 'POST', token, body });
const get = (path: string, token = admin) => api.call(`/api/v1/deployments${path}`, { token });
const outcome = (answer: Answer) => [answer.status, answer.json['code']];

async function newDeployment(slug: string, body: object = {}): Promise<string> {
  const answer = await post('', { tenant_id: 'tenant-a', slug, ...body });
  expect(answer.status).toBe(201);
  return String(answer.json['id']);
}
const wanted = (code: 'droplet-app' | 'web-app', name: string) => ({
  template_code: code,
  parameters: parametersOf(code, name),
  reason: 'a new customer',
});
const untilState = (id: string, type: string, state: string) =>
  until(`the ${type} of ${id} is ${state}`, async () => {
    const run = await lastRun(worker.em(), id);
    return run?.type === type && run.state === state ? true : undefined;
  });
async function provisioned(slug: string): Promise<string> {
  const id = await newDeployment(slug);
  expect((await post(`/${id}/provision`, wanted('droplet-app', slug))).status).toBe(202);
  await untilState(id, 'provision', 'done');
  return id;
}
const atProvider = (id: string, name: string) => standing(simulator.state.account, id, name);

describe('GET /templates', () => {
  it('says what each template takes', async () => {
    const { json } = await api.call('/api/v1/templates', { token: admin });
    expect(json['items']).toMatchObject([
      { code: 'droplet-app', version: 1 },
      { code: 'web-app', version: 1 },
    ]);
  });
});

describe('POST /deployments/:id/provision', () => {
  it('with dry_run says what would be created and what it costs a month, and writes nothing', async () => {
    const id = await newDeployment('preview');
    const before = simulator.state.requests.entries.length;
    const answer = await post(`/${id}/provision`, { ...wanted('web-app', 'preview'), dry_run: true });
    expect([answer.status, answer.json]).toEqual([
      200,
      {
        deployment_id: id,
        template_code: 'web-app',
        template_version: 1,
        items: [
          expect.objectContaining({ key: 'data', kind: 'volume', depends_on: [], monthly: '1.00' }),
          expect.objectContaining({ key: 'app-1', kind: 'droplet', depends_on: ['data'], monthly: '6.00' }),
          expect.objectContaining({ key: 'app-2', kind: 'droplet', depends_on: [], monthly: '6.00' }),
          expect.objectContaining({ key: 'balancer', kind: 'load_balancer', monthly: '12.00' }),
          expect.objectContaining({ key: 'record', kind: 'domain_record', monthly: '0.00' }),
        ],
        monthly_total: '25.00',
        currency: 'USD',
        warnings: [],
      },
    ]);
    expect(await lastRun(worker.em(), id)).toBeUndefined();
    expect(simulator.state.requests.entries.length).toBe(before);
  });

  it('names every fault of the parameters, and a size that is not for sale', async () => {
    const id = await newDeployment('faults');
    const parameters = { name: 'Nope!', region: 'syd1', size_slug: 's-1vcpu-1gb', image: 7, more: 1 };
    const faulty = await post(`/${id}/provision`, { template_code: 'web-app', parameters, reason: 'x' });
    expect(faulty.status).toBe(422);
    const pointers = (faulty.json['errors'] as { pointer: string }[]).map(({ pointer }) => pointer);
    expect(pointers.toSorted()).toEqual([
      '/body/parameters/domain',
      '/body/parameters/image',
      '/body/parameters/more',
      '/body/parameters/name',
    ]);
    const unknown = await post(`/${id}/provision`, { template_code: 'nothing', parameters: {}, reason: 'x' });
    expect(outcome(unknown)).toEqual([422, 'template_not_found']);
    expect((await post(`/${id}/provision`, { parameters: {}, reason: 'x' })).status).toBe(422);
    const odd = { ...parametersOf('droplet-app', 'odd'), size_slug: 's-99vcpu' };
    const warned = await post(`/${id}/provision`, {
      template_code: 'droplet-app',
      parameters: odd,
      dry_run: true,
      reason: 'x',
    });
    expect(warned.json).toMatchObject({
      monthly_total: null,
      warnings: [expect.stringContaining('s-99vcpu')],
    });
  });

  it(
    'creates everything, once, and says so in the deployment',
    async () => {
      const id = await newDeployment('whole', { template_code: 'web-app' });
      const { template_code: _own, ...body } = wanted('web-app', 'whole');
      const [one, two] = await Promise.all([post(`/${id}/provision`, body), post(`/${id}/provision`, body)]);
      expect([one.status, two.status].toSorted()).toEqual([202, 409]);
      await untilState(id, 'provision', 'done');
      expect(atProvider(id, 'whole')).toHaveLength(5);
      const { json } = await get(`/${id}/provisioning`);
      expect(json).toMatchObject({
        deployment_id: id,
        runs: [
          {
            type: 'provision',
            state: 'done',
            template_code: 'web-app',
            template_version: 1,
            requested_by: 'alice',
            reason: 'a new customer',
            problem: null,
            links: {
              process: `/api/v1/processes/${encodeURIComponent(workflowIds.provisionDeployment(id))}`,
            },
          },
        ],
        attached_by_hand: [],
      });
      const items = json['items'] as {
        key: string;
        kind: string;
        state: string;
        resource_id: string | null;
      }[];
      expect(items.map(({ key, state }) => `${key} ${state}`)).toEqual([
        'record created',
        'balancer created',
        'app-2 created',
        'app-1 created',
        'data created',
      ]);
      expect(items.filter(({ resource_id: resource }) => resource === null).map(({ key }) => key)).toEqual([
        'record',
      ]);
      expect(outcome(await post(`/${id}/provision`, body))).toEqual([409, 'already_provisioned']);
      const audited = await worker
        .em()
        .execute(
          `select actor, action, reason from audit_log where workflow_id = ? and action = 'provisioning_run.begin'`,
          [workflowIds.provisionDeployment(id)],
        );
      expect(audited).toEqual([
        { actor: 'alice', action: 'provisioning_run.begin', reason: 'a new customer' },
      ]);
    },
    TEST_MS,
  );

  it(
    'is cancelled by an operator, and by the cancel of its deployment',
    async () => {
      for (const [slug, by] of [
        ['by-operator', (id: string) => post(`/${id}/provision/cancel`, { reason: 'wrong' })],
        ['by-its-tenant', (id: string) => post(`/${id}/transition`, { to: 'cancelled' }, tess)],
      ] as const) {
        const id = await newDeployment(slug);
        const rule = simulator.faults.add({
          match: { method: 'POST', path: '/v2/droplets$' },
          fault: { kind: 'stall', ms: 500 },
        });
        await post(`/${id}/provision`, wanted('droplet-app', slug));
        await until('it is asked for', async () => (rule.hits > 0 ? true : undefined));
        expect([200, 202]).toContain((await by(id)).status);
        await untilState(id, 'provision', 'cancelled');
        expect(atProvider(id, slug)).toEqual([]);
        expect(outcome(await post(`/${id}/provision/cancel`, { reason: 'again' }))).toEqual([
          409,
          'not_running',
        ]);
      }
    },
    TEST_MS,
  );

  it(
    'has what was left taken apart where the process was ended by force',
    async () => {
      const id = await newDeployment('lost');
      simulator.faults.add({
        match: { method: 'POST', path: '/v2/load_balancers$' },
        fault: { kind: 'stall', ms: 300 },
      });
      await post(`/${id}/provision`, wanted('web-app', 'lost'));
      await until('two droplets are there', async () =>
        atProvider(id, 'lost').length >= 3 ? true : undefined,
      );
      expect(outcome(await post(`/${id}/provision`, wanted('web-app', 'lost')))).toEqual([
        409,
        'provisioning_running',
      ]);
      await worker.client.workflow.getHandle(workflowIds.provisionDeployment(id)).terminate('by force');
      expect((await post(`/${id}/transition`, { to: 'cancelled' })).status).toBe(200);
      await untilState(id, 'decommission', 'waiting');
      await post(`/${id}/decommission/cancel`, { reason: 'sooner' });
      await untilState(id, 'decommission', 'cancelled');
      expect((await post(`/${id}/decommission`, { grace_hours: 0, reason: 'now' })).status).toBe(202);
      await untilState(id, 'decommission', 'done');
      expect(atProvider(id, 'lost')).toEqual([]);
    },
    TEST_MS,
  );

  it('refuses an ended deployment, and tenants', async () => {
    const id = await newDeployment('ended');
    await post(`/${id}/transition`, { to: 'cancelled' });
    expect(outcome(await post(`/${id}/provision`, wanted('droplet-app', 'ended')))).toEqual([
      409,
      'deployment_ended',
    ]);
    const mine = await newDeployment('mine');
    expect((await post(`/${mine}/provision`, wanted('droplet-app', 'mine'), tess)).status).toBe(403);
    expect((await post(`/${randomUUID()}/provision`, wanted('droplet-app', 'none'))).status).toBe(404);
  });
});

describe('POST /deployments/:id/subscribe with provision', () => {
  it(
    'subscribes and creates; only admins ask for that, and what it would refuse is refused before anything is subscribed',
    async () => {
      const id = await newDeployment('subscribed');
      const { reason: _why, ...provision } = wanted('droplet-app', 'subscribed');
      const refused = await post(`/${id}/subscribe`, {
        plan_code: 'studio',
        provision: { ...provision, parameters: {} },
      });
      expect(refused.status).toBe(422);
      expect((refused.json['errors'] as { pointer: string }[])[0]?.pointer).toMatch(
        /^\/body\/provision\/parameters\//,
      );
      expect((await get(`/${id}`)).json['subscription']).toBeNull();
      expect((await post(`/${id}/subscribe`, { plan_code: 'studio', provision }, tess)).status).toBe(403);
      const done = await post(`/${id}/subscribe`, { plan_code: 'studio', provision });
      expect([done.status, done.json['provisioning']]).toEqual([
        201,
        expect.objectContaining({ workflow_id: workflowIds.provisionDeployment(id) }),
      ]);
      await untilState(id, 'provision', 'done');
      expect(atProvider(id, 'subscribed')).toHaveLength(1);
    },
    TEST_MS,
  );
});

describe('POST /deployments/:id/decommission', () => {
  it(
    'follows from the cancel by the tenant, after 7 days; operators hold it, let it go on, call it off and begin it again',
    async () => {
      const id = await provisioned('cancelled');
      expect(outcome(await post(`/${id}/decommission`, { reason: 'now' }))).toEqual([
        409,
        'deployment_not_cancelled',
      ]);
      expect(outcome(await post(`/${id}/hold`, { held: true, reason: 'x' }))).toEqual([409, 'not_running']);
      expect((await post(`/${id}/transition`, { to: 'cancelled' }, tess)).status).toBe(200);
      await untilState(id, 'decommission', 'waiting');
      const [row] = await worker.em().execute<{ days: number; requested_by: string }[]>(
        `select round(extract(epoch from not_before - created_at) / 86400)::int as days, requested_by
         from provisioning_runs where deployment_id = ? and type = 'decommission'`,
        [id],
      );
      expect(row).toEqual({ days: 7, requested_by: 'tess' });
      expect(outcome(await post(`/${id}/decommission`, { reason: 'now' }))).toEqual([
        409,
        'decommission_running',
      ]);
      expect((await post(`/${id}/hold`, { held: true, reason: 'a dispute' }, tess)).status).toBe(403);
      expect((await post(`/${id}/hold`, { held: true, reason: 'a dispute' })).status).toBe(202);
      await untilState(id, 'decommission', 'held');
      expect((await post(`/${id}/hold`, { held: false, reason: 'settled' })).status).toBe(202);
      await untilState(id, 'decommission', 'waiting');
      expect((await post(`/${id}/decommission/cancel`, { reason: 'sooner' })).status).toBe(202);
      await untilState(id, 'decommission', 'cancelled');
      expect(atProvider(id, 'cancelled')).toHaveLength(1);
      expect((await post(`/${id}/decommission`, { grace_hours: 0, reason: 'now' })).status).toBe(202);
      await untilState(id, 'decommission', 'done');
      expect(atProvider(id, 'cancelled')).toEqual([]);
      expect(outcome(await post(`/${id}/decommission`, { reason: 'now' }))).toEqual([
        409,
        'nothing_provisioned',
      ]);
      const holds = await worker.em().execute(
        `select actor, reason, after->>'state' as state from audit_log
         where workflow_id = ? and action = 'provisioning_run.change' and reason in ('a dispute', 'settled') order by id`,
        [workflowIds.decommissionDeployment(id)],
      );
      expect(holds).toEqual([
        { actor: 'alice', reason: 'a dispute', state: 'held' },
        { actor: 'alice', reason: 'settled', state: 'waiting' },
      ]);
    },
    TEST_MS,
  );

  it(
    'starts with the next sweep where Temporal was away when the deployment was cancelled',
    async () => {
      const id = await provisioned('away');
      isTemporalAway = true;
      const answer = await post(`/${id}/transition`, { to: 'cancelled' });
      isTemporalAway = false;
      expect([answer.status, answer.json['state']]).toEqual([200, 'cancelled']);
      expect((await lastRun(worker.em(), id))?.type).toBe('provision');
      await worker.client.workflow.execute('sweepLifecycle', {
        workflowId: workflowIds.sweepLifecycle(),
        taskQueue: taskQueues.billing,
        args: [{}],
      });
      await untilState(id, 'decommission', 'waiting');
    },
    TEST_MS,
  );

  it('takes a grace time from none to 90 days', async () => {
    const id = await newDeployment('grace');
    for (const hours of [-1, 2161, 1.5, '7']) {
      const answer = await post(`/${id}/decommission`, { grace_hours: hours, reason: 'x' });
      expect([hours, answer.status]).toEqual([hours, 422]);
    }
  });
});
