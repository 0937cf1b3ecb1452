import { type Client, WorkflowNotFoundError, WorkflowUpdateFailedError } from '@temporalio/client';
import { ActivityFailure, ApplicationFailure } from '@temporalio/common';
import { z } from 'zod';
import { type PeriodLedger, periodStates } from '../entities/periodLedger.ts';
import { recordAudit } from '../services/recordAudit.ts';
import {
  countWorklist,
  hasEnded,
  listLedger,
  missingPeriods,
  readLedger,
  type WorklistCounts,
} from '../services/rollup/periodLedger.ts';
import { type PreviewedInvoice, previewRollUp, tenantsToBill } from '../services/rollup/previewRollUp.ts';
import { listExceptions, type WorklistException } from '../services/rollup/worklistExceptions.ts';
import { workflowIds } from '../workflows/ids.ts';
import {
  type OperatorRequest,
  type RollUpSummary,
  rollUpMessages,
  type TenantUpdateResult,
} from '../workflows/rollUpMessages.ts';
import { cursorOf, toPage } from './pages.ts';
import { notFound, Problem } from './problems.ts';
import type { Caller } from './requestState.ts';
import { type ApiDependencies, defineRoute, type Route } from './route.ts';
import {
  currency,
  instant,
  json,
  limit,
  link,
  pageOf,
  period,
  reason,
  tenantId,
  toInstant,
  toInstantOrNull,
} from './schemas.ts';
import { processLink, started, startedReply, startedWorkflow, temporalUiLink } from './startedWorkflow.ts';
import { startCheck, startIssue, startRollUp } from './startWorkflow.ts';
import { callTemporal } from './temporalCalls.ts';

const platformReaders = ['platform_admin', 'platform_viewer'] as const;
const mostPreviewed = 50;

const rollUp = z
  .strictObject({
    period,
    state: z.enum(periodStates),
    workflow_id: z.string(),
    run_id: z.string(),
    forced: z.boolean(),
    tenants: z.int(),
    invoiced: z.int().meta({ description: 'Have an invoice, of this run or of an earlier one.' }),
    skipped: z.int(),
    failed: z.int(),
    started_at: instant,
    rolled_up_at: instant.nullable(),
    checked_at: instant
      .nullable()
      .meta({ description: 'When every invoice was last computed again from its inputs and found equal.' }),
    issue_after: instant.meta({ description: 'The end of the grace time for late usage.' }),
    issued_at: instant.nullable(),
    links: z.strictObject({ self: link, invoices: link, process: link, temporal_ui: link }),
  })
  .meta({ id: 'RollUp' });

const exception = z.strictObject({
  tenant_id: z.string(),
  state: z.enum(['failed', 'skipped']),
  problem: z.string().nullable(),
  message: z.string().nullable(),
  reason: z.string().nullable().meta({ description: 'Why an operator skipped it.' }),
  attempts: z.int(),
});

const rollUpDetails = z
  .strictObject({
    ...rollUp.shape,
    progress: z
      .strictObject({ tenants: z.int(), done: z.int(), failed: z.int(), skipped: z.int(), left: z.int() })
      .meta({ description: 'The worklist as it is now.' }),
    exceptions: pageOf(exception).meta({
      description: 'Failed tenants first, then those that were skipped.',
    }),
  })
  .meta({ id: 'RollUpDetails' });

const cents = z.int().meta({ description: 'Whole cents of the currency.' });
const previewedLine = z.strictObject({
  type: z.string(),
  deployment_id: z.string().nullable(),
  resource_kind: z.string().nullable(),
  description: z.string(),
  qty: z.string(),
  unit: z.string(),
  unit_price_cents: z.string(),
  amount_cents: cents,
  service_period: period,
  meta: z.record(z.string(), json),
});
const previewedInvoice = z.strictObject({
  tenant_id: z.string(),
  currency: currency.nullable(),
  subtotal_cents: cents.nullable(),
  tax_cents: cents.nullable(),
  total_cents: cents.nullable(),
  problem: z.strictObject({ code: z.string(), message: z.string() }).nullable(),
  lines: z.array(previewedLine),
});
const preview = z
  .strictObject({
    period,
    tenants: z.int().meta({ description: 'How many tenants a rollup would take.' }),
    invoices: z.array(previewedInvoice),
  })
  .meta({ id: 'RollUpPreview' });

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

