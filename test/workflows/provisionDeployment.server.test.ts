import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { WorkflowHandle } from '@temporalio/client';
import type { FaultRule, FaultRuleInput } from '../../dev/simulator/faults.ts';
import { type Simulator, startSimulator } from '../../dev/simulator/simulator.ts';
import { workflowIds } from '../../src/workflows/ids.ts';
import {
  type ProvisionDeploymentInput,
  type ProvisionDeploymentResult,
  type ProvisioningProgress,
  provisioningMessages,
} from '../../src/workflows/provisioningMessages.ts';
import { searchAttributes } from '../../src/workflows/searchAttributes.ts';
import { taskQueues } from '../../src/workflows/taskQueues.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { until } from '../support/killableWait.ts';
import { simulatedProvider } from '../support/simulator.ts';
import { startTestWorker, type TestWorker } from '../support/worker.ts';
import { expectNothingLeft, expectProvisioned } from './provisioningOutcome.ts';
import {
  bodyOf,
  clientTimeoutMs,
  itemsOf,
  lastRun,
  newDeployment,
  operator,
  parametersOf,
  standing,
  steps,
  type TemplateCode,
  templateOf,
  testTimes,
} from './provisioningWorld.ts';

const TEST_MS = 60_000;
let database: TestDatabase;
let simulator: Simulator;
let worker: TestWorker;

beforeAll(async () => {
  database = await createTestDatabase();
  simulator = await startSimulator({ actionMilliseconds: 100 });
  worker = await startTestWorker({
    appUrl: database.appUrl,
    providers: [simulatedProvider(simulator, { timeoutMs: clientTimeoutMs })],
    namespace: 'provision-deployment',
    queues: [taskQueues.provisioning],
  });
}, 60_000);
afterEach(() => simulator.faults.clear());
afterAll(async () => {
  await worker?.stop();
  await simulator?.close();
  await database?.drop();
});

type Handle = WorkflowHandle<(input: ProvisionDeploymentInput) => Promise<ProvisionDeploymentResult>>;

async function start(
  deploymentId: string,
  code: TemplateCode,
  name: string,
  times: Partial<typeof testTimes> = {},
): Promise<Handle> {
  const input: ProvisionDeploymentInput = {
    deploymentId,
    template: templateOf(code),
    parameters: parametersOf(code, name),
    request: operator,
    times: { ...testTimes, ...times },
  };
  return (await worker.client.workflow.start('provisionDeployment', {
    workflowId: workflowIds.provisionDeployment(deploymentId),
    taskQueue: taskQueues.provisioning,
    args: [input],
  })) as Handle;
}

const cancel = (handle: Handle) =>
  handle.executeUpdate<ProvisioningProgress, [object]>(provisioningMessages.cancelUpdate, {
    args: [{ request: { ...operator, reason: 'wrong size' } }],
  });

const requestsTo = (method: string, path: string) =>
  simulator.state.requests.entries.filter(
    (entry) => entry.method === method && new RegExp(path).test(entry.path),
  ).length;

/** A droplet that somebody else makes. */
async function makeDroplet(name: string, tag: string): Promise<void> {
  await fetch(`${simulator.url}/_control/droplets`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name, size: 's-1vcpu-1gb', tags: [tag] }),
  });
}

/** One way in which a step goes wrong, and what becomes of the run. */
interface Fault {
  readonly name: string;
  readonly rule: Omit<FaultRuleInput, 'match'>;
  readonly times?: Partial<typeof testTimes>;
  /** What else happens once the fault has struck. */
  readonly meanwhile?: (handle: Handle, rule: FaultRule) => Promise<unknown>;
  readonly end: 'done' | { readonly state: 'failed' | 'cancelled'; readonly code: string };
}

