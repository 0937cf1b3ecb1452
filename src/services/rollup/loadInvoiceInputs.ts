import type { EntityManager } from '@mikro-orm/postgresql';
import { ArcadiaError } from '../../domain/errors.ts';
import type { Period } from '../../domain/period.ts';
import {
  type AdjustmentInputs,
  type DeploymentInputs,
  type InvoiceInputs,
  priceUsageMonth,
} from '../../domain/tenantInvoice.ts';
import { type IncompleteUsage, incompleteDays, sumUsage, type UsageSum } from '../usageForPeriod.ts';
import {
  type BilledMonth,
  type DeploymentMonth,
  loadAdjustments,
  loadBilledMonths,
  loadGatewayCharges,
} from './billedAmounts.ts';
import {
  type DeploymentTerms,
  loadDeploymentTerms,
  loadResourcePrices,
  loadTenantTerms,
  type ResourcePrices,
  type TenantTerms,
} from './billingTerms.ts';
import { type LateMonth, loadLateMonths, loadStoredInputs, monthKey } from './lateMonths.ts';
import { type PlannedMonth, planLateMonth, planMonth, withUsage } from './planMonths.ts';
import { isFault, orFault, type TenantFault } from './tenantFault.ts';

/** One tenant whose invoice of the period is to be priced. */
export interface InvoiceRequest {
  readonly tenantId: string;
  /**
   * The draft that is computed anew, or the void invoice that is reissued: its manual lines and the earlier months that it carries are
   * taken over, and what it billed does not count as billed. Null for a first invoice.
   */
  readonly inPlaceOf: string | null;
}

export interface TenantInputs {
  readonly inputs: InvoiceInputs;
  /** Noted late usage that the invoice takes up; `writeDrafts` settles it. */
  readonly settles: readonly DeploymentMonth[];
}

export interface LoadOptions {
  readonly period: Period;
  /** At most one a tenant. */
  readonly requests: readonly InvoiceRequest[];
  /** Holds the late usage until the transaction ends, so that no two invoices carry the same; false where nothing is written. */
  readonly lock: boolean;
  /** Prices usage that may still change, for a preview; else it is the fault `usage_incomplete`. */
  readonly allowsIncompleteUsage?: boolean;
}

/** A day of the billed ones is not closed, or a kind is unknown on it. */
export class UsageIncomplete extends ArcadiaError {
  constructor(slug: string, [first, ...more]: readonly [IncompleteUsage, ...IncompleteUsage[]]) {
    const { resourceKind, state, days, firstDay, reason } = first;
    const others = more.length === 0 ? '' : `, and ${more.length} more kinds or spans of days`;
    super(
      'usage_incomplete',
      `usage of deployment ${slug} is incomplete: ${resourceKind} is ${state} on ${days} days from ${firstDay}${
        reason === null ? '' : ` (${reason})`
      }${others}`,
    );
  }
}

/** All that is known of a tenant before its usage is. */
interface Plan {
  readonly terms: TenantTerms;
  readonly deployments: readonly DeploymentTerms[];
  readonly late: readonly LateMonth[];
  readonly own: readonly PlannedMonth[];
  /** By `monthKey`; nothing is billed for a late month that is not there. */
  readonly earlier: ReadonlyMap<string, PlannedMonth>;
}

/** What the queries of a batch found, by `monthKey` unless said otherwise. */
interface Found {
  readonly period: Period;
  readonly sums: ReadonlyMap<string, readonly UsageSum[]>;
  /** By currency. */
  readonly prices: ReadonlyMap<string, ResourcePrices>;
  readonly incomplete: ReadonlyMap<string, readonly IncompleteUsage[]>;
  readonly charges: ReadonlyMap<string, string>;
  readonly billed: ReadonlyMap<string, BilledMonth>;
}

/**
 * Everything that the invoices of a batch of tenants follow from, by a fixed number of queries however many tenants there are. What
 * is wrong with one tenant is its fault alone; what the database refuses is thrown.
 * @returns by tenant; each request has one
 */
export async function loadInvoiceInputs(
  em: EntityManager,
  options: LoadOptions,
): Promise<ReadonlyMap<string, TenantInputs | TenantFault>> {
  const { period, requests } = options;
  const inPlaceOf = requests.flatMap(({ inPlaceOf: id }) => (id === null ? [] : [id]));
  const plans = await planTenants(em, options, inPlaceOf);

  const whole = [...plans.values()].filter((plan): plan is Plan => !isFault(plan));
  const months = whole.flatMap(({ own, earlier }) => [...own, ...earlier.values()]);
  const sums = await sumUsage(
    em,
    months.flatMap(({ ranges }) => ranges),
  );
  const incomplete = options.allowsIncompleteUsage
    ? []
    : await incompleteDays(
        em,
        months.flatMap(({ isStored, ranges }) => (isStored ? [] : ranges)),
      );
  const charged = whole.flatMap(({ deployments, late }) => [
    ...deployments.map(({ deploymentId }) => ({ deploymentId, usageMonth: period })),
    // What is late of this month itself is among the deployments already, and counts once.
    ...late.filter(({ isLlm, usageMonth }) => isLlm && usageMonth < period),
  ]);
  const usageOnly = whole.flatMap(({ late }) =>
    late.filter(({ isLlm, usageMonth }) => !isLlm && usageMonth < period),
  );
  const found: Found = {
    period,
    sums: Map.groupBy(sums, ({ deploymentId, from }) => monthKey(deploymentId, from)),
    prices: await loadResourcePrices(em, period),
    incomplete: Map.groupBy(incomplete, ({ deploymentId, from }) => monthKey(deploymentId, from)),
    charges: await loadGatewayCharges(em, charged),
    billed: await loadBilledMonths(em, [...charged, ...usageOnly], inPlaceOf),
  };
  const adjustments = await loadAdjustments(em, inPlaceOf);

  return new Map(
    requests.map(({ tenantId, inPlaceOf: replaced }) => {
      const plan = plans.get(tenantId);
      if (plan === undefined) throw new Error(`tenant ${tenantId} was not planned`);
      if (isFault(plan)) return [tenantId, plan];
      const manual = replaced === null ? [] : (adjustments.get(replaced) ?? []);
      return [tenantId, orFault(() => assemble(plan, found, manual))];
    }),
  );
}

