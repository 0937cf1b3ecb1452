import { z } from 'zod';
import { type PeriodLedger, periodStates } from '../entities/periodLedger.ts';
import type { WorklistCounts } from '../services/rollup/periodLedger.ts';
import type { WorklistException } from '../services/rollup/worklistExceptions.ts';
import type { ApiDependencies } from './route.ts';
import { instant, link, pageOf, period, reason, toInstant, toInstantOrNull } from './schemas.ts';
import { processLink, temporalUiLink } from './startedWorkflow.ts';

export const rollUp = z
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

export const rollUpDetails = z
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

export const byPeriod = z.strictObject({ period });
export const withReason = z.strictObject({ reason });
export const noTemporal = { 503: "Temporal can't be reached, or no worker answers." };

export const toRollUp = (row: PeriodLedger, api: ApiDependencies): z.input<typeof rollUp> => ({
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

export const toProgress = (counts: WorklistCounts) => ({
  tenants: counts.tenants,
  done: counts.invoiced + counts.existing + counts.skipped,
  failed: counts.failed,
  skipped: counts.skipped,
  left: counts.pending,
});

export const toException = (row: WorklistException): z.input<typeof exception> => ({
  tenant_id: row.tenantId,
  state: row.state,
  problem: row.problem,
  message: row.message,
  reason: row.reason,
  attempts: row.attempts,
});
