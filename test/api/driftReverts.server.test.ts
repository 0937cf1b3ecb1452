import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Simulator, startSimulator } from '../../dev/simulator/simulator.ts';
import { taskQueues } from '../../src/workflows/taskQueues.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { until } from '../support/killableWait.ts';
import { simulatedProvider } from '../support/simulator.ts';
import { startTestWorker, type TestWorker } from '../support/worker.ts';
import { type Drifted, type RevertWorld, revertWorld } from '../workflows/revertDriftWorld.ts';
import { type Answer, type ApiUnderTest, startApi, tokenFor } from './apiUnderTest.ts';
import { connectTestTemporal, type TemporalUnderTest } from './temporalUnderTest.ts';

const TEST_MS = 60_000;
let database: TestDatabase;
let simulator: Simulator;
let worker: TestWorker;
let api: ApiUnderTest;
let world: RevertWorld;

beforeAll(async () => {
  database = await createTestDatabase();
  simulator = await startSimulator({ actionMilliseconds: 50 });
  worker = await startTestWorker({
    appUrl: database.appUrl,
    providers: [simulatedProvider(simulator)],
    namespace: 'api-drift-reverts',
    queues: [taskQueues.provisioning],
    driftReverts: { atOnce: 2, budgetMonthly: '50', approvalHours: 24 },
  });
  api = await startApi({ databaseUrl: database.appUrl, temporal: () => worker.client });
  world = revertWorld({ simulator, em: () => worker.em(), client: worker.client });
}, 120_000);
afterAll(async () => {
  await api?.close();
  await worker?.stop();
  await simulator?.close();
  await database?.drop();
});

interface StartedRevert {
  readonly revert: { readonly id: string; readonly state: string; readonly [field: string]: unknown };
  readonly workflow_id: string;
}

const post = (driftId: string, path: string, body: object, operator = 'olga') =>
  api.call(`/api/v1/drift/${driftId}/${path}`, {
    method: 'POST',
    token: tokenFor('platform_admin', { sub: operator }),
    body,
  });
const started = (answer: Answer): StartedRevert => {
  expect([answer.status, answer.json['code']]).toEqual([202, undefined]);
  return answer.json as unknown as StartedRevert;
};
const plan = async ({ driftId }: Drifted) =>
  started(await post(driftId, 'revert', { reason: 'as it was' })).revert;

/** A droplet that has another name than was asked for. */
async function misnamed(): Promise<Drifted> {
  const droplet = world.droplet();
  return world.drift('droplet', droplet.id, 'name', `wanted-${droplet.id}`);
}

async function untilEnded(revertId: string) {
  return until('the revert has ended', async () => {
    const row = await world.revertRow(revertId);
    return row.endedAt == null ? undefined : row;
  });
}

