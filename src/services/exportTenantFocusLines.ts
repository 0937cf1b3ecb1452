import type { EntityManager } from '@mikro-orm/postgresql';
import { safeCents } from '../domain/money.ts';
import type { Period } from '../domain/period.ts';
import type { BilledCredit, BilledInvoice, BilledLine } from '../domain/tenantFocusRow.ts';
import { arrayLiteral } from './arrayLiteral.ts';

export interface ExportedTenantInvoice extends BilledInvoice {
  readonly id: string;
  readonly totalCents: number;
  readonly lastLine: number;
}

/** The lines `(after, until]` of an invoice, which are read together with others. */
export interface LineRange {
  readonly invoice: ExportedTenantInvoice;
  readonly after: number;
  readonly until: number;
  /** Of its invoice. */
  readonly isLast: boolean;
}

interface InvoiceFilter {
  readonly period: Period;
  readonly tenant?: string | undefined;
}

/** At most so many invoices, and so many lines, are in memory at a time. */
const invoicesAtATime = 500;
const linesAtATime = 1_000;

/** Drafts may change still, and void ones bill nothing. Of a month, a tenant has at most one that is neither. */
const isBilled = `invoice.period_start = ?::date and invoice.status in ('issued', 'paid') and (?::text is null or invoice.tenant_id = ?)`;
const filterValues = ({ period, tenant }: InvoiceFilter) => [period, tenant ?? null, tenant ?? null];

export async function countInvoices(em: EntityManager, filter: InvoiceFilter): Promise<number> {
  const [row] = await em.execute<{ invoices: number }[]>(
    `select count(*)::int as invoices from tenant_invoices invoice where ${isBilled}`,
    filterValues(filter),
  );
  return row?.invoices ?? 0;
}

/** Page by page by tenant: no transaction stays open while a slow reader takes them. */
export async function* invoicesToExport(
  em: EntityManager,
  filter: InvoiceFilter,
): AsyncGenerator<ExportedTenantInvoice[]> {
  for (let after: string | undefined = ''; after !== undefined; ) {
    const rows: InvoiceRow[] = await em.execute<InvoiceRow[]>(selectInvoices, [
      ...filterValues(filter),
      after,
      invoicesAtATime,
    ]);
    yield rows.map((row) => ({ ...row, totalCents: safeCents(row.totalCents) }));
    after = rows.length < invoicesAtATime ? undefined : rows.at(-1)?.tenantId;
  }
}

type InvoiceRow = Omit<ExportedTenantInvoice, 'totalCents'> & { readonly totalCents: string };

const selectInvoices = `
  select invoice.id, invoice.tenant_id as "tenantId", invoice.bill_to ->> 'legal_name' as "tenantName", invoice.number,
    invoice.period_start::text as period, invoice.currency, invoice.tax_name as "taxName", invoice.total_cents as "totalCents",
    coalesce((select max(line_number) from tenant_invoice_lines line where line.invoice_id = invoice.id), 0) as "lastLine"
  from tenant_invoices invoice
  where ${isBilled} and invoice.tenant_id > ?
  order by invoice.tenant_id limit ?`;

/** The lines of some invoices in their order, cut into groups of so many as are read at a time. */
export function* lineRanges(invoices: readonly ExportedTenantInvoice[]): Generator<LineRange[]> {
  let group: LineRange[] = [];
  let room = linesAtATime;
  for (const invoice of invoices) {
    let after = 0;
    do {
      const until = Math.min(after + room, invoice.lastLine);
      group.push({ invoice, after, until, isLast: until === invoice.lastLine });
      room -= until - after;
      after = until;
      if (room === 0) {
        yield group;
        group = [];
        room = linesAtATime;
      }
    } while (after < invoice.lastLine);
  }
  if (group.length > 0) yield group;
}

/** By invoice, in the order of their numbers. */
export async function linesOf(
  em: EntityManager,
  ranges: readonly LineRange[],
): Promise<ReadonlyMap<string, readonly BilledLine[]>> {
  const rows = await em.execute<LineRow[]>(selectLines, [
    arrayLiteral(ranges.map(({ invoice }) => invoice.id)),
    arrayLiteral(ranges.map(({ after }) => after)),
    arrayLiteral(ranges.map(({ until }) => until)),
  ]);
  return Map.groupBy(
    rows.map((row) => ({ ...row, amountCents: safeCents(row.amountCents) })),
    ({ invoiceId }) => invoiceId,
  );
}

type LineRow = Omit<BilledLine, 'amountCents'> & {
  readonly invoiceId: string;
  readonly amountCents: string;
};

/**
 * `offset 0` keeps it a look-up by index for each invoice, as the inner select does for deployments: the planner, from which row level
 * security hides how many rows there are, would else read whole tables for each group.
 */
const selectLines = `
  select line.invoice_id as "invoiceId", line.line_number as "lineNumber", line.type, line.deployment_id as "deploymentId",
    (select jsonb_build_object('name', deployment.display_name, 'region', deployment.region)
     from cloud_deployments deployment where deployment.id = line.deployment_id) as deployment,
    line.resource_kind as "resourceKind", line.description, line.qty::text, line.unit, line.unit_price_cents::text as "unitPriceCents",
    line.amount_cents::text as "amountCents", line.service_period::text as "servicePeriod", line.meta
  from unnest(?::uuid[], ?::int[], ?::int[]) wanted (invoice_id, after, until)
  cross join lateral (
    select * from tenant_invoice_lines
    where invoice_id = wanted.invoice_id and line_number > wanted.after and line_number <= wanted.until
    offset 0
  ) line
  order by line.invoice_id, line.line_number`;

/** By invoice, in the order of their numbers. */
export async function creditNotesOf(
  em: EntityManager,
  invoices: readonly ExportedTenantInvoice[],
): Promise<ReadonlyMap<string, readonly BilledCredit[]>> {
  const rows = await em.execute<CreditRow[]>(
    `select note.invoice_id as "invoiceId", note.number, note.subtotal_cents as "subtotalCents", note.tax_cents as "taxCents", note.reason
     from unnest(?::uuid[]) wanted (invoice_id)
     cross join lateral (select * from credit_notes where invoice_id = wanted.invoice_id offset 0) note
     order by note.invoice_id, note.number`,
    [arrayLiteral(invoices.map(({ id }) => id))],
  );
  return Map.groupBy(
    rows.map((row) => ({
      ...row,
      subtotalCents: safeCents(row.subtotalCents),
      taxCents: safeCents(row.taxCents),
    })),
    ({ invoiceId }) => invoiceId,
  );
}

interface CreditRow {
  readonly invoiceId: string;
  readonly number: string;
  readonly subtotalCents: string;
  readonly taxCents: string;
  readonly reason: string;
}