const faults: readonly Fault[] = [
  {
    name: 'the provider refuses it for good',
    rule: { fault: { kind: 'refuse', message: 'Limit reached.' } },
    end: { state: 'failed', code: 'provider_rejected' },
  },
  {
    name: 'it is never answered, until its time is over',
    rule: { fault: { kind: 'stall' }, times: null },
    // Enough for the other steps, which hold to it, too.
    times: { stepMs: 4_000 },
    end: { state: 'failed', code: 'step_timed_out' },
  },
  {
    name: 'it takes effect only after it was given up',
    rule: { fault: { kind: 'stall', ms: 900 } },
    end: 'done',
  },
  {
    name: 'it works, and the answer is lost',
    rule: { fault: { kind: 'lost_answer' } },
    end: 'done',
  },
  {
    name: 'an operator cancels while it is asked for',
    rule: { fault: { kind: 'hold' } },
    async meanwhile(handle, rule) {
      await cancel(handle);
      simulator.faults.remove(rule.id);
    },
    end: { state: 'cancelled', code: 'cancelled' },
  },
  {
    name: 'an operator cancels, and the answer is lost',
    rule: { fault: { kind: 'stall', ms: 900 } },
    meanwhile: cancel,
    end: { state: 'cancelled', code: 'cancelled' },
  },
];

const rows = (Object.keys(steps) as TemplateCode[]).flatMap((code) =>
  steps[code].flatMap((step) =>
    faults.map((fault) => ({ title: `${code}, ${step.key}: ${fault.name}`, code, step, fault })),
  ),
);

