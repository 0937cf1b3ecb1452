import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { RevertPlan } from '../../../src/domain/drift/revertPlan.ts';
import { Conflict } from '../../../src/domain/errors.ts';
import { CloudDriftRevert } from '../../../src/entities/cloudDriftRevert.ts';
import { acceptDrift } from '../../../src/services/drift/acceptDrift.ts';
import { approveRevert, type RevertLimits } from '../../../src/services/drift/approveRevert.ts';
import { claimRevert } from '../../../src/services/drift/claimRevert.ts';
import {
  expireRevert,
  recordRevertEnd,
  recordReverted,
  recordRevertRunning,
  recordRevertStep,
  storeRevertPlan,
} from '../../../src/services/drift/recordRevert.ts';
import { admin } from '../invoiceWorld.ts';
import { openWorld, type World } from '../world.ts';

const now = new Date('2026-05-10T10:00:00Z');
const later = (hours: number) => new Date(now.getTime() + hours * 3_600_000);
const generous: RevertLimits = { atOnce: 100, budgetMonthly: '100000' };

let world: World;
beforeAll(async () => {
  world = await openWorld();
}, 60_000);
afterAll(() => world?.close());

/** An open drift of a resource of its own. */
async function openDrift(): Promise<string> {
  const [row] = await world.em().execute<{ id: string }[]>(
    `with resource as (
       insert into cloud_resources
         (provider, kind, external_id, name, size_slug, tags, currency, attributes, first_seen_at, last_seen_at)
       values ('digitalocean', 'droplet', gen_random_uuid()::text, 'web', 's-2', '[]', 'USD', '{}', now(), now()) returning id
     ),
     asked as (
       insert into cloud_provisioned (resource_id, provider, kind, spec, spec_version, recorded_by, recorded_at)
       select id, 'digitalocean', 'droplet', '{"size_slug": "s-1"}', 1, 'test', now() from resource
     )
     insert into cloud_drift (resource_id, provider, kind, type, field, desired, actual, spec_version, currency, detected_at, last_seen_at)
     select id, 'digitalocean', 'droplet', 'field', 'size_slug', '"s-1"', '"s-2"', 1, 'USD', now(), now() from resource returning id`,
  );
  if (row === undefined) throw new Error('no drift was written');
  return row.id;
}

const claim = (driftId: string, run: string = crypto.randomUUID(), workflowId = `revert-drift:${driftId}`) =>
  claimRevert(world.em(), {
    driftId,
    workflowId,
    runId: run,
    actor: admin,
    reason: 'test',
    resizeDisk: false,
    now,
  });

const planOf = (addedMonthly: string | null, action = 'resize'): RevertPlan => ({
  kind: 'droplet',
  externalId: '1',
  field: 'size_slug',
  desired: 's-1',
  steps: [{ name: action, action, parameters: {}, undo: null, reversible: false, downtime: false }] as never,
  downtime: true,
  addedMonthly,
  currency: 'USD',
  irreversible: [],
  warnings: [],
  base: { size_slug: 's-2' },
  checksum: '0',
});

/** A plan that waits for approval. */
async function planned(addedMonthly: string | null = '0.00', action?: string): Promise<string> {
  const { revertId } = await claim(await openDrift());
  await storeRevertPlan(world.em(), revertId, { plan: planOf(addedMonthly, action), expiresAt: later(24) });
  return revertId;
}

const approve = (revertId: string, limits = generous, approvedAt = now) =>
  approveRevert(world.em(), { revertId, approvedAt, actor: admin, reason: 'go', limits });

const revertRow = (id: string) => world.em().findOneOrFail(CloudDriftRevert, { id });

async function refusal(attempt: Promise<unknown>): Promise<Conflict> {
  const error = await attempt.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof Conflict)) throw new Error(`no conflict: ${error}`);
  return error;
}

/** Nothing else runs, and nothing was approved lately. */
async function clear(): Promise<void> {
  await world
    .em()
    .execute(`update cloud_drift_reverts set state = 'failed', ended_at = now() where ended_at is null`);
  await world
    .em()
    .execute(
      `update cloud_drift_reverts set approved_at = timestamptz '2020-01-01' where approved_at is not null`,
    );
}

describe('claiming a revert', () => {
  it('holds the resource: its drift is accepted by nobody, and no other revert begins', async () => {
    const driftId = await openDrift();
    const { revertId } = await claim(driftId);
    const accepted = await refusal(acceptDrift(world.em(), driftId, { actor: admin, now, reason: 'mine' }));
    expect(accepted).toMatchObject({
      code: 'revert_in_progress',
      context: { revert_id: revertId, state: 'planning', planned_by: admin.subject },
    });
    expect((await refusal(claim(driftId, 'another run', 'another process'))).code).toBe('revert_in_progress');
  });

  it('gives the same revert when the same run asks again', async () => {
    const driftId = await openDrift();
    const first = await claim(driftId, 'run-1');
    expect(await claim(driftId, 'run-1')).toEqual(first);
  });

  it('closes what an earlier run of the same process left behind', async () => {
    const driftId = await openDrift();
    const left = await claim(driftId, 'run-1');
    const next = await claim(driftId, 'run-2');
    expect(next.revertId).not.toBe(left.revertId);
    expect(await revertRow(left.revertId)).toMatchObject({ state: 'failed', problem: { code: 'abandoned' } });
  });

  it('is refused for a drift that somebody resolved, with by whom and when', async () => {
    const driftId = await openDrift();
    await acceptDrift(world.em(), driftId, { actor: admin, now, reason: 'mine' });
    expect(await refusal(claim(driftId))).toMatchObject({
      code: 'drift_not_open',
      context: { state: 'accepted', resolved_by: admin.subject, resolved_at: now.toISOString() },
    });
  });

  it('lets one of many win where accept and revert come at once', async () => {
    const driftId = await openDrift();
    const attempts = await Promise.allSettled([
      ...Array.from({ length: 4 }, (_, index) => claim(driftId, `run-${index}`, `process-${index}`)),
      ...Array.from({ length: 4 }, () =>
        acceptDrift(world.em(), driftId, { actor: admin, now, reason: 'mine' }),
      ),
    ]);
    expect(attempts.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const attempt of attempts) {
      if (attempt.status === 'rejected') expect(attempt.reason).toBeInstanceOf(Conflict);
    }
  });
});

