import type { EntityManager } from '@mikro-orm/postgresql';
import type { FigureLabel } from '../../domain/margin/marginTable.ts';
import type { Period } from '../../domain/period.ts';

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

/**
 * The revenue of some periods: the lines of the invoices that carry them, whatever month they serve, less the credit notes of those
 * invoices. A void invoice counts for nothing.
 * @param detail with `totals`, rows name no tenant, deployment or kind
 */
export function revenueByOwner(
  em: EntityManager,
  periods: { readonly first: Period; readonly last: Period },
  detail: 'owners' | 'totals' = 'owners',
): Promise<OwnerRevenue[]> {
  const owner = detail === 'owners' ? ['tenant_id', 'deployment_id', 'kind'] : ["''", 'null::uuid', "''"];
  return em.execute<OwnerRevenue[]>(
    `with invoice as materialized (
       select id, tenant_id, period_start, currency, status from tenant_invoices
       where period_start between ?::date and ?::date and status <> 'void'
     ),
     revenue as (
       select invoice.period_start, invoice.currency, invoice.tenant_id, line.deployment_id, coalesce(line.resource_kind, line.type) as kind,
         case when line.type = 'adjustment' then 'adjusted' when invoice.status = 'draft' then 'estimated' else 'reconciled' end as label,
         line.amount_cents as cents
       from invoice join tenant_invoice_lines line on line.invoice_id = invoice.id where line.type <> 'tax'
       union all
       select invoice.period_start, note.currency, invoice.tenant_id, null, 'credit_note', 'adjusted', -note.subtotal_cents
       from invoice join credit_notes note on note.invoice_id = invoice.id
     )
     select to_char(period_start, 'YYYY-MM-DD') as period, currency, ${owner[0]} as "tenantId", ${owner[1]} as "deploymentId", ${owner[2]} as kind, label,
       sum(cents)::text as cents
     from revenue group by 1, 2, 3, 4, 5, 6 order by 1, 2, 3, 4, 5, 6`,
    [periods.first, periods.last],
  );
}
