import type { EntityManager } from '@mikro-orm/postgresql';
import { safeCents } from '../domain/money.ts';
import { type Period, periodBounds } from '../domain/period.ts';

/** What was invoiced and credited in a month under one tax, rate and currency; integer cents. */
export interface GstReportRow {
  /** Null where nothing was taxed: exports. */
  readonly taxName: string | null;
  /** A fraction: `0.1`. */
  readonly taxRate: string;
  readonly currency: string;
  readonly invoices: number;
  /** Before tax. */
  readonly salesCents: number;
  readonly taxCollectedCents: number;
  readonly creditNotes: number;
  /** Before tax. */
  readonly creditedCents: number;
  readonly taxCreditedCents: number;
  /** Sales − credited. */
  readonly netSalesCents: number;
  /** Collected − credited: what is owed to the tax office. */
  readonly netTaxCents: number;
  /** The numbers of the invoices that were issued in the month and are void now: they count for nothing. */
  readonly voidNumbers: readonly string[];
}

const sums = [
  'salesCents',
  'taxCollectedCents',
  'creditedCents',
  'taxCreditedCents',
  'netSalesCents',
  'netTaxCents',
] as const;
type SumName = (typeof sums)[number];
type RowOfSql = Omit<GstReportRow, SumName> & Record<SumName, string>;

/**
 * The tax of a month by the day of issue (UTC), whatever month a document charges for: invoices as they were issued, and the credit notes
 * that were issued in that month, whenever their invoice was. A void invoice counts for nothing in the month of its issue, also
 * where it is voided later.
 */
export async function gstReport(em: EntityManager, period: Period): Promise<GstReportRow[]> {
  const { start, end } = periodBounds(period);
  const rows = await em.execute<RowOfSql[]>(
    `with documents as (
       select tax_name, tax_rate, currency, number, status = 'void' as is_void, 1 as invoices, 0 as notes,
         subtotal_cents as sales, tax_cents as tax, 0 as credited, 0 as tax_credited
       from tenant_invoices where issued_at >= ? and issued_at < ?
       union all
       select invoice.tax_name, invoice.tax_rate, note.currency, note.number, false, 0, 1, 0, 0, note.subtotal_cents, note.tax_cents
       from credit_notes note join tenant_invoices invoice on invoice.id = note.invoice_id
       where note.issued_at >= ? and note.issued_at < ?
     )
     select tax_name as "taxName", trim_scale(tax_rate)::text as "taxRate", currency,
       (coalesce(sum(invoices) filter (where not is_void), 0))::int as invoices,
       (coalesce(sum(notes) filter (where not is_void), 0))::int as "creditNotes",
       coalesce(sum(sales) filter (where not is_void), 0)::text as "salesCents",
       coalesce(sum(tax) filter (where not is_void), 0)::text as "taxCollectedCents",
       coalesce(sum(credited) filter (where not is_void), 0)::text as "creditedCents",
       coalesce(sum(tax_credited) filter (where not is_void), 0)::text as "taxCreditedCents",
       coalesce(sum(sales - credited) filter (where not is_void), 0)::text as "netSalesCents",
       coalesce(sum(tax - tax_credited) filter (where not is_void), 0)::text as "netTaxCents",
       coalesce(jsonb_agg(number order by length(number), number) filter (where is_void), '[]') as "voidNumbers"
     from documents
     group by tax_name, trim_scale(tax_rate), currency
     order by tax_name nulls last, trim_scale(tax_rate), currency`,
    [start, end, start, end],
  );
  return rows.map((row) => ({
    ...row,
    ...(Object.fromEntries(sums.map((name) => [name, safeCents(row[name])])) as Record<SumName, number>),
  }));
}