async function planTenants(
  em: EntityManager,
  { period, requests, lock }: LoadOptions,
  inPlaceOf: readonly string[],
): Promise<ReadonlyMap<string, Plan | TenantFault>> {
  const tenantIds = requests.map(({ tenantId }) => tenantId);
  const late = await loadLateMonths(em, { period, tenantIds, inPlaceOf, lock });
  const stored = await loadStoredInputs(
    em,
    late.filter(({ usageMonth }) => usageMonth < period),
  );
  const terms = await loadTenantTerms(em, period, tenantIds);
  const deploymentsOf = Map.groupBy(await loadDeploymentTerms(em, tenantIds), ({ tenantId }) => tenantId);
  const lateOf = Map.groupBy(late, ({ tenantId }) => tenantId);
  return new Map(
    terms.map((tenant) => [
      tenant.tenantId,
      orFault(() =>
        planTenant(
          tenant,
          deploymentsOf.get(tenant.tenantId) ?? [],
          lateOf.get(tenant.tenantId) ?? [],
          period,
          stored,
        ),
      ),
    ]),
  );
}

function planTenant(
  terms: TenantTerms,
  deployments: readonly DeploymentTerms[],
  late: readonly LateMonth[],
  period: Period,
  stored: ReadonlyMap<string, DeploymentInputs>,
): Plan {
  const own = deployments.flatMap((deployment) => planMonth(deployment, period, terms.currency) ?? []);
  const earlier = new Map<string, PlannedMonth>();
  for (const month of late) {
    const deployment = deployments.find(({ deploymentId }) => deploymentId === month.deploymentId);
    if (!month.isMetered || month.usageMonth >= period || deployment === undefined) continue;
    const key = monthKey(month.deploymentId, month.usageMonth);
    const planned = planLateMonth(month, stored.get(key), deployment, terms.currency);
    if (planned !== null) earlier.set(key, planned);
  }
  return { terms, deployments, late, own, earlier };
}

/** @throws UsageIncomplete, UnpricedUsage, AmountTooLarge */
function assemble(plan: Plan, found: Found, adjustments: readonly AdjustmentInputs[]): TenantInputs {
  const { terms, deployments, late, own, earlier } = plan;
  for (const month of [...own, ...earlier.values()]) refuseIncomplete(month, found);
  const billedOf = (deploymentId: string, usageMonth: Period) =>
    found.billed.get(monthKey(deploymentId, usageMonth)) ?? { usageCents: 0, llmCents: 0 };
  const carried = late.filter(({ usageMonth }) => usageMonth < found.period);
  const chargedMonths = [
    ...carried.filter(({ isLlm }) => isLlm),
    ...deployments.map(({ deploymentId }) => ({ deploymentId, usageMonth: found.period })),
  ];
  return {
    inputs: {
      schema: 1,
      tenantId: terms.tenantId,
      period: found.period,
      currency: terms.currency,
      tax: terms.tax,
      deployments: own.map((month) => withUsage(month, found.sums, found.prices)),
      llm: chargedMonths.flatMap(({ deploymentId, usageMonth }) => {
        const charge = found.charges.get(monthKey(deploymentId, usageMonth));
        const billedCents = billedOf(deploymentId, usageMonth).llmCents;
        if (charge === undefined && billedCents === 0) return [];
        return [{ deploymentId, usageMonth, charge: charge ?? '0', billedCents }];
      }),
      late: carried
        .filter(({ isMetered }) => isMetered)
        .map(({ deploymentId, usageMonth }) => {
          const month = earlier.get(monthKey(deploymentId, usageMonth));
          const shouldBeCents =
            month === undefined ? 0 : priceUsageMonth(withUsage(month, found.sums, found.prices));
          const billedCents = billedOf(deploymentId, usageMonth).usageCents;
          return { deploymentId, usageMonth, shouldBeCents, billedCents };
        }),
      adjustments,
      billedElsewhere: deployments.flatMap(({ deploymentId }) => {
        const billedCents = billedOf(deploymentId, found.period).usageCents;
        return billedCents === 0 ? [] : [{ deploymentId, billedCents }];
      }),
    },
    settles: late.filter(({ isOpen }) => isOpen),
  };
}

/** @throws UsageIncomplete */
function refuseIncomplete({ deployment, ranges }: PlannedMonth, { incomplete }: Found): void {
  const [first, ...more] = ranges.flatMap(
    ({ deploymentId, from }) => incomplete.get(monthKey(deploymentId, from)) ?? [],
  );
  if (first !== undefined) throw new UsageIncomplete(deployment.slug, [first, ...more]);
}
