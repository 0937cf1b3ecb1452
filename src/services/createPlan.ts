import type { EntityManager } from '@mikro-orm/postgresql';
import { Conflict } from '../domain/errors.ts';
import { Plan } from '../entities/plan.ts';
import { type ChangeRequest, recordChange } from './recordChange.ts';

/** Adds a plan, which has no version yet and is not for sale. @throws Conflict `plan_exists` */
export function createPlan(
  em: EntityManager,
  { code, name }: { readonly code: string; readonly name: string },
  request: ChangeRequest,
): Promise<Plan> {
  return em.transactional(async (transaction) => {
    const [created] = await transaction.execute<{ id: string }[]>(
      'insert into plans (code, name, created_at) values (?, ?, ?) on conflict (code) do nothing returning id',
      [code, name, request.now],
    );
    if (created === undefined) {
      throw new Conflict('plan_exists', `there is a plan "${code}" already`, { context: { code } });
    }
    await recordChange(transaction, request, {
      action: 'plan.create',
      subjectId: created.id,
      after: { code, name },
    });
    return transaction.findOneOrFail(Plan, { id: created.id });
  });
}
