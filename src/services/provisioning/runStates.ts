import type { EntityManager } from '@mikro-orm/postgresql';
import type { JsonValue } from '../../domain/errors.ts';
import { ProvisioningRun, type ProvisioningRunState } from '../../entities/provisioningRun.ts';
import { recordChange } from '../recordChange.ts';
import type { ProvisioningRequest } from './provisioningRequest.ts';

export interface RunChange {
  readonly provisioningId: string;
  readonly state: ProvisioningRunState;
  /** Absent: it stays. */
  readonly problem?: { readonly code: string; readonly message: string } | null;
}

const ended: readonly ProvisioningRunState[] = ['done', 'failed', 'cancelled'];

/** Says where a run stands, with an audit row where that changes anything. */
export async function changeRun(
  em: EntityManager,
  change: RunChange,
  request: ProvisioningRequest,
): Promise<void> {
  const { provisioningId, state, problem } = change;
  await em.transactional(async (transaction) => {
    await transaction.execute('select from provisioning_runs where id = ? for no key update', [
      provisioningId,
    ]);
    const run = await transaction.findOneOrFail(ProvisioningRun, { id: provisioningId });
    const before = say(run);
    run.state = state;
    run.isHeld = state === 'held';
    if (problem !== undefined) run.problem = problem;
    if (ended.includes(state)) run.endedAt ??= request.now;
    const after = say(run);
    if (JSON.stringify(before) === JSON.stringify(after)) return;
    await transaction.flush();
    if (run.type === 'provision' && (state === 'failed' || state === 'cancelled')) {
      await closeUntouched(transaction, provisioningId, request.now);
    }
    await recordChange(transaction, request, {
      action: 'provisioning_run.change',
      subjectId: provisioningId,
      before,
      after,
    });
  });
}

/** What the run never came to needs no look at the provider. */
async function closeUntouched(em: EntityManager, provisioningId: string, now: Date): Promise<void> {
  await em.execute(
    `update provisioned_items set state = 'destroyed', destroyed_at = ? where run_id = ? and state = 'planned'`,
    [now, provisioningId],
  );
}

const say = ({ state, problem }: Pick<ProvisioningRun, 'state' | 'problem'>): JsonValue => ({
  state,
  problem: problem == null ? null : { code: problem.code, message: problem.message },
});
