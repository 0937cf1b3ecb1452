import type { EntityManager } from '@mikro-orm/postgresql';
import type { Period } from '../../domain/period.ts';
import type { DeploymentInputs } from '../../domain/tenantInvoice.ts';
import { arrayLiteral } from '../arrayLiteral.ts';
import { lateUsageCanBeCarried, waitsForReissue } from './waitingInvoices.ts';

/** A month of a deployment that changed after it ended. */
export interface LateMonth {
  readonly tenantId: string;
  readonly deploymentId: string;
  readonly usageMonth: Period;
  /** Whether usage changed, or subscriptions did. */
  readonly isMetered: boolean;
  /** Whether gateway charges came. */
  readonly isLlm: boolean;
  /** Noted and not settled yet, as opposed to carried by the invoice already. */
  readonly isOpen: boolean;
}

interface LateRow {
  tenant_id: string;
  deployment_id: string;
  usage_month: string;
  is_metered: boolean;
  is_llm: boolean;
}

/**
 * The late months of the tenants that an invoice of the period takes up: those noted and not settled, its own month included, and those
 * that the invoices `inPlaceOf` carry.
 * @param lock holds the open ones until the transaction ends, in an order that can't deadlock
 */
export async function loadLateMonths(
  em: EntityManager,
  query: {
    readonly period: Period;
    readonly tenantIds: readonly string[];
    readonly inPlaceOf: readonly string[];
    readonly lock: boolean;
  },
): Promise<LateMonth[]> {
  const open = await em.execute<LateRow[]>(
    `select late.tenant_id, late.deployment_id, late.usage_month::text, late.source_metered as is_metered, late.source_llm as is_llm
     from late_usage late
     where late.tenant_id = any(?::text[]) and late.settled_at is null
       and (late.usage_month = ?::date or late.usage_month < ?::date and ${lateUsageCanBeCarried})
     order by late.deployment_id, late.usage_month ${query.lock ? 'for update of late' : ''}`,
    [arrayLiteral(query.tenantIds), query.period, query.period],
  );
  const carried = await em.execute<LateRow[]>(
    `select stored.tenant_id, (month.value ->> 'deploymentId')::uuid as deployment_id, month.value ->> 'usageMonth' as usage_month,
       bool_or(month.source = 'late') as is_metered, bool_or(month.source = 'llm') as is_llm
     from tenant_invoice_inputs stored
     cross join lateral (
       select 'late' as source, value from jsonb_array_elements(stored.inputs -> 'late')
       union all select 'llm', value from jsonb_array_elements(stored.inputs -> 'llm')
     ) month
     where stored.invoice_id = any(?::uuid[]) and month.value ->> 'usageMonth' < ?
       and not exists (
         select from tenant_invoices own where own.tenant_id = stored.tenant_id
           and own.period_start = (month.value ->> 'usageMonth')::date and ${waitsForReissue('own')}
       )
     group by 1, 2, 3`,
    [arrayLiteral(query.inPlaceOf), query.period],
  );
  const months = new Map<string, LateMonth>();
  for (const [row, isOpen] of [
    ...carried.map((row) => [row, false] as const),
    ...open.map((row) => [row, true] as const),
  ]) {
    const key = monthKey(row.deployment_id, row.usage_month);
    const known = months.get(key);
    months.set(key, {
      tenantId: row.tenant_id,
      deploymentId: row.deployment_id,
      usageMonth: row.usage_month,
      isMetered: row.is_metered || known?.isMetered === true,
      isLlm: row.is_llm || known?.isLlm === true,
      isOpen: isOpen || known?.isOpen === true,
    });
  }
  return [...months.values()].toSorted((left, right) =>
    monthKey(left.deploymentId, left.usageMonth) < monthKey(right.deploymentId, right.usageMonth) ? -1 : 1,
  );
}

export const monthKey = (deploymentId: string, usageMonth: Period) => `${deploymentId} ${usageMonth}`;

interface StoredRow {
  deployment_id: string;
  usage_month: string;
  deployment: DeploymentInputs | null;
}

/** What the invoices of those months, void ones apart, were priced from, for each deployment that they name; by `monthKey`. */
export async function loadStoredInputs(
  em: EntityManager,
  months: readonly LateMonth[],
): Promise<ReadonlyMap<string, DeploymentInputs>> {
  const rows = await em.execute<StoredRow[]>(
    `select month.deployment_id, month.usage_month::text, (
       select deployment.value from jsonb_array_elements(stored.inputs -> 'deployments') deployment
       where deployment.value ->> 'deploymentId' = month.deployment_id::text) as deployment
     from jsonb_to_recordset(?::jsonb) month (tenant_id text, deployment_id uuid, usage_month date)
     join tenant_invoices invoice on invoice.tenant_id = month.tenant_id and invoice.period_start = month.usage_month
       and invoice.status <> 'void'
     join tenant_invoice_inputs stored on stored.invoice_id = invoice.id`,
    [
      JSON.stringify(
        months.map(({ tenantId, deploymentId, usageMonth }) => ({
          tenant_id: tenantId,
          deployment_id: deploymentId,
          usage_month: usageMonth,
        })),
      ),
    ],
  );
  const stored = new Map<string, DeploymentInputs>();
  for (const { deployment_id: id, usage_month: month, deployment } of rows) {
    if (deployment !== null) stored.set(monthKey(id, month), deployment);
  }
  return stored;
}
