import type { EntityManager } from '@mikro-orm/postgresql';
import { Unprocessable } from '../domain/errors.ts';
import { Addon } from '../entities/addon.ts';

/** The version of a plan that new subscribers get. */
export interface PlanForSale {
  readonly planVersionId: string;
  readonly planCode: string;
  readonly version: number;
}

/**
 * The active version of a plan, in the tenant's currency.
 * @throws Unprocessable `unknown_plan`, `plan_not_active`, `currency_mismatch`
 */
export async function findPlanForSale(
  em: EntityManager,
  planCode: string,
  currency: string,
): Promise<PlanForSale> {
  const [plan] = await em.execute<{ plan_version_id: string | null; version: number; currency: string }[]>(
    `select active.id as plan_version_id, active.version, active.currency
     from plans plan left join plan_versions active on active.plan_id = plan.id and active.status = 'active'
     where plan.code = ?`,
    [planCode],
  );
  const about = { field: 'plan_code', context: { plan_code: planCode } };
  if (plan === undefined) throw new Unprocessable('unknown_plan', `there is no plan "${planCode}"`, about);
  if (plan.plan_version_id === null) {
    throw new Unprocessable('plan_not_active', `no version of the plan "${planCode}" is for sale`, about);
  }
  refuseOtherCurrency(`the plan "${planCode}"`, plan.currency, currency, 'plan_code');
  return { planVersionId: plan.plan_version_id, planCode, version: plan.version };
}

/**
 * Addons by their codes, in that order, in the tenant's currency.
 * @param fieldOf names the input that a code came in, by its place
 * @throws Unprocessable `unknown_addon`, `currency_mismatch`
 */
export async function findAddonsForSale(
  em: EntityManager,
  codes: readonly string[],
  currency: string,
  fieldOf: (index: number) => string,
): Promise<Addon[]> {
  const known = new Map(
    (await em.find(Addon, { code: { $in: [...new Set(codes)] } })).map((addon) => [addon.code, addon]),
  );
  return codes.map((code, index) => {
    const addon = known.get(code);
    if (addon === undefined) {
      throw new Unprocessable('unknown_addon', `there is no addon "${code}"`, {
        field: fieldOf(index),
        context: { code },
      });
    }
    refuseOtherCurrency(`the addon "${code}"`, addon.currency, currency, fieldOf(index));
    return addon;
  });
}

function refuseOtherCurrency(what: string, priced: string, wanted: string, field: string): void {
  if (priced === wanted) return;
  throw new Unprocessable(
    'currency_mismatch',
    `${what} is priced in ${priced}, and the tenant is billed in ${wanted}`,
    { field, context: { currency: priced, tenant_currency: wanted } },
  );
}
