import { z } from 'zod';
import { creditInvoice } from '../services/creditInvoice.ts';
import { recordPayment } from '../services/recordPayment.ts';
import { reissueInvoice } from '../services/reissueInvoice.ts';
import { voidInvoice } from '../services/voidInvoice.ts';
import { toChangeRequest } from './changeRequest.ts';
import { notFound } from './problems.ts';
import { defineRoute, type Route } from './route.ts';
import { day, reason, text } from './schemas.ts';
import { tellFinance } from './tellFinance.ts';
import {
  byId,
  creditNote,
  invoicePath,
  noInvoice,
  payment,
  readWhole,
  toCreditNote,
  toPayment,
  wholeInvoice,
  withReason,
} from './tenantInvoiceAnswers.ts';

const centsFromOne = z
  .int('expected whole cents from 1')
  .min(1, 'expected whole cents from 1')
  .meta({ description: 'Whole cents of the currency of the invoice.' });

export const issuedInvoiceRoutes: readonly Route[] = [
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
      const { em, params, body } = request;
      const voided = await voidInvoice(em, {
        invoiceId: params.id,
        ...toChangeRequest(request, body.reason),
      });
      if (voided === undefined) throw notFound('invoice');
      await tellFinance(request.api);
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
      const { em, params, body } = request;
      const draft = await reissueInvoice(em, {
        invoiceId: params.id,
        ...toChangeRequest(request, body.reason),
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
      const { em, params, body } = request;
      const credited = await creditInvoice(em, {
        invoiceId: params.id,
        amountCents: body.amount_cents,
        ...toChangeRequest(request, body.reason),
      });
      if (credited === undefined) throw notFound('invoice');
      await tellFinance(request.api);
      return {
        status: 201,
        body: { credit_note: toCreditNote(credited.note), invoice: await readWhole(request, params.id) },
      };
    },
  }),
];
