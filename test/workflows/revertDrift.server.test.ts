import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { WorkflowUpdateFailedError } from '@temporalio/client';
import { ActivityFailure, ApplicationFailure } from '@temporalio/common';
import { type Simulator, startSimulator } from '../../dev/simulator/simulator.ts';
import type { RevertDriftResult, RevertProgress } from '../../src/workflows/revertMessages.ts';
import { revertMessages } from '../../src/workflows/revertMessages.ts';
import { searchAttributes } from '../../src/workflows/searchAttributes.ts';
import { taskQueues } from '../../src/workflows/taskQueues.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { simulatedProvider } from '../support/simulator.ts';
import { startTestWorker, type TestWorker } from '../support/worker.ts';
import { quickTimes, type RevertWorld, revertWorld } from './revertDriftWorld.ts';

const TEST_MS = 60_000;
const [small, large] = ['s-1vcpu-2gb', 's-2vcpu-4gb'] as const;

let database: TestDatabase;
let simulator: Simulator;
let worker: TestWorker;
let hasty: TestWorker;
let world: RevertWorld;

beforeAll(async () => {
  database = await createTestDatabase();
  simulator = await startSimulator({ actionMilliseconds: 50 });
  const start = (namespace: string, approvalHours: number) =>
    startTestWorker({
      appUrl: database.appUrl,
      providers: [simulatedProvider(simulator, { timeoutMs: 2_000 })],
      namespace,
      queues: [taskQueues.provisioning],
      driftReverts: { atOnce: 50, budgetMonthly: '500', approvalHours },
    });
  worker = await start('revert-drift', 1);
  hasty = await start('revert-drift-hasty', 1.5 / 3600);
  world = revertWorld({ simulator, em: () => worker.em(), client: worker.client });
}, 120_000);
afterAll(async () => {
  await worker?.stop();
  await hasty?.stop();
  await simulator?.close();
  await database?.drop();
});
afterEach(() => simulator.faults.clear());

/** A droplet that is larger than it was asked for. */
async function oversized(facts: Parameters<RevertWorld['droplet']>[0] = {}) {
  const droplet = world.droplet({ size: large, ...facts });
  return { droplet, drifted: await world.drift('droplet', droplet.id, 'size_slug', small) };
}

const typesOf = (externalId: string) => world.actionsOf(externalId).map(({ type }) => type);
const postsTo = (id: number) => ({ method: 'POST', path: `/droplets/${id}/actions$` });

/** The code with which an update was refused. */
async function refusalOf(update: Promise<unknown>): Promise<ApplicationFailure> {
  const error = await update.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof WorkflowUpdateFailedError)) throw new Error(`not refused: ${error}`);
  const cause = error.cause instanceof ActivityFailure ? error.cause.cause : error.cause;
  if (!(cause instanceof ApplicationFailure)) throw new Error(`refused without a code: ${cause}`);
  return cause;
}

