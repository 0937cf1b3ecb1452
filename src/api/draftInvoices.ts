import { z } from 'zod';
import { addInvoiceLine, removeInvoiceLine } from '../services/adjustInvoice.ts';
import { issueDraft } from '../services/issueDraft.ts';
import { toChangeRequest } from './changeRequest.ts';
import { notFound } from './problems.ts';
import { defineRoute, type Route } from './route.ts';
import { reason, text, uuid } from './schemas.ts';
import { tellFinance } from './tellFinance.ts';
import { byId, noInvoice, readWhole, wholeInvoice, withReason } from './tenantInvoiceAnswers.ts';

export const draftInvoiceRoutes: readonly Route[] = [
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
      const { em, params, body } = request;
      const added = await addInvoiceLine(em, {
        invoiceId: params.id,
        deploymentId: body.deployment_id ?? null,
        description: body.description,
        amountCents: body.amount_cents,
        ...toChangeRequest(request, body.reason),
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
      const { em, params, query } = request;
      const removed = await removeInvoiceLine(em, {
        invoiceId: params.id,
        lineId: params.line_id,
        ...toChangeRequest(request, query.reason),
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
      await tellFinance(request.api);
      return { status: 200, body: await readWhole(request, params.id) };
    },
  }),
];
