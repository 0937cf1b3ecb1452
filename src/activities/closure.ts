import type { Period } from '../domain/period.ts';
import { type Closure, closureOf } from '../services/margin/closure.ts';
import { periodsMovedSince } from '../services/margin/movedPeriods.ts';
import { type ActivityDependencies, systemEntityManager } from './dependencies.ts';

export function createClosureActivities(dependencies: ActivityDependencies) {
  return {
    readClosure({ period }: { period: Period }): Promise<Closure> {
      return closureOf(systemEntityManager(dependencies), period);
    },

    /** The periods of the cost lines of a provider that met another resource, or came to other owners, since a moment. */
    listReattributedPeriods(input: { provider: string; since: string }): Promise<Period[]> {
      return periodsMovedSince(systemEntityManager(dependencies), {
        provider: input.provider,
        since: new Date(input.since),
      });
    },
  };
}
