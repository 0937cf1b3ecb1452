import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { MikroORM } from '@mikro-orm/postgresql';
import { startOrm } from '../../src/orm.ts';
import { forSession, systemSession } from '../../src/session.ts';
import { activitiesThatTimedOut } from '../support/killableHistory.ts';
import { type KillableStack, startKillableStack } from '../support/killableStack.ts';
import { until } from '../support/killableWait.ts';
import { type Ending, endingOf, expectDone, expectUndone } from './revertDriftEndings.ts';
import { afflict, type Subject, subjects } from './revertDriftSubjects.ts';
import { quickTimes, type RevertWorld, revertWorld } from './revertDriftWorld.ts';

const TEST_MS = 300_000;
/** Long enough that all of them are held at once. */
const heldMs = 15_000;
const whileUndoing = 'taking a resize back';

let stack: KillableStack;
let orm: MikroORM;
let world: RevertWorld;
const endings = new Map<string, Ending>();

/** The step before the last fails for good, and then taking back the resize is held. */
async function afflictUndo({ drifted }: Subject): Promise<() => number> {
  const match = { method: 'POST', path: `/droplets/${drifted.externalId}/actions$` };
  const { faults } = stack.simulator;
  faults.add({ match: { ...match, type: 'power_on' }, fault: { kind: 'action_errors' } });
  const rule = faults.add({
    match: { ...match, type: 'resize' },
    skip: 1,
    fault: { kind: 'action_hangs', ms: heldMs },
  });
  return () => rule.hits;
}

beforeAll(async () => {
  stack = await startKillableStack({
    delayMilliseconds: 0,
    settings: { DRIFT_REVERTS_AT_ONCE: '100', DRIFT_REVERT_BUDGET_MONTHLY: '100000' },
  });
  orm = await startOrm({ url: stack.databaseUrl, poolSize: 5 });
  await stack.withTemporal(async (client) => {
    world = revertWorld({ simulator: stack.simulator, em: () => forSession(orm, systemSession), client });
    const makers = { ...subjects, [whileUndoing]: subjects['resize'] ?? never };
    const begun = await Promise.all(
      Object.entries(makers).map(async ([name, make]) => {
        const subject = await make(world);
        const times = { pollMs: 200, settleMs: quickTimes.settleMs, shutdownMs: 60_000 };
        const run = await world.plan(subject.drifted, { times });
        const hits =
          name === whileUndoing
            ? await afflictUndo(subject)
            : await afflict(
                world,
                subject,
                subject.action === null
                  ? { kind: 'stall', ms: heldMs }
                  : { kind: 'action_hangs', ms: heldMs },
              );
        await run.approve();
        return { name, subject, run, hits };
      }),
    );
    await until('every step is under way', async () =>
      begun.every(({ hits }) => hits() > 0) ? true : undefined,
    );
    await stack.worker.end('SIGKILL');
    await stack.worker.start();
    for (const { name, subject, run } of begun) endings.set(name, await endingOf(world, subject, run));
  });
}, TEST_MS);
afterAll(async () => {
  await orm?.close(true);
  await stack?.stop();
}, TEST_MS);

it.each(Object.keys(subjects))(
  'is done once and verified when the worker is killed in the middle of it: %s',
  (name) => {
    expectDone(world, endingNamed(name));
  },
);

it('is taken back to the end when the worker is killed while taking it back', () => {
  expectUndone(world, endingNamed(whileUndoing), 'failed');
});

it('proves that: of each step, an attempt was cut off', async () => {
  expect((await activitiesThatTimedOut(stack)).length).toBeGreaterThanOrEqual(endings.size);
});

function endingNamed(name: string): Ending {
  const ending = endings.get(name);
  if (ending === undefined) throw new Error(`nothing was reverted for ${name}`);
  return ending;
}

function never(): never {
  throw new Error('there is no resize');
}
