import { z } from 'zod';
import type { CreditNote } from '../entities/creditNote.ts';
import type { Payment } from '../entities/payment.ts';
import { invoiceStatuses, type TenantInvoice } from '../entities/tenantInvoice.ts';
import { invoiceLineTypes, type TenantInvoiceLine } from '../entities/tenantInvoiceLine.ts';
import { type ReadTenantInvoice, readTenantInvoice } from '../services/readTenantInvoice.ts';
import { notFound } from './problems.ts';
import type { CallerRequest } from './route.ts';
import {
  currency,
  instant,
  json,
  link,
  period,
  reason,
  toInstant,
  toInstantOrNull,
  uuid,
} from './schemas.ts';

const cents = z.int().meta({ description: 'Whole cents of `currency`.' });

export const invoice = z
  .strictObject({
    id: uuid,
    tenant_id: z.string(),
    period,
    number: z
      .string()
      .nullable()
      .meta({ description: 'Given at issue, kept when void.', example: 'INV-000001' }),
    status: z.enum(invoiceStatuses),
    currency,
    subtotal_cents: cents,
    tax_cents: cents,
    total_cents: cents,
    credited_cents: cents.meta({ description: 'The total of its credit notes.' }),
    paid_cents: cents,
    due_cents: cents.meta({ description: 'Total − credited − paid. Below zero it is owed to the tenant.' }),
    owed_to_tenant_cents: cents.meta({
      description: 'What was paid or credited too much; it is not applied.',
    }),
    tax_name: z.string().nullable(),
    tax_rate: z.string().meta({ description: 'A fraction: 0.10 is ten per cent.' }),
    revision: z.int().meta({ description: 'Goes up each time that the draft is computed anew.' }),
    replaces_invoice_id: uuid.nullable(),
    issued_at: instant.nullable(),
    due_on: z.string().nullable(),
    paid_at: instant.nullable(),
    voided_at: instant.nullable(),
    void_reason: z.string().nullable(),
    created_at: instant,
    updated_at: instant,
    links: z.strictObject({ self: link, pdf: link }),
  })
  .meta({ id: 'TenantInvoice' });

const line = z
  .strictObject({
    line_number: z.int(),
    line_id: uuid
      .nullable()
      .meta({ description: 'Of a manual line: what removes it while this is a draft.' }),
    type: z.enum(invoiceLineTypes),
    deployment_id: uuid.nullable(),
    resource_kind: z.string().nullable(),
    description: z.string(),
    qty: z.string(),
    unit: z.string(),
    unit_price_cents: z.string().meta({ description: 'Decimal text; may be a fraction of a cent.' }),
    amount_cents: cents.meta({ description: 'Quantity × unit price, rounded once, half up.' }),
    service_period: period.meta({ description: 'The month that the line is for.' }),
    meta: z.record(z.string(), json),
  })
  .meta({ id: 'TenantInvoiceLine' });

export const payment = z
  .strictObject({
    id: uuid,
    amount_cents: cents,
    currency,
    paid_on: z.string(),
    reference: z.string(),
    source: z.string(),
    received_at: instant,
  })
  .meta({ id: 'Payment' });

export const creditNote = z
  .strictObject({
    id: uuid,
    invoice_id: uuid,
    number: z.string(),
    subtotal_cents: cents,
    tax_cents: cents,
    total_cents: cents,
    currency,
    reason: z.string(),
    issued_at: instant,
    links: z.strictObject({ pdf: link }),
  })
  .meta({ id: 'CreditNote' });

export const wholeInvoice = z
  .strictObject({
    ...invoice.shape,
    replaced_by_invoice_id: uuid.nullable(),
    lines: z.array(line),
    payments: z.array(payment),
    credit_notes: z.array(creditNote),
  })
  .meta({ id: 'TenantInvoiceWithLines' });

export const invoicePath = (id: string) => `/api/v1/invoices/${id}`;

export const toInvoice = (row: TenantInvoice): z.input<typeof invoice> => ({
  id: row.id,
  tenant_id: row.tenantId,
  period: row.periodStart,
  number: row.number ?? null,
  status: row.status,
  currency: row.currency,
  subtotal_cents: row.subtotalCents,
  tax_cents: row.taxCents,
  total_cents: row.totalCents,
  credited_cents: row.creditedCents,
  paid_cents: row.paidCents,
  due_cents: row.dueCents,
  owed_to_tenant_cents: Math.max(0, -row.dueCents),
  tax_name: row.taxName ?? null,
  tax_rate: row.taxRate,
  revision: row.revision,
  replaces_invoice_id: row.replacesInvoiceId ?? null,
  issued_at: toInstantOrNull(row.issuedAt ?? null),
  due_on: row.dueOn ?? null,
  paid_at: toInstantOrNull(row.paidAt ?? null),
  voided_at: toInstantOrNull(row.voidedAt ?? null),
  void_reason: row.voidReason ?? null,
  created_at: toInstant(row.createdAt),
  updated_at: toInstant(row.updatedAt),
  links: { self: invoicePath(row.id), pdf: `${invoicePath(row.id)}/pdf` },
});

const toLine = (row: TenantInvoiceLine): z.input<typeof line> => {
  const lineId = row.meta['adjustment_id'];
  return {
    line_number: row.lineNumber,
    line_id: typeof lineId === 'string' ? lineId : null,
    type: row.type,
    deployment_id: row.deploymentId ?? null,
    resource_kind: row.resourceKind ?? null,
    description: row.description,
    qty: row.qty,
    unit: row.unit,
    unit_price_cents: row.unitPriceCents,
    amount_cents: row.amountCents,
    service_period: row.servicePeriod,
    meta: row.meta,
  };
};

export const toPayment = (row: Payment): z.input<typeof payment> => ({
  id: row.id,
  amount_cents: row.amountCents,
  currency: row.currency,
  paid_on: row.paidOn,
  reference: row.reference,
  source: row.source,
  received_at: toInstant(row.receivedAt),
});

export const toCreditNote = (row: CreditNote): z.input<typeof creditNote> => ({
  id: row.id,
  invoice_id: row.invoice,
  number: row.number,
  subtotal_cents: row.subtotalCents,
  tax_cents: row.taxCents,
  total_cents: row.totalCents,
  currency: row.currency,
  reason: row.reason,
  issued_at: toInstant(row.issuedAt),
  links: { pdf: `/api/v1/credit-notes/${row.id}/pdf` },
});

export const toWholeInvoice = (read: ReadTenantInvoice): z.input<typeof wholeInvoice> => ({
  ...toInvoice(read.invoice),
  replaced_by_invoice_id: read.replacedBy,
  lines: read.lines.map(toLine),
  payments: read.payments.map(toPayment),
  credit_notes: read.creditNotes.map(toCreditNote),
});

export const byId = z.strictObject({ id: uuid });
export const noInvoice = { 404: 'No such invoice.' };
export const withReason = z.strictObject({ reason });

/** The invoice as it is after a write. @throws Problem 404 */
export async function readWhole(
  { em }: CallerRequest<unknown, unknown, unknown>,
  id: string,
): Promise<z.input<typeof wholeInvoice>> {
  const read = await readTenantInvoice(em, id);
  if (read === undefined) throw notFound('invoice');
  return toWholeInvoice(read);
}
