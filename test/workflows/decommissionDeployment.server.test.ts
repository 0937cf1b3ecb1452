import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { WorkflowHandle } from '@temporalio/client';
import type { FaultRule, FaultRuleInput } from '../../dev/simulator/faults.ts';
import { type Simulator, startSimulator } from '../../dev/simulator/simulator.ts';
import { attachResource } from '../../src/services/attachResource.ts';
import { recordRead } from '../../src/services/recordRead.ts';
import { systemSession } from '../../src/session.ts';
import { workflowIds } from '../../src/workflows/ids.ts';
import {
  type DecommissionDeploymentInput,
  type DecommissionDeploymentResult,
  type ProvisioningProgress,
  provisioningMessages,
} from '../../src/workflows/provisioningMessages.ts';
import { searchAttributes } from '../../src/workflows/searchAttributes.ts';
import { taskQueues } from '../../src/workflows/taskQueues.ts';
import { resource } from '../services/world.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { until } from '../support/killableWait.ts';
import { simulatedProvider } from '../support/simulator.ts';
import { startTestWorker, type TestWorker } from '../support/worker.ts';
import { expectNothingLeft } from './provisioningOutcome.ts';
import {
  cancelDeployment,
  clientTimeoutMs,
  destructionOf,
  itemsOf,
  lastRun,
  newDeployment,
  operator,
  parametersOf,
  type Step,
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
    namespace: 'decommission-deployment',
    queues: [taskQueues.provisioning, taskQueues.billing],
  });
}, 60_000);
afterAll(async () => {
  await worker?.stop();
  await simulator?.close();
  await database?.drop();
});

type Handle = WorkflowHandle<(input: DecommissionDeploymentInput) => Promise<DecommissionDeploymentResult>>;

/** A deployment that was provisioned by a template, and cancelled. */
async function cancelled(code: TemplateCode, name: string): Promise<string> {
  const deploymentId = await newDeployment(worker.em(), name);
  const result: unknown = await worker.client.workflow.execute('provisionDeployment', {
    workflowId: workflowIds.provisionDeployment(deploymentId),
    taskQueue: taskQueues.provisioning,
    args: [
      {
        deploymentId,
        template: templateOf(code),
        parameters: parametersOf(code, name),
        request: operator,
        times: testTimes,
      },
    ],
  });
  expect(result).toMatchObject({ state: 'done' });
  await cancelDeployment(worker.em(), deploymentId);
  return deploymentId;
}

async function start(
  deploymentId: string,
  graceMs = 0,
  times: Partial<typeof testTimes> = {},
): Promise<Handle> {
  const input: DecommissionDeploymentInput = {
    deploymentId,
    graceMs,
    request: operator,
    times: { ...testTimes, ...times },
  };
  return (await worker.client.workflow.start('decommissionDeployment', {
    workflowId: workflowIds.decommissionDeployment(deploymentId),
    taskQueue: taskQueues.provisioning,
    args: [input],
  })) as Handle;
}

const send = (handle: Handle, update: string, argument: object = {}) =>
  handle.executeUpdate<ProvisioningProgress, [object]>(update, {
    args: [{ request: operator, ...argument }],
  });
const cancel = (handle: Handle) => send(handle, provisioningMessages.cancelUpdate);
const hold = (handle: Handle, held: boolean) => send(handle, provisioningMessages.holdUpdate, { held });
const retry = (handle: Handle, argument: object = {}) =>
  send(handle, provisioningMessages.retryItemsUpdate, argument);
const progressOf = (handle: Handle) => handle.query<ProvisioningProgress>(provisioningMessages.progressQuery);
const untilPhase = (handle: Handle, phase: string) =>
  until(`the phase is ${phase}`, async () => ((await progressOf(handle)).phase === phase ? true : undefined));
const untilSetAside = (handle: Handle) =>
  until('an item is set aside, and the rest is done', async () => {
    const progress = await progressOf(handle);
    return progress.setAside.length > 0 && progress.item === null ? progress : undefined;
  });
const stand = (id: string, name: string) => standing(simulator.state.account, id, name);

/** One way in which the destruction of an item goes wrong. All of them end with nothing left. */
interface Fault {
  readonly name: string;
  readonly rule: Omit<FaultRuleInput, 'match'>;
  readonly times?: Partial<typeof testTimes>;
  /** What happens once the fault has struck. */
  readonly meanwhile?: (handle: Handle, step: Step, rule: FaultRule) => Promise<unknown>;
}

