import { isDeepStrictEqual } from 'node:util';
import type { EntityManager } from '@mikro-orm/postgresql';
import type { JsonValue } from '../../domain/errors.ts';
import { parseDecimal, safeCents } from '../../domain/money.ts';
import type { Period } from '../../domain/period.ts';
import {
  type InvoiceInputs,
  type InvoiceLine,
  type PricedInvoice,
  priceInvoice,
} from '../../domain/tenantInvoice.ts';
import type { WorklistPart } from './rollUpTenants.ts';
import { isFault, orFault } from './tenantFault.ts';

/** Something that an invoice says and its inputs don't, or the other way round. */
export interface InvoiceDifference {
  readonly invoiceId: string;
  readonly tenantId: string;
  /** Null where it is the invoice's own. */
  readonly lineNumber: number | null;
  /** The column, `line` where one is missing or too many, `inputs` where they can't be priced. */
  readonly field: string;
  readonly stored: JsonValue;
  readonly computed: JsonValue;
}

/** What was checked; sums in cents, as text since a run's total may be larger than a number holds. */
export interface CheckedInvoices {
  readonly invoices: number;
  readonly lines: number;
  readonly subtotalCents: string;
  readonly taxCents: string;
  readonly totalCents: string;
  /** How many differences there are; the first of them are named. */
  readonly differing: number;
  readonly differences: readonly InvoiceDifference[];
}

/** Invoices of the tenants at these positions of the worklist, of those that are named, or of those that are not in the worklist. */
export type CheckedPart = WorklistPart | 'outside_worklist';

const mostNamed = 20;

type StoredLine = Omit<InvoiceLine, 'meta'> & { lineNumber: number; meta: { [key: string]: JsonValue } };

interface StoredInvoice {
  id: string;
  tenant_id: string;
  subtotal_cents: string;
  tax_cents: string;
  total_cents: string;
  currency: string;
  tax_rate: string;
  inputs: InvoiceInputs | null;
  lines: StoredLine[];
}

/** Its columns in this order: names would be as long as the values. */
type LineRow = [
  lineNumber: number,
  type: StoredLine['type'],
  deploymentId: string | null,
  resourceKind: string | null,
  description: string,
  qty: string,
  unit: string,
  unitPriceCents: string,
  amountCents: number,
  servicePeriod: string,
  meta: StoredLine['meta'],
];

interface InvoiceRow extends Omit<StoredInvoice, 'lines'> {
  lines: LineRow[] | null;
}

/**
 * Prices invoices again from their stored inputs and compares lines and totals. Nothing is changed; one statement, whatever the size.
 */
export async function checkInvoices(
  em: EntityManager,
  query: { readonly period: Period; readonly part: CheckedPart },
): Promise<CheckedInvoices> {
  const rows = await readInvoices(em, query);
  const totals = { lines: 0, subtotal: 0n, tax: 0n, total: 0n };
  const differences: InvoiceDifference[] = [];
  for (const row of rows) {
    const { inputs } = row;
    const computed = inputs === null ? missingInputs : orFault(() => priceInvoice(inputs));
    if (isFault(computed)) {
      differences.push(named(row, null, 'inputs', null, `${computed.code}: ${computed.message}`));
      continue;
    }
    totals.lines += computed.lines.length;
    totals.subtotal += BigInt(computed.subtotalCents);
    totals.tax += BigInt(computed.taxCents);
    totals.total += BigInt(computed.totalCents);
    differences.push(...compareInvoice(row, computed), ...compareLines(row, computed.lines));
  }
  return {
    invoices: rows.length,
    lines: totals.lines,
    subtotalCents: String(totals.subtotal),
    taxCents: String(totals.tax),
    totalCents: String(totals.total),
    differing: differences.length,
    differences: differences.slice(0, mostNamed),
  };
}

const missingInputs = { code: 'inputs_missing', message: 'the invoice has no stored inputs' };

/** The totals of a period as the tables have them, by invoices and by their lines. */
export async function storedTotals(
  em: EntityManager,
  period: Period,
): Promise<Omit<CheckedInvoices, 'differing' | 'differences'> & { readonly lineCents: string }> {
  const [row] = await em.execute<
    {
      invoices: number;
      subtotal_cents: string;
      tax_cents: string;
      total_cents: string;
      lines: number;
      line_cents: string;
    }[]
  >(
    `select count(*)::int as invoices, coalesce(sum(subtotal_cents), 0)::text as subtotal_cents,
       coalesce(sum(tax_cents), 0)::text as tax_cents, coalesce(sum(total_cents), 0)::text as total_cents,
       coalesce(sum(line.lines), 0)::int as lines, coalesce(sum(line.cents), 0)::text as line_cents
     from tenant_invoices invoice
     left join lateral (
       select count(*) as lines, sum(amount_cents) as cents from tenant_invoice_lines where invoice_id = invoice.id
     ) line on true
     where invoice.period_start = ?::date`,
    [period],
  );
  if (row === undefined) throw new Error('a sum has one row');
  return {
    invoices: row.invoices,
    lines: row.lines,
    subtotalCents: row.subtotal_cents,
    taxCents: row.tax_cents,
    totalCents: row.total_cents,
    lineCents: row.line_cents,
  };
}

