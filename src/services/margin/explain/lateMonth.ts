import type { EntityManager } from '@mikro-orm/postgresql';
import type { Period } from '../../../domain/period.ts';
import { type InvoiceInputs, type InvoiceLine, priceInvoice } from '../../../domain/tenantInvoice.ts';
import { CloudDeployment } from '../../../entities/cloudDeployment.ts';
import { loadDeploymentTerms, loadResourcePrices, loadTenantTerms } from '../../rollup/billingTerms.ts';
import { loadStoredInputs, monthKey } from '../../rollup/lateMonths.ts';
import { planLateMonth, withUsage } from '../../rollup/planMonths.ts';
import { sumUsage } from '../../usageForPeriod.ts';

/** A month of a deployment, priced with the usage that is known of it now. */
export interface RepricedMonth {
  readonly tenantId: string;
  readonly currency: string;
  readonly inputs: InvoiceInputs;
  readonly lines: readonly InvoiceLine[];
  readonly cents: number;
}

/**
 * Prices a month of a deployment as the rollup does for late usage: by the terms that its invoice was priced from, with the usage of now.
 * @returns undefined where there is no such deployment, or nothing of the month is billed
 */
export async function repriceMonth(
  em: EntityManager,
  { deploymentId, period }: { readonly deploymentId: string; readonly period: Period },
): Promise<RepricedMonth | undefined> {
  const deployment = await em.findOne(CloudDeployment, { id: deploymentId });
  if (deployment === null) return undefined;
  const { tenantId } = deployment;
  const late = { tenantId, deploymentId, usageMonth: period, isMetered: true, isLlm: false, isOpen: false };
  const [tenant] = await loadTenantTerms(em, period, [tenantId]);
  const stored = await loadStoredInputs(em, [late]);
  const terms = (await loadDeploymentTerms(em, [tenantId])).find((one) => one.deploymentId === deploymentId);
  if (tenant === undefined || terms === undefined) return undefined;
  const planned = planLateMonth(late, stored.get(monthKey(deploymentId, period)), terms, tenant.currency);
  if (planned === null) return undefined;
  const sums = await sumUsage(em, planned.ranges);
  const priced = withUsage(
    planned,
    Map.groupBy(sums, (one) => monthKey(one.deploymentId, one.from)),
    await loadResourcePrices(em, period),
  );
  const inputs: InvoiceInputs = {
    schema: 1,
    tenantId,
    period,
    currency: tenant.currency,
    tax: { ...tenant.tax, name: null },
    deployments: [priced],
    llm: [],
    late: [],
    adjustments: [],
    billedElsewhere: [],
  };
  const { lines, subtotalCents } = priceInvoice(inputs);
  return { tenantId, currency: tenant.currency, inputs, lines, cents: subtotalCents };
}
