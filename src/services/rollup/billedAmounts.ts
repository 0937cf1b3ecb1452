import type { EntityManager } from '@mikro-orm/postgresql';
import { safeCents } from '../../domain/money.ts';
import { nextPeriod, type Period } from '../../domain/period.ts';
import type { AdjustmentInputs } from '../../domain/tenantInvoice.ts';
import { arrayLiteral } from '../arrayLiteral.ts';
import { monthKey } from './lateMonths.ts';
import { waitsForReissue } from './waitingInvoices.ts';

/** A month of a deployment. */
export interface DeploymentMonth {
  readonly deploymentId: string;
  readonly usageMonth: Period;
}

/** What invoices billed for a month of a deployment, in cents before tax. */
export interface BilledMonth {
  /** Recurring, overage and late usage; an operator's manual lines are no usage. */
  readonly usageCents: number;
  readonly llmCents: number;
}

/**
 * What invoices other than those `inPlaceOf` billed for each month, by `monthKey`; months that nobody billed are not there. Void ones
 * count where they carried the month and wait for their reissue: it will carry it again.
 */
export async function loadBilledMonths(
  em: EntityManager,
  months: readonly DeploymentMonth[],
  inPlaceOf: readonly string[],
): Promise<ReadonlyMap<string, BilledMonth>> {
  const rows = await em.execute<
    { deployment_id: string; usage_month: string; usage_cents: string; llm_cents: string }[]
  >(
    `select month.deployment_id, month.usage_month::text, billed.usage_cents::text, billed.llm_cents::text
     from jsonb_to_recordset(?::jsonb) month (deployment_id uuid, usage_month date)
     cross join lateral (
       select count(*) as lines,
         coalesce(sum(line.amount_cents) filter (where line.type <> 'llm_usage'), 0) as usage_cents,
         coalesce(sum(line.amount_cents) filter (where line.type = 'llm_usage'), 0) as llm_cents
       from tenant_invoice_lines line
       join tenant_invoices invoice on invoice.id = line.invoice_id
       where line.deployment_id = month.deployment_id and line.service_period = month.usage_month
         and line.type <> 'tax' and not jsonb_exists(line.meta, 'adjustment_id')
         and invoice.id <> all(?::uuid[])
         and (invoice.status <> 'void' or invoice.period_start <> month.usage_month and ${waitsForReissue('invoice')})
       offset 0
     ) billed
     where billed.lines > 0`,
    [toRecords(months), arrayLiteral(inPlaceOf)],
  );
  return new Map(
    rows.map((row) => [
      monthKey(row.deployment_id, row.usage_month),
      { usageCents: safeCents(row.usage_cents), llmCents: safeCents(row.llm_cents) },
    ]),
  );
}

/**
 * The exact sum of each month's gateway charges in units of the currency, by `monthKey`; months without any are not there. The bounds come
 * as instants: under row level security the index takes a comparison only where nothing is computed in it.
 */
export async function loadGatewayCharges(
  em: EntityManager,
  months: readonly DeploymentMonth[],
): Promise<ReadonlyMap<string, string>> {
  const rows = await em.execute<{ deployment_id: string; usage_month: string; charge: string }[]>(
    `select month.deployment_id, month.usage_month::text, total.charge
     from jsonb_to_recordset(?::jsonb) month (deployment_id uuid, usage_month date, starts_at timestamptz, ends_at timestamptz)
     cross join lateral (
       select trim_scale(sum(event.charge))::text as charge from llm_usage_events event
       where event.deployment_id = month.deployment_id and event.state = 'billable'
         and event.occurred_at >= month.starts_at and event.occurred_at < month.ends_at
       offset 0
     ) total
     where total.charge is not null`,
    [toRecords(months)],
  );
  return new Map(rows.map((row) => [monthKey(row.deployment_id, row.usage_month), row.charge]));
}

const toRecords = (months: readonly DeploymentMonth[]) =>
  JSON.stringify(
    months.map(({ deploymentId, usageMonth }) => ({
      deployment_id: deploymentId,
      usage_month: usageMonth,
      starts_at: `${usageMonth}T00:00:00Z`,
      ends_at: `${nextPeriod(usageMonth)}T00:00:00Z`,
    })),
  );

interface AdjustmentRow {
  invoice_id: string;
  id: string;
  deployment_id: string | null;
  description: string;
  amount_cents: string;
  reason: string;
}

/** The manual lines of each invoice, in the order in which they were made. */
export async function loadAdjustments(
  em: EntityManager,
  invoiceIds: readonly string[],
): Promise<ReadonlyMap<string, readonly AdjustmentInputs[]>> {
  const rows = await em.execute<AdjustmentRow[]>(
    `select invoice_id, id, deployment_id, description, amount_cents::text, reason from invoice_adjustments
     where invoice_id = any(?::uuid[]) order by created_at, id`,
    [arrayLiteral(invoiceIds)],
  );
  const byInvoice = new Map<string, AdjustmentInputs[]>();
  for (const row of rows) {
    const adjustments = byInvoice.get(row.invoice_id) ?? [];
    byInvoice.set(row.invoice_id, adjustments);
    adjustments.push({
      id: row.id,
      deploymentId: row.deployment_id,
      description: row.description,
      amountCents: safeCents(row.amount_cents),
      reason: row.reason,
    });
  }
  return byInvoice;
}