async function readInvoices(
  em: EntityManager,
  { period, part }: { readonly period: Period; readonly part: CheckedPart },
): Promise<StoredInvoice[]> {
  const [invoices, parameters] = invoicesOf(period, part);
  const rows = await em.execute<InvoiceRow[]>(
    `select invoice.id, invoice.tenant_id, invoice.subtotal_cents::text, invoice.tax_cents::text, invoice.total_cents::text,
       invoice.currency, trim_scale(invoice.tax_rate)::text as tax_rate,
       (select inputs from tenant_invoice_inputs where invoice_id = invoice.id) as inputs,
       (select json_agg(json_build_array(line_number, type, deployment_id, resource_kind, description, qty::text, unit,
          unit_price_cents::text, amount_cents, service_period, meta))
        from tenant_invoice_lines where invoice_id = invoice.id) as lines
     from ${invoices}`,
    parameters,
  );
  return rows.map((row) => ({ ...row, lines: (row.lines ?? []).map(toLine) }));
}

const toLine = ([
  lineNumber,
  type,
  deploymentId,
  resourceKind,
  description,
  qty,
  unit,
  unitPriceCents,
  amountCents,
  servicePeriod,
  meta,
]: LineRow): StoredLine => ({
  lineNumber,
  type,
  deploymentId,
  resourceKind,
  description,
  qty,
  unit,
  unitPriceCents,
  amountCents,
  servicePeriod,
  meta,
});

/** Tenant by tenant: of a month that its statistics have not seen yet PostgreSQL expects hardly a row, and would read all of it. */
function invoicesOf(period: Period, part: CheckedPart): [from: string, parameters: (string | number)[]] {
  const ofTenant = (tenant: string) => `cross join lateral (
    select * from tenant_invoices where tenant_id = ${tenant} and period_start = ?::date offset 0
  ) invoice`;
  if (part === 'outside_worklist') {
    return [
      `tenant_invoices invoice where invoice.period_start = ?::date and not exists (
        select from rollup_worklist work where work.period_start = ?::date and work.tenant_id = invoice.tenant_id)`,
      [period, period],
    ];
  }
  return 'tenantIds' in part
    ? [
        `jsonb_array_elements_text(?::jsonb) tenant (id) ${ofTenant('tenant.id')}`,
        [JSON.stringify(part.tenantIds), period],
      ]
    : [
        `rollup_worklist work ${ofTenant('work.tenant_id')}
         where work.period_start = ?::date and work.position >= ? and work.position < ?`,
        [period, period, part.from, part.until],
      ];
}

function compareInvoice(row: StoredInvoice, computed: PricedInvoice): InvoiceDifference[] {
  const { inputs } = row;
  const pairs: [string, JsonValue, JsonValue][] = [
    ['tenant_id', row.tenant_id, inputs?.tenantId ?? null],
    ['currency', row.currency, inputs?.currency ?? null],
    ['tax_rate', row.tax_rate, inputs?.tax.rate ?? null],
    ['subtotal_cents', safeCents(row.subtotal_cents), computed.subtotalCents],
    ['tax_cents', safeCents(row.tax_cents), computed.taxCents],
    ['total_cents', safeCents(row.total_cents), computed.totalCents],
  ];
  return pairs
    .filter(([field, stored, other]) => !same(field, stored, other))
    .map(([field, stored, other]) => named(row, null, field, stored, other));
}

const lineFields = [
  'type',
  'deploymentId',
  'resourceKind',
  'description',
  'qty',
  'unit',
  'unitPriceCents',
  'amountCents',
  'servicePeriod',
  'meta',
] as const satisfies readonly (keyof InvoiceLine)[];

function compareLines(row: StoredInvoice, computed: readonly InvoiceLine[]): InvoiceDifference[] {
  const stored = new Map(row.lines.map((line) => [line.lineNumber, line]));
  const differences = computed.flatMap((line, index) => {
    const lineNumber = index + 1;
    const other = stored.get(lineNumber);
    stored.delete(lineNumber);
    if (other === undefined) return [named(row, lineNumber, 'line', null, line.description)];
    return lineFields
      .filter((field) => !same(field, other[field], line[field]))
      .map((field) => named(row, lineNumber, snakeCase(field), other[field], line[field]));
  });
  const extra = [...stored.values()].map((line) =>
    named(row, line.lineNumber, 'line', line.description, null),
  );
  return [...differences, ...extra];
}

/** Quantities and prices by value, since `1` and `1.0` are one; documents whatever the order of their keys. */
function same(field: string, stored: JsonValue, computed: JsonValue): boolean {
  if (stored === computed) return true;
  if (['qty', 'unitPriceCents', 'tax_rate'].includes(field)) {
    return typeof stored === 'string' && typeof computed === 'string'
      ? parseDecimal(stored).equals(parseDecimal(computed))
      : false;
  }
  return field === 'meta' && isDeepStrictEqual(stored, computed);
}

const snakeCase = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

function named(
  row: StoredInvoice,
  lineNumber: number | null,
  field: string,
  stored: JsonValue,
  computed: JsonValue,
): InvoiceDifference {
  return { invoiceId: row.id, tenantId: row.tenant_id, lineNumber, field, stored, computed };
}
