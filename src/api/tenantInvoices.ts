import { z } from 'zod';
import type { CreditNote } from '../entities/creditNote.ts';
import type { Payment } from '../entities/payment.ts';
import { invoiceStatuses, type TenantInvoice } from '../entities/tenantInvoice.ts';
import { invoiceLineTypes, type TenantInvoiceLine } from '../entities/tenantInvoiceLine.ts';
import { addInvoiceLine, removeInvoiceLine } from '../services/adjustInvoice.ts';
import { creditInvoice } from '../services/creditInvoice.ts';
import { issueDraft } from '../services/issueDraft.ts';
import { listTenantInvoices } from '../services/listTenantInvoices.ts';
import {
  type ReadTenantInvoice,
  readBillTo,
  readCreditNote,
  readDeploymentNames,
  readTenantInvoice,
} from '../services/readTenantInvoice.ts';
import { recordPayment } from '../services/recordPayment.ts';
import { reissueInvoice } from '../services/reissueInvoice.ts';
import { voidInvoice } from '../services/voidInvoice.ts';
import { toPdf } from './invoicePdf.ts';
import { cursorOf, toPage } from './pages.ts';
import { issuerOf, printedCreditNote, printedInvoice } from './printedDocuments.ts';
import { notFound } from './problems.ts';
import { type CallerRequest, defineRoute, type Reply, type Route } from './route.ts';
import {
  currency,
  day,
  instant,
  json,
  limit,
  link,
  pageOf,
  period,
  reason,
  tenantId,
  text,
  toInstant,
  toInstantOrNull,
  uuid,
} from './schemas.ts';

const cents = z.int().meta({ description: 'Whole cents of `currency`.' });

const invoice = z
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

const payment = z
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

const creditNote = z
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

const wholeInvoice = z
  .strictObject({
    ...invoice.shape,
    replaced_by_invoice_id: uuid.nullable(),
    lines: z.array(line),
    payments: z.array(payment),
    credit_notes: z.array(creditNote),
  })
  .meta({ id: 'TenantInvoiceWithLines' });

const invoicePath = (id: string) => `/api/v1/invoices/${id}`;

