import type { Period } from '../domain/period.ts';
import { type Closure, closureOf } from '../services/margin/closure.ts';
import { reattributedPeriods } from '../services/reattributedPeriods.ts';
import { type ActivityDependencies, systemEntityManager } from './dependencies.ts';

export function createClosureActivities(dependencies: ActivityDependencies) {
  return {
    readClosure({ period }: { period: Period }): Promise<Closure> {
      return closureOf(systemEntityManager(dependencies), period);
    },

    /** The periods of the cost lines of a provider that met another resource since a moment. */
    listReattributedPeriods(input: { provider: string; since: string }): Promise<Period[]> {
      return reattributedPeriods(systemEntityManager(dependencies), {
        provider: input.provider,
        since: new Date(input.since),
      });
    },
  };
}
