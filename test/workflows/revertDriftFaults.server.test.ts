import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { FaultRuleInput } from '../../dev/simulator/faults.ts';
import { type Simulator, startSimulator } from '../../dev/simulator/simulator.ts';
import { taskQueues } from '../../src/workflows/taskQueues.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { until } from '../support/killableWait.ts';
import { simulatedProvider } from '../support/simulator.ts';
import { startTestWorker, type TestWorker } from '../support/worker.ts';
import { type Ending, endingOf, expectDone, expectUndone } from './revertDriftEndings.ts';
import { afflict, type Subject, subjects } from './revertDriftSubjects.ts';
import { quickTimes, type RevertRun, type RevertWorld, revertWorld } from './revertDriftWorld.ts';

const TEST_MS = 180_000;
/** Shorter than the time limit of a step, so that a request that hangs is tried again within it or not at all. */
const requestTimeoutMs = 1_500;
const stepMs = 3_000;

let database: TestDatabase;
let simulator: Simulator;
let worker: TestWorker;
let world: RevertWorld;

beforeAll(async () => {
  database = await createTestDatabase();
  simulator = await startSimulator({ actionMilliseconds: 50 });
  worker = await startTestWorker({
    appUrl: database.appUrl,
    providers: [simulatedProvider(simulator, { timeoutMs: requestTimeoutMs })],
    namespace: 'revert-drift-faults',
    queues: [taskQueues.provisioning],
    driftReverts: { atOnce: 100, budgetMonthly: '100000', approvalHours: 1 },
  });
  world = revertWorld({ simulator, em: () => worker.em(), client: worker.client });
}, TEST_MS);
afterAll(async () => {
  await worker?.stop();
  await simulator?.close();
  await database?.drop();
});

/** Reverts one drift of each kind at once, each with the same thing happening to its step. */
async function revertAll(
  faultOf: (subject: Subject) => FaultRuleInput['fault'],
  whileFaulty?: (run: RevertRun, hits: () => number, subject: Subject) => Promise<void>,
): Promise<ReadonlyMap<string, Ending>> {
  const endings = await Promise.all(
    Object.entries(subjects).map(async ([name, make]) => {
      const subject = await make(world);
      const run = await world.plan(subject.drifted, { times: { ...quickTimes, stepMs } });
      const hits = await afflict(world, subject, faultOf(subject));
      await run.approve();
      await whileFaulty?.(run, hits, subject);
      await run.result();
      // A fault that never happened would prove nothing.
      expect(hits()).toBeGreaterThan(0);
      return [name, await endingOf(world, subject, run)] as const;
    }),
  );
  return new Map(endings);
}

const names = Object.keys(subjects);
const takesTime = (subject: Subject) => subject.action !== null;

describe('a step that the provider fails for good', () => {
  let endings: ReadonlyMap<string, Ending>;
  beforeAll(async () => {
    endings = await revertAll((subject) =>
      takesTime(subject) ? { kind: 'action_errors' } : { kind: 'refuse', status: 403 },
    );
  }, TEST_MS);
  it.each(names)('is taken back with all before it, and the drift says so: %s', (name) => {
    expectUndone(world, endingNamed(endings, name), 'failed');
  });
});

describe('a step that the provider refuses', () => {
  let endings: ReadonlyMap<string, Ending>;
  beforeAll(async () => {
    endings = await revertAll(() => ({ kind: 'refuse', status: 422, message: 'no room on this host' }));
  }, TEST_MS);
  it.each(names)(
    'is taken back with all before it, and the drift has the words of the provider: %s',
    (name) => {
      const ending = endingNamed(endings, name);
      expectUndone(world, ending, 'failed');
      expect(ending.result.problem?.message).toContain('no room on this host');
    },
  );
});

describe('a step that the provider says is done, but without effect', () => {
  let endings: ReadonlyMap<string, Ending>;
  beforeAll(async () => {
    endings = await revertAll((subject) =>
      subject.requests.length > 0 ? { kind: 'action_lies' } : { kind: 'refuse', status: 403 },
    );
  }, TEST_MS);
  it.each(names.filter((name) => name !== 'tags' && name !== 'verify'))(
    'is noticed by reading back, and taken back: %s',
    (name) => {
      expectUndone(world, endingNamed(endings, name), 'failed');
    },
  );
});

describe('a step that goes on beyond its time limit', () => {
  let endings: ReadonlyMap<string, Ending>;
  beforeAll(async () => {
    endings = await revertAll((subject) =>
      takesTime(subject) ? { kind: 'action_hangs', ms: stepMs + 2_500 } : { kind: 'stall' },
    );
  }, TEST_MS);
  it.each(names)('is taken back once it comes to its end, and the drift says so: %s', (name) => {
    expectUndone(world, endingNamed(endings, name), 'failed');
  });
});

describe('a step that worked, of which the answer was lost', () => {
  let endings: ReadonlyMap<string, Ending>;
  beforeAll(async () => {
    endings = await revertAll(() => ({ kind: 'lost_answer' }));
  }, TEST_MS);
  it.each(names)('is found done, and not asked for again: %s', (name) => {
    expectDone(world, endingNamed(endings, name));
  });
});

describe('a step during which an operator cancels', () => {
  let endings: ReadonlyMap<string, Ending>;
  beforeAll(async () => {
    endings = await revertAll(
      (subject) =>
        takesTime(subject)
          ? { kind: 'action_hangs', ms: 1_500 }
          : { kind: 'stall', ms: requestTimeoutMs - 500 },
      async (run, hits) => {
        await until('the step is under way', async () => (hits() > 0 ? true : undefined));
        expect(await run.cancel('we need it as it is')).toMatchObject({ revertId: run.revertId });
      },
    );
  }, TEST_MS);
  it.each(names)('is taken back with all before it, and the drift says by whom: %s', (name) => {
    const ending = endingNamed(endings, name);
    expectUndone(world, ending, 'cancelled');
    expect(ending.result.problem).toMatchObject({ code: 'revert_cancelled' });
    expect(ending.result.problem?.message).toContain('cancelled by olga: we need it as it is');
    expect(ending.revert.cancelledBy).toBe('olga');
  });
});

function endingNamed(endings: ReadonlyMap<string, Ending>, name: string): Ending {
  const ending = endings.get(name);
  if (ending === undefined) throw new Error(`nothing was reverted for ${name}`);
  return ending;
}
