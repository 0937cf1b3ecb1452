import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import { z } from 'zod';
import { recordAudit } from '../services/recordAudit.ts';
import { readLedger } from '../services/rollup/periodLedger.ts';
import { workflowIds } from '../workflows/ids.ts';
import {
  type OperatorRequest,
  type RollUpSummary,
  rollUpMessages,
  type TenantUpdateResult,
} from '../workflows/rollUpMessages.ts';
import { toOperatorRequest } from './changeRequest.ts';
import { notFound, Problem } from './problems.ts';
import { byPeriod, noTemporal, withReason } from './rollUpAnswers.ts';
import { type ApiDependencies, defineRoute, type Route } from './route.ts';
import { period, reason, tenantId } from './schemas.ts';
import { started, startedReply } from './startedWorkflow.ts';
import { startCheck, startIssue } from './startWorkflow.ts';
import { callTemporal } from './temporalCalls.ts';
import { updateFailure } from './updateFailures.ts';

const tenantState = z
  .strictObject({
    tenant_id: z.string(),
    state: z.enum(['pending', 'done', 'existing', 'failed', 'skipped']),
    problem: z.string().nullable(),
    message: z.string().nullable(),
  })
  .meta({ id: 'RollUpTenant' });

const byTenant = z.strictObject({ period, tenant_id: tenantId });

export const rollUpOperationRoutes: readonly Route[] = [
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
            args: [
              { tenantId: params.tenant_id, request: toOperatorRequest({ caller, requestId }, body.reason) },
            ],
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
            args: [{ request: toOperatorRequest({ caller, requestId }, body.reason) }],
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
    const failure = updateFailure(error);
    if (failure?.type === 'not_in_rollup') throw notFound('tenant in this rollup');
    if (failure?.type === 'not_an_exception') throw new Problem(409, failure.type, failure.message);
    throw error;
  }
}