describe('POST /api/v1/drift/:id/revert', () => {
  it(
    'answers the plan, which is carried out once it is approved',
    async () => {
      const droplet = world.droplet({ size: 's-1vcpu-1gb', disk: 25 });
      const drifted = await world.drift('droplet', droplet.id, 'size_slug', 's-1vcpu-2gb');
      const answer = await post(drifted.driftId, 'revert', { reason: 'too small' });
      expect(answer.status).toBe(202);
      expect(answer.headers.get('location')).toBe(`/api/v1/processes/revert-drift%3A${drifted.resourceId}`);
      const { revert } = started(answer);
      expect(revert).toMatchObject({
        drift_id: drifted.driftId,
        state: 'planned',
        added_monthly: '6.00',
        currency: 'USD',
        planned_by: 'olga',
        reason: 'too small',
        plan: {
          field: 'size_slug',
          desired: 's-1vcpu-2gb',
          downtime: true,
          steps: [{ name: 'power_off' }, { name: 'resize' }, { name: 'power_on' }],
        },
      });
      const approved = await post(
        drifted.driftId,
        'revert/approve',
        { revert_id: revert.id, reason: 'go' },
        'anna',
      );
      expect(started(approved).revert).toMatchObject({ id: revert.id, approved_by: 'anna' });
      expect(await untilEnded(revert.id)).toMatchObject({ state: 'done' });
      expect(droplet).toMatchObject({ size_slug: 's-1vcpu-2gb', status: 'active' });

      const twice = await post(drifted.driftId, 'revert/approve', { revert_id: revert.id, reason: 'go' });
      expect([twice.status, twice.json]).toMatchObject([
        409,
        { code: 'revert_not_planned', context: { state: 'done', approved_by: 'anna' } },
      ]);
      const late = await post(drifted.driftId, 'revert/cancel', { reason: 'no' });
      expect([late.status, late.json]).toMatchObject([
        409,
        { code: 'revert_not_cancellable', context: { state: 'done', approved_by: 'anna' } },
      ]);
    },
    TEST_MS,
  );

  it(
    'is refused with the reason where there is no way back in place, and 409 where nothing differs any more',
    async () => {
      const region = await world.drift('droplet', world.droplet().id, 'region', 'nyc3');
      const refused = await post(region.driftId, 'revert', { reason: 'back' });
      expect([refused.status, refused.json]).toMatchObject([
        422,
        { code: 'field_not_revertible', context: { state: 'refused' } },
      ]);
      expect(refused.json['detail']).toContain('stays in its region');
      const droplet = world.droplet();
      const gone = await world.drift('droplet', droplet.id, 'name', 'wanted');
      droplet.name = 'wanted';
      const stale = await post(gone.driftId, 'revert', { reason: 'back' });
      expect([stale.status, stale.json]).toMatchObject([409, { code: 'already_as_desired' }]);
      expect(await world.driftRow(gone.driftId)).toMatchObject({ state: 'stale' });
    },
    TEST_MS,
  );

  it(
    'is a 409 with by whom where a revert of the resource waits already, and a 404 for no drift',
    async () => {
      const drifted = await misnamed();
      const first = await plan(drifted);
      const second = await post(drifted.driftId, 'revert', { reason: 'me too' }, 'anna');
      expect([second.status, second.json]).toMatchObject([
        409,
        {
          code: 'revert_in_progress',
          context: { revert_id: first.id, planned_by: 'olga', state: 'planned' },
        },
      ]);
      const unknown = await post(crypto.randomUUID(), 'revert', { reason: 'what' });
      expect(unknown.status).toBe(404);
      started(await post(drifted.driftId, 'revert/cancel', { reason: 'enough' }));
    },
    TEST_MS,
  );

  it(
    'answers with where to look when no worker makes the plan in time',
    async () => {
      const empty: TemporalUnderTest = await connectTestTemporal();
      const unserved = await startApi({ databaseUrl: database.appUrl, temporal: () => empty.client });
      try {
        const drifted = await misnamed();
        const answer = await unserved.call(`/api/v1/drift/${drifted.driftId}/revert`, {
          method: 'POST',
          token: tokenFor('platform_admin'),
          body: { reason: 'back' },
        });
        expect([answer.status, answer.json]).toMatchObject([
          202,
          {
            revert: null,
            workflow_id: `revert-drift:${drifted.resourceId}`,
            links: { process: `/api/v1/processes/revert-drift%3A${drifted.resourceId}` },
          },
        ]);
      } finally {
        await unserved.close();
        await empty.close();
      }
    },
    TEST_MS,
  );
});

describe('three operators who accept, revert and ignore the same drift at once', () => {
  // A revert is claimed by its process, which takes longer than a request: with a start it may win, too.
  it.each([0, 0, 30, 60, 120])(
    'one wins, and the others are told what happened: %i ms after the one who reverts',
    async (milliseconds) => {
      const drifted = await misnamed();
      const inAnHour = new Date(Date.now() + 3_600_000).toISOString();
      const revert = post(drifted.driftId, 'revert', { reason: 'as it was' }, 'olga');
      await delay(milliseconds);
      const answers = await Promise.all([
        revert,
        post(drifted.driftId, 'accept', { reason: 'it is better so' }, 'anna'),
        post(drifted.driftId, 'ignore', { reason: 'later', expires_at: inAnHour, scope: 'resource' }, 'ivan'),
      ]);
      const winners = answers.filter(({ status }) => status < 300);
      expect(winners).toHaveLength(1);
      const drift = await world.driftRow(drifted.driftId);
      for (const loser of answers.filter(({ status }) => status >= 300)) {
        expect(loser.status).toBe(409);
        if (drift.state === 'open') {
          expect(loser.json).toMatchObject({
            code: 'revert_in_progress',
            context: { planned_by: 'olga', drift_id: drifted.driftId },
          });
        } else {
          expect(loser.json).toMatchObject({
            code: 'drift_not_open',
            context: { state: drift.state, resolved_by: drift.resolvedBy },
          });
        }
      }
      if (drift.state === 'open') started(await post(drifted.driftId, 'revert/cancel', { reason: 'enough' }));
    },
    TEST_MS,
  );
});