describe('provisionDeployment', () => {
  it.concurrent.each(['droplet-app', 'web-app'] as const)(
    'creates what %s names, in order, records it and gives it to the deployment',
    async (code) => {
      const name = `whole-${code}`;
      const id = await newDeployment(worker.em(), name);
      const handle = await start(id, code, name);
      expect(await handle.result()).toMatchObject({
        state: 'done',
        items: steps[code].length,
        problem: null,
      });
      await expectProvisioned(worker.em(), simulator.state.account, id, code, name);
      const { typedSearchAttributes } = await handle.describe();
      expect(typedSearchAttributes.get(searchAttributes.phase)).toBe('done');
      expect(typedSearchAttributes.get(searchAttributes.deployment)).toBe(id);
      expect(typedSearchAttributes.get(searchAttributes.problem)).toBeUndefined();
      const [deployment] = await worker
        .em()
        .execute('select template_code, template_version from cloud_deployments where id = ?', [id]);
      expect(deployment).toEqual({ template_code: code, template_version: 1 });
    },
    TEST_MS,
  );

  // Each row's fault strikes the requests of its own deployment alone.
  it.concurrent.each(rows)(
    '$title: it is done and verified, or undone and explained',
    async ({ title, code, step, fault }) => {
      const name = `f-${rows.findIndex((row) => row.title === title)}`;
      const id = await newDeployment(worker.em(), name);
      const match = { method: 'POST', path: step.create, body: bodyOf(id, name) };
      const rule = simulator.faults.add({ match, skip: step.skip, ...fault.rule });
      const handle = await start(id, code, name, fault.times);
      await until('the fault strikes', async () => (rule.hits > 0 ? true : undefined));
      await fault.meanwhile?.(handle, rule);
      const result = await handle.result();
      const { account } = simulator.state;
      if (fault.end === 'done') {
        expect(result).toMatchObject({ state: 'done', problem: null });
        await expectProvisioned(worker.em(), account, id, code, name);
        return;
      }
      const problem = { code: fault.end.code, message: expect.any(String) };
      expect(result).toMatchObject({ state: fault.end.state, items: 0, problem, left: [] });
      expect(await lastRun(worker.em(), id)).toEqual({
        type: 'provision',
        state: fault.end.state,
        problem,
        is_ended: true,
      });
      await expectNothingLeft(worker.em(), account, id, name);
      const { typedSearchAttributes } = await handle.describe();
      expect(typedSearchAttributes.get(searchAttributes.problem)).toBe(fault.end.code);
    },
    TEST_MS,
  );

  it(
    'adopts what wears the identity already, and asks for nothing',
    async () => {
      const id = await newDeployment(worker.em(), 'adopted');
      await makeDroplet('adopted-app-1', `arcadia:${id}:app-1`);
      const before = requestsTo('POST', '/v2/droplets$');
      const handle = await start(id, 'droplet-app', 'adopted');
      expect(await handle.result()).toMatchObject({ state: 'done' });
      expect(requestsTo('POST', '/v2/droplets$')).toBe(before);
      const items = await itemsOf(worker.em(), id);
      expect(items.map(({ kind, external_id: external }) => `${kind} ${external}`)).toEqual(
        standing(simulator.state.account, id, 'adopted'),
      );
    },
    TEST_MS,
  );

  it(
    'asks once for what comes only after it was given up',
    async () => {
      const id = await newDeployment(worker.em(), 'late');
      simulator.faults.add({
        match: { method: 'POST', path: '/v2/droplets$' },
        fault: { kind: 'stall', ms: 1_000 },
      });
      const before = requestsTo('POST', '/v2/droplets$');
      const handle = await start(id, 'droplet-app', 'late');
      expect(await handle.result()).toMatchObject({ state: 'done' });
      expect(requestsTo('POST', '/v2/droplets$') - before).toBe(1);
    },
    TEST_MS,
  );

  it(
    'fails where several things wear one identity, and leaves none of them',
    async () => {
      const id = await newDeployment(worker.em(), 'twins');
      const tag = `arcadia:${id}:app-1`;
      for (const name of ['twin-1', 'twin-2']) await makeDroplet(name, tag);
      const handle = await start(id, 'droplet-app', 'twins');
      expect(await handle.result()).toMatchObject({
        state: 'failed',
        problem: { code: 'identity_ambiguous' },
      });
      await expectNothingLeft(worker.em(), simulator.state.account, id, 'twins');
    },
    TEST_MS,
  );

  it(
    'cancels while a droplet starts, and destroys it',
    async () => {
      const id = await newDeployment(worker.em(), 'starting');
      simulator.state.settings.actionMilliseconds = 3_000;
      try {
        const handle = await start(id, 'droplet-app', 'starting');
        await until('it is there', async () =>
          standing(simulator.state.account, id, 'starting').length > 0 ? true : undefined,
        );
        await cancel(handle);
        expect(await handle.result()).toMatchObject({ state: 'cancelled' });
        await expectNothingLeft(worker.em(), simulator.state.account, id, 'starting');
      } finally {
        simulator.state.settings.actionMilliseconds = 100;
      }
    },
    TEST_MS,
  );

  it(
    'sets aside what it can not destroy again, says so, and destroys it when an operator asks',
    async () => {
      const id = await newDeployment(worker.em(), 'stuck');
      simulator.faults.add({ match: { method: 'POST', path: '/records$' }, fault: { kind: 'refuse' } });
      const stuck = simulator.faults.add({
        match: { method: 'DELETE', path: '/v2/load_balancers/' },
        fault: { kind: 'refuse', message: 'Not now.' },
        times: null,
      });
      const handle = await start(id, 'web-app', 'stuck');
      const progress = await until('it is set aside', async () => {
        const now = await handle.query<ProvisioningProgress>(provisioningMessages.progressQuery);
        return now.setAside.length > 0 && now.item === null ? now : undefined;
      });
      expect(progress).toMatchObject({
        phase: 'undoing',
        setAside: [{ key: 'balancer', code: 'provider_rejected' }],
        destroyed: ['record', 'app-2', 'app-1', 'data'],
      });
      expect(await lastRun(worker.em(), id)).toMatchObject({
        state: 'undoing',
        problem: { code: 'provider_rejected', message: expect.stringContaining('balancer') },
      });
      await expect(cancel(handle)).rejects.toThrow();
      const retry = (argument: object) =>
        handle.executeUpdate<ProvisioningProgress, [object]>(provisioningMessages.retryItemsUpdate, {
          args: [{ request: operator, ...argument }],
        });
      await expect(retry({ keys: ['app-1'] })).rejects.toThrow();
      simulator.faults.remove(stuck.id);
      await retry({});
      expect(await handle.result()).toMatchObject({ state: 'failed', left: [] });
      await expectNothingLeft(worker.em(), simulator.state.account, id, 'stuck');
    },
    TEST_MS,
  );

  it(
    'leaves standing what an operator says so of',
    async () => {
      const id = await newDeployment(worker.em(), 'left');
      simulator.faults.add({ match: { method: 'POST', path: '/records$' }, fault: { kind: 'refuse' } });
      simulator.faults.add({
        match: { method: 'DELETE', path: '/v2/load_balancers/' },
        fault: { kind: 'refuse' },
        times: null,
      });
      const handle = await start(id, 'web-app', 'left');
      await until('it is set aside', async () => {
        const { setAside } = await handle.query<ProvisioningProgress>(provisioningMessages.progressQuery);
        return setAside.length > 0 ? true : undefined;
      });
      await handle.executeUpdate(provisioningMessages.retryItemsUpdate, {
        args: [{ request: operator, leave: true, keys: ['balancer'] }],
      });
      expect(await handle.result()).toMatchObject({ state: 'failed', left: ['balancer'] });
      expect(standing(simulator.state.account, id, 'left')).toEqual([
        expect.stringMatching(/^load_balancer /),
      ]);
      expect((await itemsOf(worker.em(), id)).map(({ state }) => state)).toEqual([
        'destroyed',
        'destroyed',
        'destroyed',
        'left',
        'destroyed',
      ]);
    },
    TEST_MS,
  );

  it.concurrent(
    'destroys what a run left that was ended by force, and then creates everything once',
    async () => {
      const id = await newDeployment(worker.em(), 'lost');
      const held = simulator.faults.add({
        match: { method: 'POST', path: '/v2/load_balancers$', body: bodyOf(id, 'lost') },
        fault: { kind: 'hold' },
      });
      const killed = await start(id, 'web-app', 'lost');
      await until('a load balancer is asked for', async () => (held.hits > 0 ? true : undefined));
      expect(standing(simulator.state.account, id, 'lost')).toHaveLength(3);
      await killed.terminate('by force');
      simulator.faults.remove(held.id);
      const handle = await start(id, 'web-app', 'lost');
      expect(await handle.result()).toMatchObject({ state: 'done' });
      const states = await worker
        .em()
        .execute(
          `select state, problem->>'code' as code from provisioning_runs where deployment_id = ? order by created_at`,
          [id],
        );
      expect(states).toEqual([
        { state: 'failed', code: 'run_lost' },
        { state: 'done', code: null },
      ]);
      const created = (await itemsOf(worker.em(), id)).filter(({ state }) => state === 'created');
      expect(created.map(({ kind, external_id: external }) => `${kind} ${external}`).toSorted()).toEqual(
        standing(simulator.state.account, id, 'lost').toSorted(),
      );
    },
    TEST_MS,
  );

  it(
    'refuses a deployment that has been provisioned, or has ended, before anything is asked of the provider',
    async () => {
      const id = await newDeployment(worker.em(), 'twice');
      await (await start(id, 'droplet-app', 'twice')).result();
      const before = simulator.state.requests.entries.length;
      await expect((await start(id, 'droplet-app', 'twice')).result()).rejects.toThrow();
      const ended = await newDeployment(worker.em(), 'ended');
      await worker.em().execute(`update cloud_deployments set state = 'cancelled' where id = ?`, [ended]);
      await expect((await start(ended, 'droplet-app', 'ended')).result()).rejects.toThrow();
      expect(simulator.state.requests.entries.length).toBe(before);
      await expectProvisioned(worker.em(), simulator.state.account, id, 'droplet-app', 'twice');
    },
    TEST_MS,
  );
});
