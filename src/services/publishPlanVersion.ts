import type { EntityManager } from '@mikro-orm/postgresql';
import { Conflict } from '../domain/errors.ts';
import { PlanVersion } from '../entities/planVersion.ts';
import { lockPlan } from './addPlanVersion.ts';
import { type ChangeRequest, recordChange } from './recordChange.ts';

/**
 * Puts a draft up for sale and retires the version that was until now, in one transaction; who is subscribed stays where they are.
 * Publishing the active version changes nothing.
 * @returns false where there is no such version
 * @throws Conflict `version_retired`
 */
export function publishPlanVersion(
  em: EntityManager,
  { planCode, version: number }: { readonly planCode: string; readonly version: number },
  request: ChangeRequest,
): Promise<boolean> {
  return em.transactional(async (transaction) => {
    const plan = await lockPlan(transaction, planCode);
    if (plan === null) return false;
    const version = await transaction.findOne(PlanVersion, { plan: plan.id, version: number });
    if (version === null) return false;
    if (version.status === 'active') return true;
    if (version.status === 'retired') {
      throw new Conflict(
        'version_retired',
        `version ${number} of the plan "${planCode}" is retired: add a new version with its terms instead`,
        { context: { plan_code: planCode, version: number } },
      );
    }
    const prior = await transaction.findOne(PlanVersion, { plan: plan.id, status: 'active' });
    // First the old one: the database holds at most one active version at any moment.
    await transaction.nativeUpdate(
      PlanVersion,
      { plan: plan.id, status: 'active' },
      { status: 'retired', retiredAt: request.now },
    );
    await transaction.nativeUpdate(
      PlanVersion,
      { id: version.id },
      { status: 'active', publishedAt: request.now },
    );
    const terms = (row: PlanVersion) => ({
      version: row.version,
      base_price_cents: row.basePriceCents,
      currency: row.currency,
    });
    await recordChange(transaction, request, {
      action: 'plan_version.publish',
      subjectId: version.id,
      before: prior === null ? null : terms(prior),
      after: { plan_code: planCode, ...terms(version) },
    });
    return true;
  });
}