describe('POST /api/v1/drift/:id/revert/approve', () => {
  it(
    'approves nothing but the plan that it names',
    async () => {
      const [drifted, other] = [await misnamed(), await misnamed()];
      const nothing = await post(drifted.driftId, 'revert/approve', {
        revert_id: crypto.randomUUID(),
        reason: 'go',
      });
      expect([nothing.status, nothing.json]).toMatchObject([409, { code: 'no_revert' }]);
      const [own, foreign] = [await plan(drifted), await plan(other)];
      const wrong = await post(drifted.driftId, 'revert/approve', { revert_id: foreign.id, reason: 'go' });
      expect([wrong.status, wrong.json]).toMatchObject([
        409,
        { code: 'another_revert', context: { revert_id: own.id, state: 'planned' } },
      ]);
      for (const { driftId } of [drifted, other]) {
        started(await post(driftId, 'revert/cancel', { reason: 'enough' }));
      }
    },
    TEST_MS,
  );

  it(
    'leaves a plan waiting that would add too much to the bill, or be one too many, with the figures',
    async () => {
      const volume = world.volume(10);
      const costly = await world.drift('volume', volume.id, 'size_gigabytes', 1000);
      const { id, added_monthly: added } = await plan(costly);
      const refused = await post(costly.driftId, 'revert/approve', { revert_id: id, reason: 'go' });
      expect([refused.status, refused.json]).toMatchObject([
        409,
        {
          code: 'revert_budget_exceeded',
          context: { adds_monthly: '99', budget_monthly: '50', currency: 'USD' },
        },
      ]);
      expect(added).toBe('99.00');

      const held = await Promise.all(
        [0, 1].map(async () => {
          const drifted = await misnamed();
          simulator.faults.add({
            match: { method: 'POST', path: `/droplets/${drifted.externalId}/actions$` },
            fault: { kind: 'action_hangs', ms: 4_000 },
          });
          const revert = await plan(drifted);
          started(await post(drifted.driftId, 'revert/approve', { revert_id: revert.id, reason: 'go' }));
          return revert;
        }),
      );
      const drifted = await misnamed();
      const third = await plan(drifted);
      const approve = () => post(drifted.driftId, 'revert/approve', { revert_id: third.id, reason: 'go' });
      const tooMany = await approve();
      expect([tooMany.status, tooMany.json]).toMatchObject([
        409,
        { code: 'too_many_reverts', context: { running: 2, allowed: 2 } },
      ]);
      for (const revert of held) expect(await untilEnded(revert.id)).toMatchObject({ state: 'done' });
      started(await approve());
      expect(await untilEnded(third.id)).toMatchObject({ state: 'done' });
      expect(volume.size_gigabytes).toBe(10);
    },
    TEST_MS,
  );
});

describe('POST /api/v1/drift/:id/revert/cancel', () => {
  it(
    'ends what waits, and takes back what runs',
    async () => {
      const drifted = await misnamed();
      const name = world.simulator.state.account.droplets.find(
        ({ id }) => String(id) === drifted.externalId,
      )?.name;
      simulator.faults.add({
        match: { method: 'POST', path: `/droplets/${drifted.externalId}/actions$` },
        fault: { kind: 'action_hangs', ms: 1_500 },
      });
      const revert = await plan(drifted);
      started(await post(drifted.driftId, 'revert/approve', { revert_id: revert.id, reason: 'go' }));
      await world.untilRunning(drifted.externalId, 'rename');
      started(await post(drifted.driftId, 'revert/cancel', { reason: 'stop it' }, 'anna'));
      expect(await untilEnded(revert.id)).toMatchObject({
        state: 'cancelled',
        cancelledBy: 'anna',
        problem: { code: 'revert_cancelled' },
      });
      const droplet = world.simulator.state.account.droplets.find(
        ({ id }) => String(id) === drifted.externalId,
      );
      expect(droplet?.name).toBe(name);
      const detail = await api.call(`/api/v1/drift/${drifted.driftId}`, {
        token: tokenFor('platform_viewer'),
      });
      expect(detail.json).toMatchObject({
        state: 'open',
        problem: { code: 'revert_cancelled' },
        reverts: [{ id: revert.id, state: 'cancelled', steps: [{ name: 'rename', state: 'undone' }] }],
      });
    },
    TEST_MS,
  );

  it(
    'frees a resource whose process was ended from outside',
    async () => {
      const drifted = await misnamed();
      const { id } = await plan(drifted);
      await worker.client.workflow.getHandle(`revert-drift:${drifted.resourceId}`).terminate('by hand');
      const answer = await post(drifted.driftId, 'revert/cancel', { reason: 'clean up' });
      expect(started(answer).revert).toMatchObject({ id, state: 'failed', problem: { code: 'abandoned' } });
      const accepted = await post(drifted.driftId, 'accept', { reason: 'so be it' });
      expect(accepted.status).toBe(200);
    },
    TEST_MS,
  );
});
