import type { EntityManager } from '@mikro-orm/postgresql';
import type { FigureLabel } from '../../../domain/margin/figureLabel.ts';
import type { InvoiceInputs, InvoiceLine } from '../../../domain/tenantInvoice.ts';
import { TenantInvoice } from '../../../entities/tenantInvoice.ts';
import { TenantInvoiceInputs } from '../../../entities/tenantInvoiceInputs.ts';
import { TenantInvoiceLine } from '../../../entities/tenantInvoiceLine.ts';
import { invoiceLineLabel } from '../revenueByOwner.ts';
import { explainLine } from './pricedLine.ts';
import {
  centsOf,
  type FigureNamed,
  inWords,
  month,
  numberKey,
  type Part,
  type PartsPage,
  pageOf,
  type Step,
} from './step.ts';

interface LineRow {
  id: string;
  line_number: number;
  description: string;
  amount_cents: string;
  label: FigureLabel;
}

/** The lines of an invoice, tax with them. @returns undefined where there is no such invoice */
export async function explainInvoice(
  em: EntityManager,
  figure: FigureNamed<'invoice'>,
  page: PartsPage,
): Promise<Step | undefined> {
  const invoice = await em.findOne(TenantInvoice, { id: figure.id });
  if (invoice === null) return undefined;
  const { currency } = invoice;
  const rows = await em.execute<LineRow[]>(
    `select line.id::text, line.line_number, line.description, line.amount_cents::text, ${invoiceLineLabel} as label
     from tenant_invoice_lines line join tenant_invoices invoice on invoice.id = line.invoice_id
     where line.invoice_id = ?::uuid`,
    [figure.id],
  );
  const parts = rows.map(
    (row): Part => ({
      key: numberKey(row.line_number),
      what: `Line ${row.line_number}: ${row.description}`,
      counts: centsOf(row.amount_cents, currency),
      label: row.label,
      next: {
        figure: { name: 'invoice_line', id: BigInt(row.id) },
        value: centsOf(row.amount_cents, currency),
      },
      resources: [],
    }),
  );
  const value = centsOf(invoice.totalCents, currency);
  return {
    figure,
    what: `${nameOfInvoice(invoice)} of tenant "${invoice.tenantId}" for ${month(invoice.periodStart)}`,
    value,
    label: invoice.status === 'draft' ? 'estimated' : 'reconciled',
    asOf: invoice.updatedAt,
    how: `${rows.length} lines: ${inWords(centsOf(invoice.subtotalCents, currency))} before tax and ${inWords(centsOf(invoice.taxCents, currency))} of tax. ${standing(invoice)}`,
    row: null,
    resources: [{ type: 'invoice', id: invoice.id }],
    combinedBy: 'sum',
    partsTotal: value,
    parts: pageOf(parts, page),
  };
}

const nameOfInvoice = ({ number, status, id }: TenantInvoice) =>
  number == null ? `The ${status} ${id}` : `Invoice ${number}`;

const standing = ({ status, creditedCents, currency, voidReason }: TenantInvoice): string => {
  if (status === 'void') return `It is void (${voidReason ?? 'no reason'}) and counts as no revenue.`;
  const credited =
    creditedCents === 0
      ? ''
      : ` Credit notes give ${inWords(centsOf(creditedCents, currency))} back, tax included.`;
  return `It is ${status}${status === 'draft' ? ', so it may still change' : ''}.${credited}`;
};

/** How a line was priced, from the inputs that are stored with its invoice. @returns undefined where there is no such line */
export async function explainInvoiceLine(
  em: EntityManager,
  figure: FigureNamed<'invoice_line'>,
  page: PartsPage,
  now: Date,
): Promise<Step | undefined> {
  const row = await em.findOne(TenantInvoiceLine, { id: figure.id });
  if (row === null) return undefined;
  const invoice = await em.findOneOrFail(TenantInvoice, { id: row.invoice });
  const stored = await em.findOne(TenantInvoiceInputs, { invoice: row.invoice });
  const line: InvoiceLine = {
    type: row.type,
    deploymentId: row.deploymentId ?? null,
    resourceKind: row.resourceKind ?? null,
    description: row.description,
    qty: row.qty,
    unit: row.unit,
    unitPriceCents: row.unitPriceCents,
    amountCents: row.amountCents,
    servicePeriod: row.servicePeriod,
    meta: row.meta,
  };
  const inputs = (stored?.inputs ?? null) as unknown as InvoiceInputs | null;
  const explained = await explainLine(em, { line, currency: invoice.currency, inputs }, now);
  const [{ label } = { label: 'reconciled' as const }] = await em.execute<{ label: FigureLabel }[]>(
    `select ${invoiceLineLabel} as label from tenant_invoice_lines line join tenant_invoices invoice on invoice.id = line.invoice_id
     where line.id = ?::bigint`,
    [String(figure.id)],
  );
  return {
    figure,
    what: `Line ${row.lineNumber} of ${nameOfInvoice(invoice)}: ${row.description}, for ${month(row.servicePeriod)}`,
    value: centsOf(row.amountCents, invoice.currency),
    label,
    asOf: invoice.updatedAt,
    row: null,
    ...explained,
    resources: [{ type: 'invoice', id: invoice.id }, ...explained.resources],
    parts: pageOf(explained.parts, page),
  };
}
