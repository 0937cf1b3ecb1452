import { randomUUID } from 'node:crypto';
import { LockMode } from '@mikro-orm/core';
import type { EntityManager } from '@mikro-orm/postgresql';
import type { PlanItemTerms } from '../domain/planTerms.ts';
import { Plan } from '../entities/plan.ts';
import { PlanItem } from '../entities/planItem.ts';
import { PlanVersion } from '../entities/planVersion.ts';
import { type ChangeRequest, recordChange } from './recordChange.ts';

/** What a new version promises and charges; the caller has checked that units fit their kinds and that no kind comes twice. */
export interface NewPlanVersion {
  readonly basePriceCents: number;
  readonly currency: string;
  readonly items: readonly PlanItemTerms[];
}

/**
 * Adds the next version of a plan, a draft with its items. Versions of one plan are made one after the other, so that their numbers
 * have no gap.
 * @returns its id and number; null where there is no such plan
 */
export function addPlanVersion(
  em: EntityManager,
  planCode: string,
  terms: NewPlanVersion,
  request: ChangeRequest,
): Promise<{ readonly id: string; readonly version: number } | null> {
  return em.transactional(async (transaction) => {
    const plan = await lockPlan(transaction, planCode);
    if (plan === null) return null;
    const [last] = await transaction.find(
      PlanVersion,
      { plan: plan.id },
      { orderBy: { version: 'desc' }, limit: 1 },
    );
    const id = randomUUID();
    const version = (last?.version ?? 0) + 1;
    const { basePriceCents, currency, items } = terms;
    await transaction.insert(PlanVersion, {
      id,
      plan: plan.id,
      version,
      basePriceCents,
      currency,
      status: 'draft',
      createdAt: request.now,
    });
    if (items.length > 0) {
      await transaction.insertMany(
        PlanItem,
        items.map((item) => ({ planVersion: id, ...item })),
      );
    }
    await recordChange(transaction, request, {
      action: 'plan_version.create',
      subjectId: id,
      after: {
        plan_code: planCode,
        version,
        base_price_cents: basePriceCents,
        currency,
        items: items.map((item) => ({
          resource_kind: item.resourceKind,
          included_qty: item.includedQty,
          overage_unit: item.overageUnit,
          overage_price_cents: item.overagePriceCents,
          hard_cap_qty: item.hardCapQty,
        })),
      },
    });
    return { id, version };
  });
}

/** Holds a plan until the transaction ends: what changes its versions happens one after the other. */
export function lockPlan(em: EntityManager, code: string): Promise<Plan | null> {
  return em.findOne(Plan, { code }, { lockMode: LockMode.PESSIMISTIC_WRITE });
}