const tenantState = z
  .strictObject({
    tenant_id: z.string(),
    state: z.enum(['pending', 'done', 'existing', 'failed', 'skipped']),
    problem: z.string().nullable(),
    message: z.string().nullable(),
  })
  .meta({ id: 'RollUpTenant' });

const byPeriod = z.strictObject({ period });
const byTenant = z.strictObject({ period, tenant_id: tenantId });
const withReason = z.strictObject({ reason });
const noTemporal = { 503: "Temporal can't be reached, or no worker answers." };

const toRollUp = (row: PeriodLedger, api: ApiDependencies): z.input<typeof rollUp> => ({
  period: row.periodStart,
  state: row.state,
  workflow_id: row.workflowId,
  run_id: row.runId,
  forced: row.forced,
  tenants: row.tenants,
  invoiced: row.invoiced,
  skipped: row.skipped,
  failed: row.failed,
  started_at: toInstant(row.startedAt),
  rolled_up_at: toInstantOrNull(row.rolledUpAt ?? null),
  checked_at: toInstantOrNull(row.checkedAt ?? null),
  issue_after: toInstant(row.issueAfter),
  issued_at: toInstantOrNull(row.issuedAt ?? null),
  links: {
    self: `/api/v1/rollups/${row.periodStart}`,
    invoices: `/api/v1/invoices?${new URLSearchParams({ period: row.periodStart })}`,
    process: processLink(row.workflowId),
    temporal_ui: temporalUiLink(api.config, row.workflowId, row.runId),
  },
});

const toProgress = (counts: WorklistCounts) => ({
  tenants: counts.tenants,
  done: counts.invoiced + counts.existing + counts.skipped,
  failed: counts.failed,
  skipped: counts.skipped,
  left: counts.pending,
});

const toException = (row: WorklistException): z.input<typeof exception> => ({
  tenant_id: row.tenantId,
  state: row.state,
  problem: row.problem,
  message: row.message,
  reason: row.reason,
  attempts: row.attempts,
});