describe('approving a plan', () => {
  it('is done once; the same approval again changes nothing, another one is told by whom it was', async () => {
    const revertId = await planned();
    await approve(revertId);
    await approve(revertId);
    expect(await refusal(approve(revertId, generous, later(1)))).toMatchObject({
      code: 'revert_not_planned',
      context: { state: 'approved', approved_by: admin.subject, approved_at: now.toISOString() },
    });
  });

  it('is not possible after its time, nor once it has expired', async () => {
    const revertId = await planned();
    expect((await refusal(approve(revertId, generous, later(24)))).code).toBe('revert_expired');
    expect(await expireRevert(world.em(), revertId, later(24))).toBe('expired');
    expect(await refusal(approve(revertId))).toMatchObject({
      code: 'revert_not_planned',
      context: { state: 'expired' },
    });
  });

  it('stands where the time is over in the same moment', async () => {
    const revertId = await planned();
    await approve(revertId);
    expect(await expireRevert(world.em(), revertId, later(24))).toBe('approved');
  });

  it('waits while too many reverts run, with the figures, and goes on when one is over', async () => {
    await clear();
    const [running, waiting] = [await planned(), await planned()];
    const limits = { ...generous, atOnce: 1 };
    await approve(running, limits);
    await recordRevertRunning(world.em(), running);
    expect(await refusal(approve(waiting, limits))).toMatchObject({
      code: 'too_many_reverts',
      context: { running: 1, allowed: 1 },
    });
    expect(await revertRow(waiting)).toMatchObject({ state: 'planned', approvedBy: null });
    await recordReverted(world.em(), running, now);
    await approve(waiting, limits);
    expect(await revertRow(waiting)).toMatchObject({ state: 'approved' });
  });

  it('lets no two share the last place', async () => {
    await clear();
    const reverts = await Promise.all(Array.from({ length: 6 }, () => planned()));
    const attempts = await Promise.allSettled(reverts.map((id) => approve(id, { ...generous, atOnce: 2 })));
    expect(attempts.filter(({ status }) => status === 'fulfilled')).toHaveLength(2);
  });

  it('keeps what the reverts of 24 hours add to the bill within the budget, to the cent', async () => {
    await clear();
    const limits = { ...generous, budgetMonthly: '30.00' };
    const [first, second, third, saving] = [
      await planned('12.00'),
      await planned('18.00'),
      await planned('0.01'),
      await planned('-100.00'),
    ];
    await approve(first, limits);
    await approve(saving, limits);
    await approve(second, limits);
    expect(await refusal(approve(third, limits))).toMatchObject({
      code: 'revert_budget_exceeded',
      context: { adds_monthly: '0.01', approved_monthly: '30.00', budget_monthly: '30.00', currency: 'USD' },
    });
    await approve(await planned('0.00'), limits);
    // What failed was taken back, and adds nothing.
    await recordRevertEnd(world.em(), second, {
      state: 'failed',
      problem: { code: 'action_failed', message: 'no' },
      now,
    });
    await approve(third, limits);
    const nextDay = await planned('30.00');
    await world
      .em()
      .execute(`update cloud_drift_reverts set expires_at = ? where id = ?`, [later(48), nextDay]);
    expect((await refusal(approve(nextDay, limits))).code).toBe('revert_budget_exceeded');
    await approve(nextDay, limits, later(24.1));
  });

  it('is refused where nothing says what it adds, unless it can add nothing', async () => {
    await clear();
    expect((await refusal(approve(await planned(null)))).code).toBe('revert_price_unknown');
    await approve(await planned(null, 'add_tags'));
  });
});

describe('what becomes of a revert', () => {
  it('has one word on each step, the last one, in the order in which they began', async () => {
    const revertId = await planned();
    const at = now.toISOString();
    for (const [name, state] of [
      ['power_off', 'done'],
      ['resize', 'failed'],
      ['power_off', 'undone'],
    ] as const) {
      await recordRevertStep(world.em(), revertId, { name, state, at });
    }
    expect((await revertRow(revertId)).steps.map(({ name, state }) => [name, state])).toEqual([
      ['power_off', 'undone'],
      ['resize', 'failed'],
    ]);
  });

  it('is final: what ended is neither reverted nor failed a second time', async () => {
    const revertId = await planned();
    const problem = { code: 'action_failed', message: 'no' };
    await approve(revertId);
    await recordReverted(world.em(), revertId, now);
    await recordReverted(world.em(), revertId, later(1));
    expect(await recordRevertEnd(world.em(), revertId, { state: 'failed', problem, now })).toBe('done');
    const row = await revertRow(revertId);
    expect(row).toMatchObject({ state: 'done', problem: null, endedAt: now });
    const audit = await world
      .em()
      .execute(`select action from audit_log where subject_id = ? order by id`, [row.drift]);
    expect(audit).toEqual([
      { action: 'cloud_drift.plan_revert' },
      { action: 'cloud_drift.approve_revert' },
      { action: 'cloud_drift.revert' },
    ]);
  });
});
