import type { EntityManager } from '@mikro-orm/postgresql';
import type { FigureLabel } from '../../domain/margin/figureLabel.ts';
import type { Period } from '../../domain/period.ts';
import { arrayLiteral } from '../arrayLiteral.ts';
import { plannedForSums } from './plannedForSums.ts';

/** What the invoices of a period charge one owner for one kind, before tax; exact cents of the invoice's currency. */
export interface OwnerRevenue {
  readonly period: Period;
  readonly currency: string;
  readonly tenantId: string;
  /** Null for what the tenant as a whole is charged or credited. */
  readonly deploymentId: string | null;
  /** What the line is for: a metered kind, else the line's type, or `credit_note`. */
  readonly kind: string;
  /** `estimated` on a draft, `reconciled` on an issued or paid invoice, `adjusted` for manual lines and credit notes. */
  readonly label: FigureLabel;
  readonly cents: string;
}

/** How sure a line of an invoice is: SQL over `line` and `invoice`. */
export const invoiceLineLabel = `case when line.type = 'adjustment' then 'adjusted' when invoice.status = 'draft' then 'estimated'
  else 'reconciled' end`;

/**
 * The parts of revenue, as the beginning of a `with` clause; `revenue` has a row for each line of the invoices that a condition on
 * `invoice` says, whatever month the line serves, tax apart, and one for each of their credit notes. A void invoice counts for nothing.
 */
export const revenueParts = (invoices: string): string => `
  with invoice as materialized (
    select id, tenant_id, period_start, currency, status from tenant_invoices invoice where ${invoices} and status <> 'void'
  ),
  revenue as (
    select invoice.id as invoice_id, line.id as line_id, null::uuid as credit_note_id, invoice.period_start, invoice.currency,
      invoice.tenant_id, line.deployment_id, coalesce(line.resource_kind, line.type) as kind, ${invoiceLineLabel} as label,
      line.amount_cents as cents
    from invoice join tenant_invoice_lines line on line.invoice_id = invoice.id where line.type <> 'tax'
    union all
    select invoice.id, null, note.id, invoice.period_start, note.currency, invoice.tenant_id, null, 'credit_note', 'adjusted',
      -note.subtotal_cents
    from invoice join credit_notes note on note.invoice_id = invoice.id
  )`;

/**
 * How far revenue is told apart. With `kinds` rows name nobody; with `tenants` only the tenant, with `totals` nothing: these two are what
 * the invoices say that their lines come to, which the closure compares.
 */
export type RevenueDetail = 'owners' | 'kinds' | 'tenants' | 'totals';

/**
 * The revenue of some periods: the lines of the invoices that carry them, less the credit notes of those invoices.
 * @param options.tenantIds only theirs
 * @returns in no order
 */
export function revenueByOwner(
  em: EntityManager,
  periods: { readonly first: Period; readonly last: Period },
  options: { readonly detail?: RevenueDetail; readonly tenantIds?: readonly string[] } = {},
): Promise<OwnerRevenue[]> {
  const { detail = 'owners', tenantIds } = options;
  const invoices = `invoice.period_start between ?::date and ?::date ${tenantIds === undefined ? '' : 'and invoice.tenant_id = any(?::text[])'}`;
  const isOfLines = detail === 'owners' || detail === 'kinds';
  const parts = isOfLines ? revenueParts(invoices) : invoicedRevenue(invoices);
  const tenant = detail === 'owners' || detail === 'tenants' ? 'tenant_id' : "''";
  const deployment = detail === 'owners' ? 'deployment_id' : 'null::uuid';
  const kind = isOfLines ? 'kind' : "''";
  return em.transactional((transaction) =>
    plannedForSums(transaction, isOfLines ? 'lookUps' : 'sets', () =>
      transaction.execute<OwnerRevenue[]>(
        `${parts},
         told as (
           select period_start, currency, ${tenant} as tenant_id, ${deployment} as deployment_id, ${kind} as kind, label, sum(cents) as cents
           from revenue group by 1, 2, 3, 4, 5, 6
         )
         select to_char(period_start, 'YYYY-MM-DD') as period, currency, tenant_id as "tenantId", deployment_id as "deploymentId", kind, label,
           cents::text as cents
         from told`,
        [periods.first, periods.last, ...(tenantIds === undefined ? [] : [arrayLiteral(tenantIds)])],
      ),
    ),
  );
}

/**
 * The same revenue from what invoices say that their lines come to, of which only the manual ones are looked up. `revenue` has a row for
 * each invoice, unless it has nothing but manual lines, one for its manual lines, and one for each of its credit notes.
 */
const invoicedRevenue = (invoices: string): string => `
  with invoice as materialized (
    select id, tenant_id, period_start, currency, status, subtotal_cents from tenant_invoices invoice where ${invoices} and status <> 'void'
  ),
  manual as materialized (
    select invoice.id, sum(line.amount_cents) as cents
    from invoice join tenant_invoice_lines line on line.invoice_id = invoice.id where line.type = 'adjustment' group by invoice.id
  ),
  revenue as (
    select invoice.period_start, invoice.currency, invoice.tenant_id,
      case when invoice.status = 'draft' then 'estimated' else 'reconciled' end as label, invoice.subtotal_cents - coalesce(manual.cents, 0) as cents
    from invoice left join manual on manual.id = invoice.id
    where manual.id is null or manual.cents <> invoice.subtotal_cents
    union all
    select invoice.period_start, invoice.currency, invoice.tenant_id, 'adjusted', manual.cents from invoice join manual on manual.id = invoice.id
    union all
    select invoice.period_start, note.currency, invoice.tenant_id, 'adjusted', -note.subtotal_cents
    from invoice join credit_notes note on note.invoice_id = invoice.id
  )`;