const toPreviewed = ({ tenantId: tenant, currency: code, invoice, problem }: PreviewedInvoice) => ({
  tenant_id: tenant,
  currency: code,
  subtotal_cents: invoice?.subtotalCents ?? null,
  tax_cents: invoice?.taxCents ?? null,
  total_cents: invoice?.totalCents ?? null,
  problem,
  lines: (invoice?.lines ?? []).map((line) => ({
    type: line.type,
    deployment_id: line.deploymentId,
    resource_kind: line.resourceKind,
    description: line.description,
    qty: line.qty,
    unit: line.unit,
    unit_price_cents: line.unitPriceCents,
    amount_cents: line.amountCents,
    service_period: line.servicePeriod,
    meta: { ...line.meta },
  })),
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
      const force = body.force ? toRequest(caller, body.reason ?? '', requestId) : undefined;
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
  ...(['retry', 'skip'] as const).map((verb) =>
    defineRoute({
      method: 'post',
      path: `/api/v1/rollups/:period/tenants/:tenant_id/${verb}`,
      tag: 'Rollups',
      summary:
        verb === 'retry'
          ? 'Tries to invoice a tenant again who could not be. One who has an invoice keeps it.'
          : 'Leaves a tenant who could not be invoiced without an invoice for the month.',
      roles: ['platform_admin'],
      params: byTenant,
      body: withReason,
      answer: { status: 200, description: 'What the tenant is now.', schema: tenantState },
      problems: {
        404: 'No such rollup, or the tenant is not in it.',
        409: 'The rollup has ended, or the tenant is no exception.',
        ...noTemporal,
      },
      async handle({ em, api, caller, params, body, requestId }) {
        if ((await readLedger(em, params.period)) === null) throw notFound('rollup');
        const name = verb === 'retry' ? rollUpMessages.retryTenantUpdate : rollUpMessages.skipTenantUpdate;
        const result = await updateRollUp<TenantUpdateResult>(api, params.period, (client) =>
          client.workflow.getHandle(workflowIds.rollUpPeriod(params.period)).executeUpdate(name, {
            args: [{ tenantId: params.tenant_id, request: toRequest(caller, body.reason, requestId) }],
          }),
        );
        const { tenantId: tenant, state, problem, message } = result;
        return { status: 200, body: { tenant_id: tenant, state, problem, message } };
      },
    }),
  ),
  defineRoute({
    method: 'post',
    path: '/api/v1/rollups/:period/retry',
    tag: 'Rollups',
    summary: 'Tries to invoice every tenant again who could not be.',
    roles: ['platform_admin'],
    params: byPeriod,
    body: withReason,
    answer: started,
    problems: { 404: 'No such rollup.', 409: 'The rollup has ended: nobody failed.', ...noTemporal },
    async handle({ em, api, caller, params, body, requestId }) {
      const ledger = await readLedger(em, params.period);
      if (ledger === null) throw notFound('rollup');
      await updateRollUp(api, params.period, (client) =>
        client.workflow
          .getHandle(ledger.workflowId)
          .startUpdate<RollUpSummary, [{ request: OperatorRequest }]>(rollUpMessages.retryFailedUpdate, {
            args: [{ request: toRequest(caller, body.reason, requestId) }],
            waitForStage: 'ACCEPTED',
          }),
      );
      return startedReply(api.config, ledger);
    },
  }),
  defineRoute({
    method: 'post',
    path: '/api/v1/rollups/:period/issue',
    tag: 'Rollups',
    summary: "Issues the month's drafts once their grace time is over, or at once with `early`.",
    roles: ['platform_admin'],
    params: byPeriod,
    body: z.strictObject({
      reason,
      early: z.boolean().default(false).meta({ description: 'Waits for the grace time no longer.' }),
    }),
    answer: started,
    problems: { 404: 'No such rollup.', 409: 'The month is being rolled up.', ...noTemporal },
    async handle({ em, api, caller, params, body, now, requestId }) {
      const ledger = await readLedger(em, params.period);
      if (ledger === null) throw notFound('rollup');
      if (ledger.state === 'rolling_up') {
        throw new Problem(409, 'rollup_running', 'this period is being rolled up, or its check failed');
      }
      await recordAudit(em, caller, {
        occurredAt: now,
        action: 'period_ledger.request_issue',
        subjectType: 'period_ledger',
        subjectId: params.period,
        reason: body.reason,
        after: { early: body.early },
        requestId,
        workflowId: workflowIds.issuePeriod(params.period),
      });
      const run = await callTemporal(api, (client) => startIssue(client, params.period, body.early));
      return startedReply(api.config, run);
    },
  }),
  defineRoute({
    method: 'post',
    path: '/api/v1/rollups/:period/check',
    tag: 'Rollups',
    summary:
      "Computes the month's invoices again from their stored inputs. A difference ends the process as failed, with the rows named.",
    roles: ['platform_admin'],
    params: byPeriod,
    answer: started,
    problems: { 404: 'No such rollup.', ...noTemporal },
    async handle({ em, api, params }) {
      if ((await readLedger(em, params.period)) === null) throw notFound('rollup');
      return startedReply(api.config, await callTemporal(api, (client) => startCheck(client, params.period)));
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

const toRequest = (caller: Caller, why: string, requestId: string): OperatorRequest => ({
  subject: caller.subject,
  role: caller.role,
  reason: why,
  requestId,
});

/** @throws Problem 409 where no rollup of the period runs, 404 and 409 as the update says */
async function updateRollUp<Result>(
  api: ApiDependencies,
  month: string,
  send: (client: Client) => Promise<Result>,
): Promise<Result> {
  try {
    return await callTemporal(api, send);
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) {
      throw new Problem(
        409,
        'rollup_ended',
        `the rollup of ${month.slice(0, 7)} has ended: start it again, it takes those without an invoice`,
      );
    }
    const failure = error instanceof WorkflowUpdateFailedError ? failureOf(error.cause) : undefined;
    if (failure?.type === 'not_in_rollup') throw notFound('tenant in this rollup');
    if (failure?.type === 'not_an_exception') throw new Problem(409, failure.type, failure.message);
    throw error;
  }
}

function failureOf(error: unknown): ApplicationFailure | undefined {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  return cause instanceof ApplicationFailure ? cause : undefined;
}
