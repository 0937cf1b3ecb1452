import type { Day } from './calendar.ts';
import { type DeploymentState, subscriptionStatuses } from './lifecycle.ts';

/** Days of a pause: `[startsOn, endsOn)`, without end where it still lasts. */
export interface Pause {
  readonly startsOn: Day;
  readonly endsOn: Day | null;
}

/**
 * The pauses that a deployment had from a day on, as its states say: a day is paused where the state in force at its end is.
 * @param changes in the order in which they were made
 */
export function pausesSince(
  startsOn: Day,
  changes: readonly { readonly to: DeploymentState; readonly on: Day }[],
): Pause[] {
  const pauses: Pause[] = [];
  let since: Day | null = null;
  for (const { to, on } of changes) {
    const isPaused = subscriptionStatuses[to] === 'paused';
    if (isPaused && since === null) since = on;
    if (!isPaused && since !== null) {
      pauses.push({ startsOn: since, endsOn: on });
      since = null;
    }
  }
  if (since !== null) pauses.push({ startsOn: since, endsOn: null });
  return pauses
    .map((pause) => (pause.startsOn < startsOn ? { ...pause, startsOn } : pause))
    .filter(({ startsOn: from, endsOn }) => endsOn === null || from < endsOn);
}