const faults: readonly Fault[] = [
  {
    name: 'the provider refuses it for good, until an operator asks again',
    rule: { fault: { kind: 'refuse', message: 'It is protected.' } },
    // What can't go before it is set aside, too.
    times: { destroyMs: 5_000 },
    async meanwhile(handle, step) {
      const { setAside } = await untilSetAside(handle);
      expect(setAside[0]).toEqual({
        key: step.key,
        code: 'provider_rejected',
        message: expect.stringContaining('It is protected.'),
      });
      const { typedSearchAttributes } = await handle.describe();
      expect(typedSearchAttributes.get(searchAttributes.problem)).toBe('provider_rejected');
      await retry(handle);
    },
  },
  {
    name: 'it is never answered, for longer than one item may take',
    rule: { fault: { kind: 'stall' }, times: null },
    times: { destroyMs: 1_500 },
    async meanwhile(handle, _step, rule) {
      await untilSetAside(handle);
      simulator.faults.remove(rule.id);
    },
  },
  {
    name: 'it takes effect only after it was given up',
    rule: { fault: { kind: 'stall', ms: 900 } },
  },
  {
    name: 'it works, and the answer is lost',
    rule: { fault: { kind: 'lost_answer' } },
  },
  {
    name: 'an operator cancels, which is too late',
    rule: { fault: { kind: 'hold' } },
    async meanwhile(handle, _step, rule) {
      await expect(cancel(handle)).rejects.toThrow();
      await expect(hold(handle, true)).rejects.toThrow();
      await handle.cancel();
      simulator.faults.remove(rule.id);
    },
  },
];
const rows = (Object.keys(steps) as TemplateCode[]).flatMap((code) =>
  steps[code].flatMap((step) =>
    faults.map((fault) => ({ title: `${code}, ${step.key}: ${fault.name}`, code, step, fault })),
  ),
);