const toInvoice = (row: TenantInvoice): z.input<typeof invoice> => ({
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

const toPayment = (row: Payment): z.input<typeof payment> => ({
  id: row.id,
  amount_cents: row.amountCents,
  currency: row.currency,
  paid_on: row.paidOn,
  reference: row.reference,
  source: row.source,
  received_at: toInstant(row.receivedAt),
});

const toCreditNote = (row: CreditNote): z.input<typeof creditNote> => ({
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

const toWholeInvoice = (read: ReadTenantInvoice): z.input<typeof wholeInvoice> => ({
  ...toInvoice(read.invoice),
  replaced_by_invoice_id: read.replacedBy,
  lines: read.lines.map(toLine),
  payments: read.payments.map(toPayment),
  credit_notes: read.creditNotes.map(toCreditNote),
});

const readers = ['platform_admin', 'platform_viewer', 'tenant'] as const;
const byId = z.strictObject({ id: uuid });
const noInvoice = { 404: 'No such invoice.' };
const withReason = z.strictObject({ reason });
const centsFromOne = z
  .int('expected whole cents from 1')
  .min(1, 'expected whole cents from 1')
  .meta({ description: 'Whole cents of the currency of the invoice.' });

/** The invoice as it is after a write. @throws Problem 404 */
async function readWhole(
  { em }: CallerRequest<unknown, unknown, unknown>,
  id: string,
): Promise<z.input<typeof wholeInvoice>> {
  const read = await readTenantInvoice(em, id);
  if (read === undefined) throw notFound('invoice');
  return toWholeInvoice(read);
}

const pdfReply = (name: string, file: Buffer): Reply => ({
  status: 200,
  headers: { 'content-type': 'application/pdf', 'content-disposition': `inline; filename="${name}.pdf"` },
  body: file,
});
const pdfAnswer = {
  status: 200,
  description: 'The file.',
  contentType: 'application/pdf',
  schema: z.unknown().meta({ type: 'string', format: 'binary' }),
} as const;
const pdfProblems = { 503: 'The service was not told who issues its invoices.' };

const reading: readonly Route[] = [
  defineRoute({
    method: 'get',
    path: '/api/v1/invoices',
    tag: 'Invoices',
    summary: 'What tenants are charged, newest month first; a tenant sees its own.',
    roles: readers,
    query: z.strictObject({
      period: period.optional(),
      status: z.enum(invoiceStatuses, { error: `expected one of ${invoiceStatuses.join(', ')}` }).optional(),
      tenant: tenantId.optional(),
      limit,
      cursor: cursorOf('tenant-invoices', z.strictObject({ period, tenant: z.string(), id: uuid })),
    }),
    answer: { status: 200, description: 'A page of invoices.', schema: pageOf(invoice) },
    async handle({ em, caller, query }) {
      const rows = await listTenantInvoices(
        em,
        {
          period: query.period,
          status: query.status,
          tenants: [
            ...(caller.role === 'tenant' ? [caller.tenantId] : []),
            ...(query.tenant === undefined ? [] : [query.tenant]),
          ],
        },
        { after: query.cursor, limit: query.limit },
      );
      const keyOf = (row: TenantInvoice) => ({ period: row.periodStart, tenant: row.tenantId, id: row.id });
      return { status: 200, body: toPage('tenant-invoices', rows, query.limit, keyOf, toInvoice) };
    },
  }),
  defineRoute({
    method: 'get',
    path: '/api/v1/invoices/:id',
    tag: 'Invoices',
    summary: 'One invoice with its lines, payments and credit notes, and what it replaces.',
    roles: readers,
    params: byId,
    answer: { status: 200, description: 'The invoice.', schema: wholeInvoice },
    problems: noInvoice,
    async handle(request) {
      return { status: 200, body: await readWhole(request, request.params.id) };
    },
  }),
  defineRoute({
    method: 'get',
    path: '/api/v1/invoices/:id/pdf',
    tag: 'Invoices',
    summary: 'The invoice as a PDF file: a tax invoice where it is taxed; drafts and void ones are marked.',
    roles: readers,
    params: byId,
    answer: pdfAnswer,
    problems: { ...noInvoice, ...pdfProblems },
    async handle({ em, api, params }) {
      const read = await readTenantInvoice(em, params.id);
      if (read === undefined) throw notFound('invoice');
      const parties = { issuer: issuerOf(api.config), billTo: await readBillTo(em, read.invoice) };
      const names = await readDeploymentNames(em, read.lines);
      const file = await toPdf(printedInvoice(read, parties, names));
      return pdfReply(read.invoice.number ?? `draft-${read.invoice.periodStart}`, file);
    },
  }),
  defineRoute({
    method: 'get',
    path: '/api/v1/credit-notes/:id/pdf',
    tag: 'Invoices',
    summary: 'A credit note as a PDF file: an adjustment note where its invoice is taxed.',
    roles: readers,
    params: byId,
    answer: pdfAnswer,
    problems: { 404: 'No such credit note.', ...pdfProblems },
    async handle({ em, api, params }) {
      const read = await readCreditNote(em, params.id);
      if (read === undefined) throw notFound('credit note');
      const parties = { issuer: issuerOf(api.config), billTo: await readBillTo(em, read.invoice) };
      return pdfReply(read.note.number, await toPdf(printedCreditNote(read, parties)));
    },
  }),
];

const drafts: readonly Route[] = [
  defineRoute({
    method: 'post',
    path: '/api/v1/invoices/:id/lines',
    tag: 'Invoices',
    summary:
      'Puts a manual line on a draft, which is priced anew; it stays when the draft is computed again.',
    roles: ['platform_admin'],
    params: byId,
    body: z.strictObject({
      description: text(500),
      amount_cents: z
        .int("expected whole cents other than 0, negative in the tenant's favour")
        .refine((value) => value !== 0, "expected whole cents other than 0, negative in the tenant's favour")
        .meta({ description: "Before tax; negative is in the tenant's favour." }),
      deployment_id: uuid
        .optional()
        .meta({ description: 'Of the same tenant; absent: the tenant as a whole.' }),
      reason,
    }),
    answer: {
      status: 201,
      description: 'The draft with the line.',
      schema: z.strictObject({ line_id: uuid, invoice: wholeInvoice }),
    },
    problems: { ...noInvoice, 409: 'The invoice is no draft.' },
    async handle(request) {
      const { em, caller, params, body, now, requestId } = request;
      const added = await addInvoiceLine(em, {
        invoiceId: params.id,
        deploymentId: body.deployment_id ?? null,
        description: body.description,
        amountCents: body.amount_cents,
        reason: body.reason,
        now,
        actor: caller,
        requestId,
      });
      if (added === undefined) throw notFound('invoice');
      return { status: 201, body: { line_id: added.id, invoice: await readWhole(request, params.id) } };
    },
  }),
  defineRoute({
    method: 'delete',
    path: '/api/v1/invoices/:id/lines/:line_id',
    tag: 'Invoices',
    summary: 'Takes a manual line from a draft, which is priced anew.',
    roles: ['platform_admin'],
    params: z.strictObject({ id: uuid, line_id: uuid }),
    query: withReason,
    answer: { status: 200, description: 'The draft without the line.', schema: wholeInvoice },
    problems: { 404: 'No such invoice, or no such manual line on it.', 409: 'The invoice is no draft.' },
    async handle(request) {
      const { em, caller, params, query, now, requestId } = request;
      const removed = await removeInvoiceLine(em, {
        invoiceId: params.id,
        lineId: params.line_id,
        reason: query.reason,
        now,
        actor: caller,
        requestId,
      });
      if (removed === undefined) throw notFound('invoice or manual line');
      return { status: 200, body: await readWhole(request, params.id) };
    },
  }),
  defineRoute({
    method: 'post',
    path: '/api/v1/invoices/:id/issue',
    tag: 'Invoices',
    summary: 'Issues a draft before its grace time ends: it gets its number and is final. Due in 14 days.',
    roles: ['platform_admin'],
    params: byId,
    answer: { status: 200, description: 'The issued invoice.', schema: wholeInvoice },
    problems: {
      ...noInvoice,
      409: 'The invoice is no draft, is an exception of its rollup, or differs from its stored inputs.',
    },
    async handle(request) {
      const { em, caller, params, now, requestId } = request;
      const isThere = await issueDraft(em, { invoiceId: params.id, now, actor: caller, requestId });
      if (!isThere) throw notFound('invoice');
      return { status: 200, body: await readWhole(request, params.id) };
    },
  }),
];

const afterIssue: readonly Route[] = [
  defineRoute({
    method: 'post',
    path: '/api/v1/invoices/:id/pay',
    tag: 'Invoices',
    summary: 'Books money that came in, all or a part; at zero due the invoice is paid.',
    roles: ['platform_admin'],
    params: byId,
    body: z.strictObject({
      amount_cents: centsFromOne,
      currency: z
        .string({ error: 'expected a currency like AUD' })
        .regex(/^[A-Z]{3}$/, 'expected a currency like AUD')
        .optional()
        .meta({ description: "The invoice's own where it is absent." }),
      paid_on: day,
      reference: text(200).meta({ description: 'Names the payment, for ever: a known one counts once.' }),
    }),
    answer: {
      status: 201,
      description: 'The payment, and the invoice after it.',
      schema: z.strictObject({ payment, duplicate: z.boolean(), invoice: wholeInvoice }),
      alsoStatus: { 200: 'The same payment was recorded before.' },
    },
    problems: {
      ...noInvoice,
      409: 'The invoice is a draft or void, or the reference stands for another payment.',
    },
    async handle(request) {
      const { em, caller, params, body, now, requestId } = request;
      const recorded = await recordPayment(em, {
        invoiceId: params.id,
        amountCents: body.amount_cents,
        currency: body.currency,
        paidOn: body.paid_on,
        reference: body.reference,
        source: 'operator',
        now,
        actor: caller,
        requestId,
      });
      if (recorded === undefined) throw notFound('invoice');
      return {
        status: recorded.isDuplicate ? 200 : 201,
        body: {
          payment: toPayment(recorded.payment),
          duplicate: recorded.isDuplicate,
          invoice: await readWhole(request, params.id),
        },
      };
    },
  }),
  defineRoute({
    method: 'post',
    path: '/api/v1/invoices/:id/void',
    tag: 'Invoices',
    summary: 'Makes an issued invoice void. It keeps its number; what it billed waits for its reissue.',
    roles: ['platform_admin'],
    params: byId,
    body: withReason,
    answer: { status: 200, description: 'The void invoice.', schema: wholeInvoice },
    problems: {
      ...noInvoice,
      409: 'The invoice is a draft or void, or has payments or credit notes: use a credit note.',
    },
    async handle(request) {
      const { em, caller, params, body, now, requestId } = request;
      const voided = await voidInvoice(em, {
        invoiceId: params.id,
        reason: body.reason,
        now,
        actor: caller,
        requestId,
      });
      if (voided === undefined) throw notFound('invoice');
      return { status: 200, body: await readWhole(request, params.id) };
    },
  }),
  defineRoute({
    method: 'post',
    path: '/api/v1/invoices/:id/reissue',
    tag: 'Invoices',
    summary: 'Makes the draft that stands in for a void invoice, from all usage of its month.',
    roles: ['platform_admin'],
    params: byId,
    body: withReason,
    answer: { status: 201, description: 'The new draft.', schema: wholeInvoice },
    problems: {
      ...noInvoice,
      409: 'The invoice is not void, was reissued, or can not be priced now.',
    },
    async handle(request) {
      const { em, caller, params, body, now, requestId } = request;
      const draft = await reissueInvoice(em, {
        invoiceId: params.id,
        reason: body.reason,
        now,
        actor: caller,
        requestId,
      });
      if (draft === undefined) throw notFound('invoice');
      return {
        status: 201,
        headers: { location: invoicePath(draft.id) },
        body: await readWhole(request, draft.id),
      };
    },
  }),
  defineRoute({
    method: 'post',
    path: '/api/v1/invoices/:id/credit-notes',
    tag: 'Invoices',
    summary: 'Gives back a part or all of what an issued invoice charged, with its tax, as a credit note.',
    roles: ['platform_admin'],
    params: byId,
    body: z.strictObject({
      amount_cents: centsFromOne.meta({
        description: 'Before tax, in whole cents of the currency of the invoice.',
      }),
      reason,
    }),
    answer: {
      status: 201,
      description: 'The credit note, and the invoice after it.',
      schema: z.strictObject({ credit_note: creditNote, invoice: wholeInvoice }),
    },
    problems: { ...noInvoice, 409: 'The invoice is a draft or void.' },
    async handle(request) {
      const { em, caller, params, body, now, requestId } = request;
      const credited = await creditInvoice(em, {
        invoiceId: params.id,
        amountCents: body.amount_cents,
        reason: body.reason,
        now,
        actor: caller,
        requestId,
      });
      if (credited === undefined) throw notFound('invoice');
      return {
        status: 201,
        body: { credit_note: toCreditNote(credited.note), invoice: await readWhole(request, params.id) },
      };
    },
  }),
];

export const tenantInvoiceRoutes: readonly Route[] = [...reading, ...drafts, ...afterIssue];
