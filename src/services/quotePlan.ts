import type { EntityManager } from '@mikro-orm/postgresql';
import type { Day } from '../domain/calendar.ts';
import { Unprocessable } from '../domain/errors.ts';
import type { MeterKind, OverageUnit } from '../domain/meters.ts';
import { UnpricedUsage } from '../domain/overage.ts';
import type { AddonTerms, PlanItemTerms, PlanTerms, ResourcePriceTerms } from '../domain/planTerms.ts';
import { type Projection, projectQuote } from '../domain/projection.ts';
import { Addon } from '../entities/addon.ts';
import { Plan } from '../entities/plan.ts';
import { PlanItem } from '../entities/planItem.ts';
import { PlanVersion } from '../entities/planVersion.ts';
import { ResourcePrice } from '../entities/resourcePrice.ts';

export interface QuoteRequest {
  readonly planCode: string;
  /** One that comes twice is quoted twice. */
  readonly addonCodes: readonly string[];
  /** What a whole month would use, in base units. */
  readonly projectedUsage: Readonly<Partial<Record<MeterKind, string>>>;
  readonly startsOn: Day;
}

export interface Quote extends Projection {
  readonly plan: PlanTerms;
}

/**
 * Prices a plan's active version with addons and usage before anything is provisioned, by the function that prices invoices.
 * @throws Unprocessable `unknown_plan`, `plan_not_active`, `unknown_addon`, `currency_mismatch`, `unpriced_usage`, each naming its input
 */
export async function quotePlan(em: EntityManager, request: QuoteRequest): Promise<Quote> {
  const { projectedUsage, startsOn } = request;
  const plan = await activeTerms(em, request.planCode);
  const addons = await addonTerms(em, request.addonCodes, plan.currency);
  const resourcePrices = await pricesIn(em, plan.currency);
  try {
    return { plan, ...projectQuote({ plan, addons, projectedUsage, resourcePrices, startsOn }) };
  } catch (error) {
    if (!(error instanceof UnpricedUsage)) throw error;
    throw new Unprocessable(error.code, error.message, {
      field: `projected_usage/${error.resourceKind}`,
      context: error.context,
    });
  }
}

async function activeTerms(em: EntityManager, planCode: string): Promise<PlanTerms> {
  const about = { field: 'plan_code', context: { plan_code: planCode } };
  const plan = await em.findOne(Plan, { code: planCode });
  if (plan === null) throw new Unprocessable('unknown_plan', `there is no plan "${planCode}"`, about);
  const version = await em.findOne(PlanVersion, { plan: plan.id, status: 'active' });
  if (version === null) {
    throw new Unprocessable('plan_not_active', `no version of the plan "${planCode}" is for sale`, about);
  }
  const items = await em.find(PlanItem, { planVersion: version.id }, { orderBy: { resourceKind: 'asc' } });
  return {
    planCode,
    version: version.version,
    currency: version.currency,
    basePriceCents: version.basePriceCents,
    items: items.map(
      (item): PlanItemTerms => ({
        resourceKind: item.resourceKind,
        includedQty: item.includedQty,
        overageUnit: item.overageUnit as OverageUnit,
        overagePriceCents: item.overagePriceCents,
        hardCapQty: item.hardCapQty ?? null,
      }),
    ),
  };
}

async function addonTerms(
  em: EntityManager,
  codes: readonly string[],
  planCurrency: string,
): Promise<AddonTerms[]> {
  const known = new Map(
    (await em.find(Addon, { code: { $in: [...new Set(codes)] } })).map((addon) => [addon.code, addon]),
  );
  return codes.map((code, index) => {
    const addon = known.get(code);
    const about = { field: `addons/${index}`, context: { code } };
    if (addon === undefined) throw new Unprocessable('unknown_addon', `there is no addon "${code}"`, about);
    if (addon.currency !== planCurrency) {
      const detail = `the addon "${code}" is priced in ${addon.currency}, and the plan in ${planCurrency}`;
      throw new Unprocessable('currency_mismatch', detail, about);
    }
    return { code, resourceKind: addon.resourceKind, qty: addon.qty, priceCents: addon.priceCents };
  });
}

async function pricesIn(
  em: EntityManager,
  currency: string,
): Promise<Partial<Record<MeterKind, ResourcePriceTerms[]>>> {
  const prices = await em.find(ResourcePrice, { currency });
  return Object.groupBy(prices.map(priceTerms), ({ resourceKind }) => resourceKind);
}

const priceTerms = ({ resourceKind, unit, priceCents, effectiveFrom }: ResourcePrice) => ({
  resourceKind,
  unit: unit as OverageUnit,
  priceCents,
  effectiveFrom,
});
