import { z } from 'zod';
import {
  countWorklist,
  hasEnded,
  listLedger,
  missingPeriods,
  readLedger,
} from '../services/rollup/periodLedger.ts';
import { previewRollUp, tenantsToBill } from '../services/rollup/previewRollUp.ts';
import { listExceptions, type WorklistException } from '../services/rollup/worklistExceptions.ts';
import { toOperatorRequest } from './changeRequest.ts';
import { cursorOf, toPage } from './pages.ts';
import { notFound, Problem } from './problems.ts';
import {
  byPeriod,
  noTemporal,
  rollUp,
  rollUpDetails,
  toException,
  toProgress,
  toRollUp,
} from './rollUpAnswers.ts';
import { preview, toPreviewed } from './rollUpPreview.ts';
import { defineRoute, type Route } from './route.ts';
import { limit, period, reason, tenantId } from './schemas.ts';
import { startedReply, startedWorkflow } from './startedWorkflow.ts';
import { startRollUp } from './startWorkflow.ts';
import { callTemporal } from './temporalCalls.ts';

const platformReaders = ['platform_admin', 'platform_viewer'] as const;
const mostPreviewed = 50;

const request = z
  .strictObject({
    period,
    force: z.boolean().default(false).meta({ description: 'Computes the drafts anew that are there.' }),
    reason: reason.optional(),
    preview: z.boolean().default(false).meta({ description: 'Prices some tenants and writes nothing.' }),
    tenant_ids: z
      .array(tenantId)
      .min(1, `expected 1 to ${mostPreviewed} tenants`)
      .max(mostPreviewed, `expected 1 to ${mostPreviewed} tenants`)
      .optional()
      .meta({ description: 'Whom to preview; the first ones unless given.' }),
  })
  .superRefine((body, context) => {
    const refuse = (path: string, message: string) =>
      context.addIssue({ code: 'custom', path: [path], message });
    if (body.force && body.reason === undefined) refuse('reason', 'is required with force');
    if (body.force && body.preview) refuse('force', 'a preview changes nothing, so it forces nothing');
    if (body.tenant_ids !== undefined && !body.preview) refuse('tenant_ids', 'only a preview takes tenants');
  });

export const rollUpRoutes: readonly Route[] = [
  defineRoute({
    method: 'post',
    path: '/api/v1/rollups',
    tag: 'Rollups',
    summary:
      'Rolls up a month that has ended into invoices; meets the rollup that runs, if one does. With `preview`, prices some tenants instead.',
    roles: ['platform_admin'],
    body: request,
    answer: {
      status: 202,
      description: 'It runs; `Location` and the links say where to watch it.',
      schema: z.union([startedWorkflow, preview]),
      alsoStatus: { 200: 'The preview; nothing was written.' },
    },
    problems: {
      409: 'A rollup of the period runs, which can not be forced any more.',
      422: 'The month has not ended.',
      ...noTemporal,
    },
    async handle({ em, api, caller, body, now, requestId }) {
      if (body.preview) {
        const { tenants, tenantIds } = await tenantsToBill(em, body.period, mostPreviewed);
        const invoices = await previewRollUp(em, {
          period: body.period,
          tenantIds: [...new Set(body.tenant_ids ?? tenantIds)],
        });
        return {
          status: 200,
          body: { period: body.period, tenants, invoices: invoices.map(toPreviewed) },
        };
      }
      refuseRunning(body.period, now);
      const force = body.force ? toOperatorRequest({ caller, requestId }, body.reason ?? '') : undefined;
      const run = await callTemporal(api, (client) =>
        startRollUp(client, body.period, { requestedBy: caller.subject, force }),
      );
      if (run === undefined) {
        throw new Problem(409, 'rollup_running', 'a rollup of this period runs; force it when it is done');
      }
      return startedReply(api.config, run);
    },
  }),
  defineRoute({
    method: 'get',
    path: '/api/v1/rollups',
    tag: 'Rollups',
    summary: 'The ledger of months, newest first, and the months that were missed.',
    roles: platformReaders,
    answer: {
      status: 200,
      description:
        '`missing` are the months since the first subscription that ended and were never rolled up.',
      schema: z.strictObject({ items: z.array(rollUp), missing: z.array(period) }),
    },
    async handle({ em, api, now }) {
      const [rows, missing] = [await listLedger(em), await missingPeriods(em, now)];
      return { status: 200, body: { items: rows.map((row) => toRollUp(row, api)), missing } };
    },
  }),
  defineRoute({
    method: 'get',
    path: '/api/v1/rollups/:period',
    tag: 'Rollups',
    summary: 'One month: how far it is, and which tenants could not be invoiced, with the reason.',
    roles: platformReaders,
    params: byPeriod,
    query: z.strictObject({
      limit,
      cursor: cursorOf(
        'rollup-exceptions',
        z.strictObject({ state: z.enum(['failed', 'skipped']), position: z.int().min(0).max(2_147_483_647) }),
      ),
    }),
    answer: { status: 200, description: 'The month.', schema: rollUpDetails },
    problems: { 404: 'The month was never rolled up.' },
    async handle({ em, api, params, query }) {
      const ledger = await readLedger(em, params.period);
      if (ledger === null) throw notFound('rollup');
      const counts = await countWorklist(em, params.period);
      const exceptions = await listExceptions(em, params.period, {
        limit: query.limit + 1,
        after: query.cursor,
      });
      const keyOf = ({ state, position }: WorklistException) => ({ state, position });
      return {
        status: 200,
        body: {
          ...toRollUp(ledger, api),
          progress: toProgress(counts),
          exceptions: toPage('rollup-exceptions', exceptions, query.limit, keyOf, toException),
        },
      };
    },
  }),
];

/** @throws Problem 422 for a month that still runs */
function refuseRunning(month: string, now: Date): void {
  if (hasEnded(month, now)) return;
  throw new Problem(
    422,
    'period_not_ended',
    `the month ${month.slice(0, 7)} has not ended, it can only be previewed`,
    {
      errors: [{ pointer: '/body/period', detail: 'expected a month that has ended' }],
    },
  );
}
