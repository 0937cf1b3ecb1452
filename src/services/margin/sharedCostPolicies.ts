import type { EntityManager } from '@mikro-orm/postgresql';
import { Conflict } from '../../domain/errors.ts';
import type { MarginPart } from '../../domain/margin/convertParts.ts';
import type { SharedCostWeight } from '../../domain/margin/sharedCost.ts';
import type { MeterKind } from '../../domain/meters.ts';
import { Decimal, sumCents } from '../../domain/money.ts';
import { nextPeriod, type Period } from '../../domain/period.ts';
import { type SharedCostMethod, SharedCostPolicy } from '../../entities/sharedCostPolicy.ts';
import { type ReasonedRequest, recordChange } from '../recordChange.ts';

export interface NewSharedCostPolicy {
  readonly method: SharedCostMethod;
  /** By whose usage, where the method is `usage`. */
  readonly resourceKind: MeterKind | null;
  readonly effectiveFrom: Period;
}

/**
 * Sets how shared cost is spread from a month on; margins of that month and later follow at once.
 * @throws Conflict `shared_cost_policy_exists`
 */
export function createSharedCostPolicy(
  em: EntityManager,
  policy: NewSharedCostPolicy,
  request: ReasonedRequest,
): Promise<SharedCostPolicy> {
  const { method, resourceKind, effectiveFrom } = policy;
  const { actor, now, reason } = request;
  return em.transactional(async (transaction) => {
    const [created] = await transaction.execute<{ id: string }[]>(
      `insert into shared_cost_policies (method, resource_kind, effective_from, reason, created_at, created_by)
       values (?, ?, ?, ?, ?, ?) on conflict (effective_from) do nothing returning id`,
      [method, resourceKind, effectiveFrom, reason, now, actor.subject],
    );
    if (created === undefined) {
      throw new Conflict(
        'shared_cost_policy_exists',
        `there is a policy from ${effectiveFrom} already: a figure that was shown must not change by it`,
        { context: { effective_from: effectiveFrom } },
      );
    }
    await recordChange(transaction, request, {
      action: 'shared_cost_policy.create',
      subjectId: created.id,
      after: { method, resource_kind: resourceKind, effective_from: effectiveFrom },
    });
    return transaction.findOneOrFail(SharedCostPolicy, { id: created.id });
  });
}

/** All of them, the latest first. */
export const listSharedCostPolicies = (em: EntityManager): Promise<SharedCostPolicy[]> =>
  em.find(SharedCostPolicy, {}, { orderBy: { effectiveFrom: 'desc' } });

/** The policy of a period; null where none began by then. */
export async function sharedCostPolicyOf(
  em: EntityManager,
  period: Period,
): Promise<SharedCostPolicy | null> {
  const [policy] = await em.find(
    SharedCostPolicy,
    { effectiveFrom: { $lte: period } },
    { orderBy: { effectiveFrom: 'desc' }, limit: 1 },
  );
  return policy ?? null;
}

/**
 * Each tenant's weight under a policy: what it costs directly (nothing where that is below zero), its usage of a kind in the period, or
 * one for each tenant with a direct cost or a charge.
 */
export async function sharedCostWeights(
  em: EntityManager,
  policy: SharedCostPolicy | null,
  period: Period,
  parts: { readonly revenue: readonly MarginPart[]; readonly costs: readonly MarginPart[] },
): Promise<SharedCostWeight[]> {
  if (policy === null || policy.method === 'none') return [];
  if (policy.method === 'usage') return usageWeights(em, policy.resourceKind ?? '', period);
  const own = Map.groupBy(
    policy.method === 'even' ? [...parts.revenue, ...parts.costs] : parts.costs,
    ({ tenantId }) => tenantId,
  );
  return [...own].flatMap(([tenantId, members]) => {
    if (tenantId === null) return [];
    const cents = sumCents(members.map((part) => part.cents));
    return [{ tenantId, weight: new Decimal(policy.method === 'even' ? 1 : Math.max(0, cents)) }];
  });
}

async function usageWeights(em: EntityManager, kind: string, period: Period): Promise<SharedCostWeight[]> {
  const rows = await em.execute<{ tenant_id: string; quantity: string }[]>(
    `select tenant_id, greatest(sum(quantity), 0)::text as quantity from (
       select tenant_id, quantity from metered_usage where resource_kind = ? and day >= ?::date and day < ?::date
       union all
       select tenant_id, quantity from manual_usage where resource_kind = ? and day >= ?::date and day < ?::date
     ) used group by tenant_id order by tenant_id`,
    [kind, period, nextPeriod(period), kind, period, nextPeriod(period)],
  );
  return rows.map(({ tenant_id, quantity }) => ({ tenantId: tenant_id, weight: new Decimal(quantity) }));
}
