import { z } from 'zod';
import { invoiceStatuses, type TenantInvoice } from '../entities/tenantInvoice.ts';
import { listTenantInvoices } from '../services/listTenantInvoices.ts';
import {
  readBillTo,
  readCreditNote,
  readDeploymentNames,
  readTenantInvoice,
} from '../services/readTenantInvoice.ts';
import { toPdf } from './invoicePdf.ts';
import { cursorOf, toPage } from './pages.ts';
import { issuerOf, printedCreditNote, printedInvoice } from './printedDocuments.ts';
import { notFound } from './problems.ts';
import { defineRoute, type Reply, type Route } from './route.ts';
import { limit, pageOf, period, tenantId, uuid } from './schemas.ts';
import { byId, invoice, noInvoice, readWhole, toInvoice, wholeInvoice } from './tenantInvoiceAnswers.ts';

const readers = ['platform_admin', 'platform_viewer', 'tenant'] as const;
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

export const tenantInvoiceRoutes: readonly Route[] = [
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
