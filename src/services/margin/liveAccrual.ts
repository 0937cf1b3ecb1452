import { IsolationLevel } from '@mikro-orm/core';
import type { EntityManager } from '@mikro-orm/postgresql';
import { addCents, sumCents } from '../../domain/money.ts';
import { type Period, periodBounds } from '../../domain/period.ts';
import type { InvoiceInputs, InvoiceLine } from '../../domain/tenantInvoice.ts';
import { arrayLiteral } from '../arrayLiteral.ts';
import { previewRollUp } from '../rollup/previewRollUp.ts';
import type { TenantFault } from '../rollup/tenantFault.ts';

/** What a subscription would be invoiced for the running month, before tax; cents of its tenant's currency. */
export interface DeploymentAccrual {
  readonly deploymentId: string;
  /** Plan and addons, of the whole month. */
  readonly recurringCents: number;
  /** Beyond the whole month's allowance, so far. */
  readonly overageCents: number;
  /** Gateway charges so far. */
  readonly llmCents: number;
  readonly totalCents: number;
  /** The same total by what it is charged for: a metered kind, else the type of line. */
  readonly kinds: readonly { readonly kind: string; readonly cents: number }[];
  /** The lines that the total is made of. */
  readonly lines: readonly InvoiceLine[];
}

export interface TenantAccrual {
  readonly tenantId: string;
  readonly currency: string | null;
  /** By id. */
  readonly deployments: readonly DeploymentAccrual[];
  readonly totalCents: number;
  /** What it follows from; null where it can't be known. */
  readonly inputs: InvoiceInputs | null;
  /** Why it can't be priced; then there is no deployment. */
  readonly problem: TenantFault | null;
}

/** The month that a moment is in. */
export const runningPeriod = (now: Date): Period => `${now.toISOString().slice(0, 7)}-01`;

/** The tenants with an active subscription, by id, from after one of them. */
export async function subscribedTenants(
  em: EntityManager,
  page: { readonly after: string | undefined; readonly limit: number },
): Promise<string[]> {
  const rows = await em.execute<{ tenant_id: string }[]>(
    `select distinct tenant_id collate "C" as tenant_id from subscriptions
     where status = 'active' and tenant_id collate "C" > ? order by 1 limit ?`,
    // Before every id.
    [page.after ?? '', page.limit],
  );
  return rows.map((row) => row.tenant_id);
}

/**
 * The invoice that the running month would give each active subscription of some tenants if nothing more was used or changed: recurring
 * and allowance of the whole month, usage and gateway charges so far, before tax, by the function that prices invoices. What an
 * invoice carries of earlier months, and manual lines, are no accrual of this one.
 */
export async function liveAccrual(
  em: EntityManager,
  query: { readonly tenantIds: readonly string[]; readonly now: Date },
): Promise<{ readonly period: Period; readonly tenants: readonly TenantAccrual[] }> {
  const period = runningPeriod(query.now);
  // One transaction, so that what is read belongs together and the connection is asked once who is asking.
  const [active, invoices] = await em.transactional(
    async (snapshot) => [
      await activeDeployments(snapshot, query.tenantIds, periodBounds(period).end),
      await previewRollUp(snapshot, { period, tenantIds: query.tenantIds }),
    ],
    { isolationLevel: IsolationLevel.REPEATABLE_READ },
  );
  const tenants = invoices
    .map(({ tenantId, currency, invoice, inputs, problem }): TenantAccrual => {
      const lines = (invoice?.lines ?? []).filter((line) => line.servicePeriod === period);
      const deployments = [...Map.groupBy(lines, (line) => line.deploymentId)]
        .flatMap(([id, own]) => (id !== null && active.has(id) ? [accrualOf(id, own)] : []))
        .toSorted((left, right) => (left.deploymentId < right.deploymentId ? -1 : 1));
      return {
        tenantId,
        currency,
        deployments,
        totalCents: deployments.reduce((total, { totalCents }) => addCents(total, totalCents), 0),
        inputs,
        problem,
      };
    })
    .toSorted((left, right) => (left.tenantId < right.tenantId ? -1 : 1));
  return { period, tenants };
}

async function activeDeployments(
  em: EntityManager,
  tenantIds: readonly string[],
  before: Date,
): Promise<ReadonlySet<string>> {
  const rows = await em.execute<{ deployment_id: string }[]>(
    `select deployment_id from subscriptions
     where tenant_id = any(?::text[]) and status = 'active' and starts_on < (?::timestamptz at time zone 'UTC')::date`,
    [arrayLiteral(tenantIds), before],
  );
  return new Set(rows.map((row) => row.deployment_id));
}

const recurringTypes = ['plan_base', 'addon'] as const;
const accruedTypes: ReadonlySet<InvoiceLine['type']> = new Set([...recurringTypes, 'overage', 'llm_usage']);

function accrualOf(deploymentId: string, lines: readonly InvoiceLine[]): DeploymentAccrual {
  const totalOf = (...types: InvoiceLine['type'][]) =>
    lines
      .filter(({ type }) => types.includes(type))
      .reduce((total, { amountCents }) => addCents(total, amountCents), 0);
  const recurringCents = totalOf(...recurringTypes);
  const overageCents = totalOf('overage');
  const llmCents = totalOf('llm_usage');
  const accrued = lines.filter(({ type }) => accruedTypes.has(type));
  return {
    deploymentId,
    recurringCents,
    overageCents,
    llmCents,
    totalCents: addCents(addCents(recurringCents, overageCents), llmCents),
    kinds: [...Map.groupBy(accrued, ({ resourceKind, type }) => resourceKind ?? type)].map(([kind, own]) => ({
      kind,
      cents: sumCents(own.map(({ amountCents }) => amountCents)),
    })),
    lines: accrued,
  };
}
