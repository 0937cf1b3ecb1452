import { z } from 'zod';
import { recordPayment } from '../services/recordPayment.ts';
import { forSession, systemSession } from '../session.ts';
import { notFound } from './problems.ts';
import { defineRoute, type Route } from './route.ts';
import { currency, day, text, uuid } from './schemas.ts';

const payment = z
  .strictObject({
    id: uuid,
    invoice_id: uuid,
    amount_cents: z.int(),
    currency,
    paid_on: z.string(),
    reference: z.string(),
    duplicate: z.boolean().meta({ description: 'The same payment was recorded before; it counts once.' }),
    invoice: z.strictObject({
      number: z.string().nullable(),
      status: z.string(),
      total_cents: z.int(),
      paid_cents: z.int(),
      due_cents: z.int().meta({ description: 'Below zero: owed to the tenant.' }),
    }),
  })
  .meta({ id: 'PaymentReceipt' });

export const paymentRoutes: readonly Route[] = [
  defineRoute({
    method: 'post',
    path: '/api/v1/integrations/payments',
    tag: 'Receivables',
    summary: 'The finance system says what came in for an invoice: all of it, or a part.',
    roles: ['finance', 'platform_admin'],
    webhook: 'finance',
    body: z.strictObject({
      invoice_id: uuid,
      amount_cents: z
        .int('expected whole cents from 1')
        .min(1, 'expected whole cents from 1')
        .meta({ description: 'What came in, in cents of the currency.' }),
      currency: z
        .string({ error: 'expected a currency like AUD' })
        .regex(/^[A-Z]{3}$/, 'expected a currency like AUD'),
      paid_on: day,
      reference: text(200).meta({ description: 'Names the payment, for ever: a known one counts once.' }),
    }),
    answer: {
      status: 201,
      description: 'Recorded; at zero due the invoice is paid.',
      schema: payment,
      alsoStatus: { 200: 'The same payment was recorded before.' },
    },
    problems: {
      404: 'No such invoice.',
      409: 'The invoice is a draft or void, or the reference stands for another payment.',
    },
    async handle({ api, caller, body, now, requestId }) {
      // Finance sees no tenant's rows by itself: it may say what was paid, and learns what is left of that one invoice.
      const recorded = await recordPayment(forSession(api.orm, systemSession), {
        invoiceId: body.invoice_id,
        amountCents: body.amount_cents,
        currency: body.currency,
        paidOn: body.paid_on,
        reference: body.reference,
        source: caller.role === 'finance' ? 'finance' : 'operator',
        now,
        actor: caller,
        requestId,
      });
      if (recorded === undefined) throw notFound('invoice');
      const { payment: stored, invoice, isDuplicate } = recorded;
      return {
        status: isDuplicate ? 200 : 201,
        body: {
          id: stored.id,
          invoice_id: stored.invoice,
          amount_cents: stored.amountCents,
          currency: stored.currency,
          paid_on: stored.paidOn,
          reference: stored.reference,
          duplicate: isDuplicate,
          invoice: {
            number: invoice.number ?? null,
            status: invoice.status,
            total_cents: invoice.totalCents,
            paid_cents: invoice.paidCents,
            due_cents: invoice.dueCents,
          },
        },
      };
    },
  }),
];