describe('decommissionDeployment', () => {
  // Each row's fault strikes one request of its own deployment.
  it.concurrent.each(rows)(
    '$title: nothing is left',
    async ({ title, code, step, fault }) => {
      const name = `f-${rows.findIndex((row) => row.title === title)}`;
      const id = await cancelled(code, name);
      const item = (await itemsOf(worker.em(), id)).find(({ key }) => key === step.key);
      const path = destructionOf(item?.kind ?? '', item?.external_id ?? '');
      const rule = simulator.faults.add({ match: { method: 'DELETE', path }, ...fault.rule });
      const handle = await start(id, 0, fault.times);
      await until('the fault strikes', async () => (rule.hits > 0 ? true : undefined));
      await fault.meanwhile?.(handle, step, rule);
      expect(await handle.result()).toMatchObject({ state: 'done', destroyed: steps[code].length, left: [] });
      await expectNothingLeft(worker.em(), simulator.state.account, id, name);
      expect(await lastRun(worker.em(), id)).toEqual({
        type: 'decommission',
        state: 'done',
        problem: null,
        is_ended: true,
      });
      const { typedSearchAttributes } = await handle.describe();
      expect(typedSearchAttributes.get(searchAttributes.problem)).toBeUndefined();
    },
    TEST_MS,
  );

  it(
    'destroys in reverse, counts each resource up to its destruction, and leaves what was attached by hand',
    async () => {
      const id = await cancelled('web-app', 'whole');
      const byHand = await recordRead(worker.em(), {
        provider: 'digitalocean',
        kind: 'droplet',
        externalId: '4711',
        resource: resource({ externalId: '4711', name: 'by-hand' }),
        readAt: new Date(),
      });
      await attachResource(
        worker.em(),
        id,
        { resourceId: byHand ?? '' },
        { actor: systemSession, now: new Date() },
      );
      const before = simulator.state.requests.entries.length;
      const handle = await start(id);
      expect(await handle.result()).toMatchObject({
        state: 'done',
        destroyed: 5,
        attachedByHand: [{ resourceId: byHand, kind: 'droplet', name: 'by-hand' }],
      });
      const destroyed = simulator.state.requests.entries
        .slice(before)
        .filter(({ method }) => method === 'DELETE')
        .map(({ path }) => path.split('/')[2]);
      expect(destroyed).toEqual(['domains', 'load_balancers', 'droplets', 'droplets', 'volumes']);
      expect(stand(id, 'whole')).toEqual([]);
      const memberships = await worker.em().execute<{ name: string; is_open: boolean; is_whole: boolean }[]>(
        `select resource.name, membership.ends_at is null as is_open,
           membership.starts_at < membership.ends_at and membership.ends_at <= resource.gone_at as is_whole
         from cloud_resource_memberships membership join cloud_resources resource on resource.id = membership.resource_id
         where membership.deployment_id = ? order by is_open, resource.name`,
        [id],
      );
      expect(memberships).toHaveLength(5);
      expect(memberships.map(({ is_open: isOpen }) => isOpen)).toEqual([false, false, false, false, true]);
      expect(memberships.filter(({ is_whole: isWhole }) => isWhole)).toHaveLength(4);
    },
    TEST_MS,
  );

  it.concurrent(
    'waits for its grace time, and then destroys',
    async () => {
      const id = await cancelled('droplet-app', 'grace');
      const begun = Date.now();
      const handle = await start(id, 3_000);
      await untilPhase(handle, 'waiting');
      expect(await lastRun(worker.em(), id)).toMatchObject({ state: 'waiting', is_ended: false });
      expect(stand(id, 'grace')).toHaveLength(1);
      expect(await handle.result()).toMatchObject({ state: 'done', destroyed: 1 });
      expect(Date.now() - begun).toBeGreaterThanOrEqual(3_000);
    },
    TEST_MS,
  );

  it.concurrent(
    'does not go on while an operator holds it, whatever the time, and goes on when it is released',
    async () => {
      const id = await cancelled('droplet-app', 'held');
      const handle = await start(id, 3_000);
      await hold(handle, true);
      expect(await lastRun(worker.em(), id)).toMatchObject({ state: 'held' });
      await until('the grace time is over', async () => {
        const [row] = await worker
          .em()
          .execute<{ is_over: boolean }[]>(
            `select not_before < now() - interval '1 second' as is_over from provisioning_runs where deployment_id = ? and type = 'decommission'`,
            [id],
          );
        return row?.is_over === true ? true : undefined;
      });
      expect((await progressOf(handle)).phase).toBe('held');
      expect(stand(id, 'held')).toHaveLength(1);
      await hold(handle, false);
      expect(await handle.result()).toMatchObject({ state: 'done', destroyed: 1 });
      expect(await lastRun(worker.em(), id)).toMatchObject({ state: 'done' });
    },
    TEST_MS,
  );

  it.each(['waiting', 'held'] as const)(
    'is called off while it is %s, and everything stays',
    async (phase) => {
      const name = `off-${phase}`;
      const id = await cancelled('droplet-app', name);
      const handle = await start(id, 60_000);
      if (phase === 'held') await hold(handle, true);
      await untilPhase(handle, phase);
      await cancel(handle);
      expect(await handle.result()).toMatchObject({ state: 'cancelled', destroyed: 0 });
      expect(await lastRun(worker.em(), id)).toMatchObject({ state: 'cancelled', is_ended: true });
      expect(stand(id, name)).toHaveLength(1);
      // The daily sweep leaves what an operator called off.
      await worker.client.workflow.execute('sweepLifecycle', {
        workflowId: workflowIds.sweepLifecycle(),
        taskQueue: taskQueues.billing,
        args: [{}],
      });
      expect(await lastRun(worker.em(), id)).toMatchObject({ state: 'cancelled' });
    },
    TEST_MS,
  );

  it.concurrent(
    'leaves what wears its identity no longer, says so, and goes on with the rest',
    async () => {
      const id = await cancelled('web-app', 'taken');
      const droplet = simulator.state.account.droplets.find(({ tags }) =>
        tags.includes(`arcadia:${id}:app-2`),
      );
      if (droplet === undefined) throw new Error('there is no app-2');
      droplet.tags = ['somebody-elses'];
      const handle = await start(id);
      const progress = await untilSetAside(handle);
      expect(progress).toMatchObject({
        setAside: [{ key: 'app-2', code: 'identity_lost' }],
        destroyed: ['record', 'balancer', 'app-1', 'data'],
      });
      expect(simulator.state.account.droplets).toContain(droplet);
      await retry(handle, { leave: true });
      expect(await handle.result()).toMatchObject({ state: 'done', destroyed: 4, left: ['app-2'] });
      expect(simulator.state.account.droplets).toContain(droplet);
      expect((await itemsOf(worker.em(), id)).map(({ state }) => state)).toEqual([
        'destroyed',
        'destroyed',
        'left',
        'destroyed',
        'destroyed',
      ]);
    },
    TEST_MS,
  );

  it(
    'is started by the daily sweep where nobody did',
    async () => {
      const id = await cancelled('droplet-app', 'missed');
      const swept: unknown = await worker.client.workflow.execute('sweepLifecycle', {
        workflowId: workflowIds.sweepLifecycle(),
        taskQueue: taskQueues.billing,
        args: [{}],
      });
      expect(swept).toMatchObject({ decommission: 1 });
      await until('it waits', async () =>
        (await lastRun(worker.em(), id))?.state === 'waiting' ? true : undefined,
      );
      const [run] = await worker.em().execute<{ days: number }[]>(
        `select round(extract(epoch from not_before - created_at) / 86400)::int as days from provisioning_runs
         where deployment_id = ? and type = 'decommission'`,
        [id],
      );
      expect(run).toEqual({ days: 7 });
      await cancel(worker.client.workflow.getHandle(workflowIds.decommissionDeployment(id)) as Handle);
    },
    TEST_MS,
  );

  it.concurrent('refuses a deployment that is not cancelled', async () => {
    const id = await newDeployment(worker.em(), 'running');
    await expect((await start(id)).result()).rejects.toThrow();
    expect(await lastRun(worker.em(), id)).toBeUndefined();
  });

  it.concurrent(
    'finds nothing to do the second time',
    async () => {
      const id = await cancelled('droplet-app', 'again');
      await (await start(id)).result();
      expect(await (await start(id)).result()).toMatchObject({ state: 'done', destroyed: 0 });
    },
    TEST_MS,
  );
});
