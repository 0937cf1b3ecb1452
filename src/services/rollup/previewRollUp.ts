import type { EntityManager } from '@mikro-orm/postgresql';
import type { Period } from '../../domain/period.ts';
import { type InvoiceInputs, type PricedInvoice, priceInvoice } from '../../domain/tenantInvoice.ts';
import { billedTenants } from './freezeWorklist.ts';
import { loadInvoiceInputs } from './loadInvoiceInputs.ts';
import { isFault, orFault, type TenantFault } from './tenantFault.ts';

/** What a tenant's invoice would be, or why there would be none. */
export interface PreviewedInvoice {
  readonly tenantId: string;
  readonly currency: string | null;
  readonly invoice: PricedInvoice | null;
  /** What it follows from. */
  readonly inputs: InvoiceInputs | null;
  readonly problem: TenantFault | null;
}

/**
 * Prices the invoices of some tenants for a period, which may still run, and writes nothing. A tenant who has an invoice is priced as if
 * it were made anew.
 */
export async function previewRollUp(
  em: EntityManager,
  query: { readonly period: Period; readonly tenantIds: readonly string[] },
): Promise<PreviewedInvoice[]> {
  const rows = await em.execute<{ tenant_id: string; invoice_id: string | null }[]>(
    `select tenant.id as tenant_id, invoice.id as invoice_id from jsonb_array_elements_text(?::jsonb) tenant (id)
     left join lateral (
       select id from tenant_invoices where tenant_id = tenant.id and period_start = ?::date
       order by (status = 'void'), created_at desc limit 1
     ) invoice on true`,
    [JSON.stringify(query.tenantIds), query.period],
  );
  const loaded = await loadInvoiceInputs(em, {
    period: query.period,
    requests: rows.map((row) => ({ tenantId: row.tenant_id, inPlaceOf: row.invoice_id })),
    lock: false,
    allowsIncompleteUsage: true,
  });
  return [...loaded].map(([tenantId, tenant]) => {
    if (isFault(tenant)) return { tenantId, currency: null, invoice: null, inputs: null, problem: tenant };
    const { inputs } = tenant;
    const { currency } = inputs;
    const priced = orFault(() => priceInvoice(inputs));
    return isFault(priced)
      ? { tenantId, currency, invoice: null, inputs, problem: priced }
      : { tenantId, currency, invoice: priced, inputs, problem: null };
  });
}

/** The first tenants, by id, that a rollup of the period would take, and how many it would take. */
export async function tenantsToBill(
  em: EntityManager,
  period: Period,
  limit: number,
): Promise<{ readonly tenants: number; readonly tenantIds: readonly string[] }> {
  const billed = billedTenants(period);
  const rows = await em.execute<{ tenant_id: string; tenants: number }[]>(
    `select tenant_id, (count(*) over ())::int as tenants from (${billed.sql}) billed order by tenant_id collate "C" limit ?`,
    [...billed.parameters, limit],
  );
  return { tenants: rows[0]?.tenants ?? 0, tenantIds: rows.map((row) => row.tenant_id) };
}
