import { z } from 'zod';
import { receivableStates } from '../entities/receivable.ts';
import { type ListedReceivable, listReceivables } from '../services/listReceivables.ts';
import { retryReceivable } from '../services/retryReceivable.ts';
import { cursorOf, toPage } from './pages.ts';
import { notFound } from './problems.ts';
import { defineRoute, type Route } from './route.ts';
import { currency, instant, limit, pageOf, reason, toInstant, toInstantOrNull, uuid } from './schemas.ts';
import { started, startedReply } from './startedWorkflow.ts';
import { startPushReceivables } from './startWorkflow.ts';
import { callTemporal } from './temporalCalls.ts';

const receivable = z
  .strictObject({
    invoice_id: uuid,
    number: z.string(),
    tenant_id: z.string(),
    total_cents: z.int(),
    currency,
    state: z.enum(receivableStates).meta({ description: '`failed`: refused; an operator tries it again.' }),
    attempts: z.int(),
    next_attempt_at: instant.nullable().meta({ description: 'Null unless it is pending.' }),
    last_error: z.string().nullable(),
    acknowledged_at: instant.nullable(),
    external_id: z.string().nullable().meta({ description: 'What the finance system calls it.' }),
  })
  .meta({ id: 'Receivable' });

const toReceivable = (row: ListedReceivable): z.input<typeof receivable> => ({
  ...row,
  next_attempt_at: row.state === 'pending' ? toInstant(new Date(row.next_attempt_at)) : null,
  acknowledged_at: toInstantOrNull(row.acknowledged_at === null ? null : new Date(row.acknowledged_at)),
});

export const receivableRoutes: readonly Route[] = [
  defineRoute({
    method: 'get',
    path: '/api/v1/receivables',
    tag: 'Receivables',
    summary: 'Which issued invoices the finance system knows of, and what stands in the way of the others.',
    roles: ['platform_admin', 'platform_viewer'],
    query: z.strictObject({
      state: z.enum(receivableStates).optional(),
      limit,
      cursor: cursorOf('receivables', uuid),
    }),
    answer: { status: 200, description: 'A page, by invoice id.', schema: pageOf(receivable) },
    async handle({ em, query }) {
      const page = { after: query.cursor, limit: query.limit };
      const rows = await listReceivables(em, { state: query.state }, page);
      return {
        status: 200,
        body: toPage('receivables', rows, query.limit, (row) => row.invoice_id, toReceivable),
      };
    },
  }),
  defineRoute({
    method: 'post',
    path: '/api/v1/receivables/:invoice_id/retry',
    tag: 'Receivables',
    summary: 'Tells the finance system again of an invoice that it refused.',
    roles: ['platform_admin'],
    params: z.strictObject({ invoice_id: uuid }),
    body: z.strictObject({ reason }),
    answer: started,
    problems: {
      404: 'No such receivable.',
      409: 'It was not refused.',
      503: "Temporal can't be reached; it goes out within half an hour all the same.",
    },
    async handle({ em, api, caller, params, body, now, requestId }) {
      const retried = await retryReceivable(em, {
        invoiceId: params.invoice_id,
        reason: body.reason,
        actor: caller,
        now,
        requestId,
      });
      if (!retried) throw notFound('receivable');
      return startedReply(api.config, await callTemporal(api, startPushReceivables));
    },
  }),
];
