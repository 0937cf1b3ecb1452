import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { addDays } from '../../src/domain/calendar.ts';
import type { DeploymentState } from '../../src/domain/lifecycle.ts';
import { pausesSince } from '../../src/domain/pauses.ts';

const on = (day: number) => addDays('2026-04-01', day - 1);
const to = (state: DeploymentState, day: number) => ({ to: state, on: on(day) });
const pause = (from: number, until: number | null) => ({
  startsOn: on(from),
  endsOn: until === null ? null : on(until),
});

describe('the pauses that the states of a deployment make', () => {
  it.each([
    ['none while it is active', [to('active', 1)], []],
    ['from its day to the day of the resume', [to('paused', 3), to('active', 5)], [pause(3, 5)]],
    ['without end while it lasts', [to('paused', 3)], [pause(3, null)]],
    ['none where the resume is of the same day', [to('paused', 3), to('active', 3)], []],
    [
      'one for paused and then suspended',
      [to('paused', 3), to('suspended', 4), to('active', 9)],
      [pause(3, 9)],
    ],
    ['none while past due', [to('past_due', 3), to('active', 9)], []],
    ['from the first day where it began before', [to('paused', -5), to('active', 4)], [pause(1, 4)]],
    ['none of what ended before the first day', [to('paused', -5), to('active', 1)], []],
  ] as const)('are %s', (_what, changes, pauses) => {
    expect(pausesSince(on(1), changes)).toEqual(pauses);
  });

  it('hold a day exactly where the state in force at its end is a paused one', () => {
    const states = fc.array(
      fc.record({
        to: fc.constantFrom<DeploymentState>('trial', 'active', 'past_due', 'paused', 'suspended'),
        day: fc.integer({ min: -5, max: 25 }),
      }),
    );
    fc.assert(
      fc.property(states, (drawn) => {
        const changes = drawn
          .toSorted((one, other) => one.day - other.day)
          .map((change) => to(change.to, change.day));
        const pauses = pausesSince(on(1), changes);
        for (let day = 1; day < 30; day += 1) {
          const state = changes.findLast((change) => change.on <= on(day))?.to;
          const isPaused = pauses.some(
            ({ startsOn, endsOn }) => startsOn <= on(day) && (endsOn === null || on(day) < endsOn),
          );
          expect(isPaused).toBe(state === 'paused' || state === 'suspended');
        }
      }),
    );
  });
});