describe('a revert', () => {
  it(
    'gives a droplet its size back: off, resize, on again, verified and written down',
    async () => {
      const { droplet, drifted } = await oversized();
      const revert = await world.plan(drifted);
      expect(await world.revertRow(revert.revertId)).toMatchObject({
        state: 'planned',
        addedMonthly: '-12.00',
        plannedBy: 'olga',
        plan: { downtime: true, base: { size_slug: large, status: 'active' } },
      });
      expect(typesOf(drifted.externalId)).toEqual([]);

      await revert.approve('agreed with the team');
      expect(await revert.result()).toEqual({ revertId: revert.revertId, state: 'done', problem: null });
      expect(droplet).toMatchObject({ size_slug: small, status: 'active', disk: 25 });
      expect(typesOf(drifted.externalId)).toEqual(['shutdown', 'resize', 'power_on']);
      expect(await world.driftRow(drifted.driftId)).toMatchObject({
        state: 'reverted',
        resolvedBy: 'olga',
        reason: 'agreed with the team',
        workflowId: revert.handle.workflowId,
        problem: null,
      });
      const done = await world.revertRow(revert.revertId);
      expect(done).toMatchObject({
        state: 'done',
        approvedBy: 'olga',
        approvalReason: 'agreed with the team',
      });
      expect(done.steps.map(({ name, state }) => [name, state])).toEqual([
        ['power_off', 'done'],
        ['resize', 'done'],
        ['power_on', 'done'],
      ]);
    },
    TEST_MS,
  );

  it(
    'leaves its event, its audit rows, and what it read in the inventory',
    async () => {
      const { drifted } = await oversized();
      const revert = await world.plan(drifted);
      await revert.approve();
      await revert.result();
      const em = worker.em();
      expect(
        await em.execute(
          `select changes, attributed_at is not null as is_attributed from cloud_resource_events
           where resource_id = ? and type = 'drift_reverted'`,
          [drifted.resourceId],
        ),
      ).toEqual([{ changes: { size_slug: { from: large, to: small } }, is_attributed: true }]);
      expect(
        await em.execute(
          `select action, actor, workflow_id = ? as is_its_own from audit_log
           where subject_id = ? and subject_type = 'cloud_drift' order by id`,
          [revert.handle.workflowId, drifted.driftId],
        ),
      ).toEqual([
        { action: 'cloud_drift.plan_revert', actor: 'olga', is_its_own: true },
        { action: 'cloud_drift.approve_revert', actor: 'olga', is_its_own: true },
        { action: 'cloud_drift.revert', actor: 'workflow', is_its_own: true },
      ]);
      expect(
        await em.execute('select size_slug, status from cloud_resources where id = ?', [drifted.resourceId]),
      ).toEqual([{ size_slug: small, status: 'active' }]);
    },
    TEST_MS,
  );

  it(
    'leaves a droplet off that was off',
    async () => {
      const { droplet, drifted } = await oversized({ status: 'off' });
      const revert = await world.plan(drifted);
      await revert.approve();
      expect(await revert.result()).toMatchObject({ state: 'done' });
      expect(droplet).toMatchObject({ size_slug: small, status: 'off' });
      expect(typesOf(drifted.externalId)).toEqual(['resize']);
    },
    TEST_MS,
  );

  it(
    'lets the disk grow only where that was asked for, and says that it never shrinks again',
    async () => {
      const droplet = world.droplet({ size: 's-1vcpu-1gb', disk: 25 });
      const drifted = await world.drift('droplet', droplet.id, 'size_slug', large);
      const revert = await world.plan(drifted, { resizeDisk: true });
      const { plan } = await world.revertRow(revert.revertId);
      expect(JSON.stringify(plan?.['irreversible'])).toContain('never shrinks');
      await revert.approve();
      expect(await revert.result()).toMatchObject({ state: 'done' });
      expect(droplet).toMatchObject({ size_slug: large, disk: 80, status: 'active' });
    },
    TEST_MS,
  );

  it(
    'cuts the power of a droplet that does not shut down',
    async () => {
      const { droplet, drifted } = await oversized();
      simulator.faults.add({
        match: { ...postsTo(droplet.id), type: 'shutdown' },
        fault: { kind: 'action_lies' },
      });
      const revert = await world.plan(drifted);
      await revert.approve();
      expect(await revert.result()).toMatchObject({ state: 'done' });
      expect(typesOf(drifted.externalId)).toEqual(['shutdown', 'power_off', 'resize', 'power_on']);
    },
    TEST_MS,
  );

  it(
    'waits for what happens to the resource already',
    async () => {
      const { droplet, drifted } = await oversized();
      const revert = await world.plan(drifted);
      simulator.faults.add({
        match: { ...postsTo(droplet.id), type: 'snapshot' },
        fault: { kind: 'action_hangs', ms: 1_500 },
      });
      await fetch(`${simulator.url}/v2/droplets/${droplet.id}/actions`, {
        method: 'POST',
        headers: { authorization: `Bearer ${simulator.token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ type: 'snapshot' }),
      });
      await revert.approve();
      expect(await revert.result()).toMatchObject({ state: 'done' });
      expect(typesOf(drifted.externalId)).toEqual(['snapshot', 'shutdown', 'resize', 'power_on']);
    },
    TEST_MS,
  );
});

describe('a revert for which there is no plan', () => {
  it.each([
    ['a region', 'droplet', 'region', 'nyc3', 'field_not_revertible'],
    ['an image', 'droplet', 'image_id', 1, 'field_not_revertible'],
    ['a size with a smaller disk', 'droplet', 'size_slug', 's-1vcpu-512mb-10gb', 'disk_would_shrink'],
    ['a size that nobody sells', 'droplet', 'size_slug', 's-none', 'size_unknown'],
    ['a smaller volume', 'volume', 'size_gigabytes', 5, 'volume_would_shrink'],
    ["a volume's name", 'volume', 'name', 'another', 'field_not_revertible'],
  ] as const)(
    'is refused with the reason, and the drift stays open: %s',
    async (_, kind, field, desired, code) => {
      const { id } = kind === 'droplet' ? world.droplet() : world.volume(10);
      const drifted = await world.drift(kind, id, field, desired);
      const revert = await world.plan(drifted);
      const result = await revert.result();
      expect(result).toMatchObject({ state: 'refused', problem: { code } });
      expect(await world.revertRow(revert.revertId)).toMatchObject({
        state: 'refused',
        problem: result.problem,
      });
      expect(await world.driftRow(drifted.driftId)).toMatchObject({ state: 'open', problem: result.problem });
    },
    TEST_MS,
  );

  it(
    'closes a drift as stale that is no longer there',
    async () => {
      const { droplet, drifted } = await oversized();
      droplet.size_slug = small;
      const revert = await world.plan(drifted);
      expect(await revert.result()).toMatchObject({
        state: 'refused',
        problem: { code: 'already_as_desired' },
      });
      expect(await world.driftRow(drifted.driftId)).toMatchObject({ state: 'stale', problem: null });
    },
    TEST_MS,
  );

  it(
    'is not made for anything but what is asked for now',
    async () => {
      const { drifted } = await oversized();
      await worker
        .em()
        .execute(`update cloud_provisioned set spec = '{"size_slug": "s-1vcpu-1gb"}' where resource_id = ?`, [
          drifted.resourceId,
        ]);
      const revert = await world.plan(drifted);
      expect(await revert.result()).toMatchObject({ state: 'refused', problem: { code: 'spec_changed' } });
    },
    TEST_MS,
  );
});

describe('before anything is changed', () => {
  it(
    'the resource is read again: where it is not what the plan was made on, nothing is done',
    async () => {
      const { droplet, drifted } = await oversized();
      const revert = await world.plan(drifted);
      droplet.size_slug = 's-2vcpu-2gb';
      await revert.approve();
      const result = await revert.result();
      expect(result).toMatchObject({ state: 'failed', problem: { code: 'live_changed' } });
      expect(result.problem?.message).toContain('s-2vcpu-2gb');
      expect(typesOf(drifted.externalId)).toEqual([]);
      expect(await world.driftRow(drifted.driftId)).toMatchObject({ state: 'open', problem: result.problem });
    },
    TEST_MS,
  );

  it(
    'a cancel ends it, and nothing was touched',
    async () => {
      const { drifted } = await oversized();
      const revert = await world.plan(drifted);
      expect(await revert.cancel('not today')).toEqual({ revertId: revert.revertId, state: 'cancelled' });
      expect(await revert.result()).toMatchObject({
        state: 'cancelled',
        problem: { message: 'cancelled by olga: not today' },
      });
      expect(typesOf(drifted.externalId)).toEqual([]);
      expect(await world.revertRow(revert.revertId)).toMatchObject({
        state: 'cancelled',
        cancelledBy: 'olga',
      });
    },
    TEST_MS,
  );

  it(
    'a plan that nobody approves in time expires, and can not be approved any more',
    async () => {
      const inHaste = revertWorld({ simulator, em: () => hasty.em(), client: hasty.client });
      const { drifted } = await oversized();
      const revert = await inHaste.plan(drifted);
      expect(await revert.result()).toMatchObject({ state: 'expired', problem: { code: 'revert_expired' } });
      expect(await world.revertRow(revert.revertId)).toMatchObject({ state: 'expired' });
      expect(await world.driftRow(drifted.driftId)).toMatchObject({
        state: 'open',
        problem: { code: 'revert_expired' },
      });
      expect(typesOf(drifted.externalId)).toEqual([]);
      const again = await world.plan(drifted);
      await again.approve();
      expect(await again.result()).toMatchObject({ state: 'done' });
    },
    TEST_MS,
  );

  it(
    'only the plan that was looked at is approved, and only once',
    async () => {
      const [one, other] = [await oversized(), await oversized()];
      const revert = await world.plan(one.drifted);
      const stranger = await world.plan(other.drifted);
      const update = {
        revertId: stranger.revertId,
        request: { subject: 'olga', role: 'platform_admin', reason: 'go' },
      };
      const wrong = await refusalOf(
        revert.handle.executeUpdate(revertMessages.approveUpdate, { args: [update] }),
      );
      expect(wrong).toMatchObject({ type: 'another_revert', details: [{ revert_id: revert.revertId }] });
      simulator.faults.add({
        match: { ...postsTo(one.droplet.id), type: 'shutdown' },
        fault: { kind: 'action_hangs', ms: 1_000 },
      });
      await revert.approve();
      const twice = await refusalOf(revert.approve());
      expect(twice.type).toBe('revert_not_planned');
      expect(twice.details).toMatchObject([{ approved_by: 'olga' }]);
      await stranger.cancel();
      expect(await revert.result()).toMatchObject({ state: 'done' });
    },
    TEST_MS,
  );
});

describe('what can not be taken back', () => {
  it(
    'is said, and the rest is taken back all the same',
    async () => {
      const { droplet, drifted } = await oversized();
      simulator.faults.add({
        match: { ...postsTo(droplet.id), type: 'power_on' },
        fault: { kind: 'action_errors' },
      });
      simulator.faults.add({
        match: { ...postsTo(droplet.id), type: 'resize' },
        skip: 1,
        fault: { kind: 'refuse', message: 'no room on this host' },
      });
      const revert = await world.plan(drifted);
      await revert.approve();
      const result = await revert.result();
      expect(result).toMatchObject({ state: 'failed', problem: { code: 'action_failed' } });
      expect(result.problem?.message).toMatch(
        /^power_on failed: .*resize could not be taken back: .*no room/,
      );
      expect(result.problem?.message).toContain(`left changed: size_slug is "${small}", and was "${large}"`);
      expect(droplet).toMatchObject({ size_slug: small, status: 'active' });
      const { steps } = await world.revertRow(revert.revertId);
      expect(steps.map(({ name, state }) => [name, state])).toEqual([
        ['power_off', 'undone'],
        ['resize', 'undo_failed'],
        ['power_on', 'undone'],
      ]);
    },
    TEST_MS,
  );

  it(
    'is named where an action of the provider never ends',
    async () => {
      const { droplet, drifted } = await oversized();
      simulator.faults.add({
        match: { ...postsTo(droplet.id), type: 'resize' },
        fault: { kind: 'action_hangs' },
      });
      const revert = await world.plan(drifted, { times: { ...quickTimes, stepMs: 2_000, undoMs: 2_000 } });
      await revert.approve();
      const result = await revert.result();
      expect(result).toMatchObject({ state: 'failed', problem: { code: 'step_timed_out' } });
      expect(result.problem?.message).toMatch(
        /resize could not be taken back.*resize \(action \d+\) still runs/,
      );
      expect(droplet).toMatchObject({ size_slug: large, status: 'off' });
      expect(await world.driftRow(drifted.driftId)).toMatchObject({ state: 'open', problem: result.problem });
    },
    TEST_MS,
  );
});

describe('a process of a revert', () => {
  it(
    'that is cancelled in Temporal takes back what it did',
    async () => {
      const { droplet, drifted } = await oversized();
      simulator.faults.add({
        match: { ...postsTo(droplet.id), type: 'resize' },
        fault: { kind: 'action_hangs', ms: 1_500 },
      });
      const revert = await world.plan(drifted);
      await revert.approve();
      await world.untilRunning(drifted.externalId, 'resize');
      await revert.handle.cancel();
      expect(await revert.result()).toMatchObject({
        state: 'cancelled',
        problem: { code: 'revert_cancelled' },
      });
      expect(droplet).toMatchObject({ size_slug: large, status: 'active' });
    },
    TEST_MS,
  );

  it(
    'that was terminated holds its resource only until the next one, which says so',
    async () => {
      const { drifted } = await oversized();
      const terminated = await world.plan(drifted);
      await terminated.handle.terminate('by hand');
      const next = await world.plan(drifted);
      expect(next.revertId).not.toBe(terminated.revertId);
      expect(await world.revertRow(terminated.revertId)).toMatchObject({
        state: 'failed',
        problem: { code: 'abandoned' },
      });
      await next.approve();
      expect(await next.result()).toMatchObject({ state: 'done' });
    },
    TEST_MS,
  );

  it(
    'begins nothing where somebody else has resolved the drift, and says what happened',
    async () => {
      const { drifted } = await oversized();
      await worker
        .em()
        .execute(
          `update cloud_drift set state = 'accepted', resolved_at = now(), resolved_by = 'anna' where id = ?`,
          [drifted.driftId],
        );
      const refusal = await refusalOf(world.plan(drifted));
      expect(refusal).toMatchObject({ type: 'drift_not_open' });
      expect(refusal.details).toMatchObject([{ state: 'accepted', resolved_by: 'anna' }]);
      const result = (await worker.client.workflow
        .getHandle(`revert-drift:${drifted.resourceId}`)
        .result()) as RevertDriftResult;
      expect(result).toMatchObject({ revertId: null, state: 'not_begun' });
    },
    TEST_MS,
  );

  it(
    'tells an operator where it stands: phase, step, what waits, and what went wrong',
    async () => {
      const { droplet, drifted } = await oversized();
      const revert = await world.plan(drifted);
      const phase = async () =>
        (await revert.handle.describe()).typedSearchAttributes.get(searchAttributes.phase);
      expect(await phase()).toBe('waiting_for_approval');
      simulator.faults.add({
        match: { ...postsTo(droplet.id), type: 'resize' },
        fault: { kind: 'action_hangs', ms: 1_500 },
      });
      await revert.approve();
      await world.untilRunning(drifted.externalId, 'resize');
      const progress = await revert.handle.query<RevertProgress>(revertMessages.progressQuery);
      expect(progress).toMatchObject({
        phase: 'running',
        step: 'resize',
        done: ['power_off'],
        problem: null,
      });
      expect(await revert.handle.query('__temporal_workflow_metadata')).toMatchObject({
        currentDetails: expect.stringMatching(/^resize runs; done: power_off\n.*size_slug back to/),
      });
      const { raw } = await revert.handle.describe();
      const [pending] = raw.pendingActivities ?? [];
      expect(pending?.activityType?.name).toBe('performRevertStep');
      await revert.cancel('enough');
      expect((await refusalOf(revert.cancel('once more'))).type).toBe('revert_not_cancellable');
      await revert.result();
      const described = (await revert.handle.describe()).typedSearchAttributes;
      expect(described.get(searchAttributes.problem)).toBe('revert_cancelled');
      expect(await phase()).toBe('ended');
    },
    TEST_MS,
  );
});
