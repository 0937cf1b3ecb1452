import { expect } from '@jest/globals';
import type { CloudDrift } from '../../src/entities/cloudDrift.ts';
import type { CloudDriftRevert } from '../../src/entities/cloudDriftRevert.ts';
import type { RevertDriftResult } from '../../src/workflows/revertMessages.ts';
import type { Subject } from './revertDriftSubjects.ts';
import type { RevertRun, RevertWorld } from './revertDriftWorld.ts';

/** What a revert came to: what its process says, what the database says, and how the resource stands. */
export interface Ending {
  readonly subject: Subject;
  readonly result: RevertDriftResult;
  readonly standing: unknown;
  readonly drift: CloudDrift;
  readonly revert: CloudDriftRevert;
}

export async function endingOf(world: RevertWorld, subject: Subject, run: RevertRun): Promise<Ending> {
  return {
    subject,
    result: await run.result(),
    standing: subject.standing(),
    drift: await world.driftRow(subject.drifted.driftId),
    revert: await world.revertRow(run.revertId),
  };
}

/** The work is done, verified, and written down; nothing was asked for a second time. */
export function expectDone(world: RevertWorld, { subject, result, standing, drift, revert }: Ending): void {
  expect(result).toMatchObject({ state: 'done', problem: null });
  expect(standing).toEqual(subject.wanted);
  expect(drift).toMatchObject({ state: 'reverted', problem: null });
  expect(revert).toMatchObject({ state: 'done', problem: null });
  expect(new Set(revert.steps.map(({ state }) => state))).toEqual(new Set(['done']));
  const types = world.actionsOf(subject.drifted.externalId).map(({ type }) => type);
  expect(types).toEqual([...new Set(types)]);
}

/** All is as it was found, or what can't be taken back is named; the drift stays open, and says what happened. */
export function expectUndone(world: RevertWorld, ending: Ending, state: 'failed' | 'cancelled'): void {
  const { subject, result, standing, drift, revert } = ending;
  const asFound = 'all is as it was found';
  expect(result.state).toBe(state);
  if (subject.isReversible || standing === subject.found) {
    expect(standing).toEqual(subject.found);
    expect(result.problem?.message).toContain(asFound);
  } else {
    expect(standing).toEqual(subject.wanted);
    expect(result.problem?.message).toContain('left changed');
  }
  expect(drift).toMatchObject({ state: 'open', problem: result.problem });
  expect(revert).toMatchObject({ state, problem: result.problem });
  expect(revert.steps.filter((step) => step.state === 'undo_failed')).toEqual([]);
  // There and back, no more; what the provider says has failed, had no effect.
  const done = world.actionsOf(subject.drifted.externalId).filter((action) => action.status === 'completed');
  for (const type of new Set(done.map((action) => action.type))) {
    expect(done.filter((action) => action.type === type).length).toBeLessThanOrEqual(2);
  }
}
