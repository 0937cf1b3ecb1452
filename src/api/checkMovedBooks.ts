import type { EntityManager } from '@mikro-orm/postgresql';
import { periodsMovedBy } from '../services/margin/movedPeriods.ts';
import type { ApiDependencies } from './route.ts';
import { startClosureCheck } from './startWorkflow.ts';
import { callTemporal } from './temporalCalls.ts';

/**
 * Has the books checked of each period whose costs a move of resources touched. The move is committed: where Temporal can't be reached,
 * the caller's answer is a success, and the log says that nothing was checked.
 */
export async function checkMovedBooks(
  api: ApiDependencies,
  em: EntityManager,
  move: { readonly now: Date; readonly requestId: string; readonly requestedBy: string },
): Promise<void> {
  try {
    const periods = await periodsMovedBy(em, { now: move.now, cause: move.requestId });
    if (periods.length === 0) return;
    await callTemporal(api, (client) =>
      Promise.all(periods.map((period) => startClosureCheck(client, period, move.requestedBy))),
    );
  } catch (error) {
    api.log.warn(
      { err: error, request_id: move.requestId },
      'no check that the books close was started after a move of resources',
    );
  }
}
