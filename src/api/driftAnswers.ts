import { z } from 'zod';
import { driftTypes } from '../domain/drift/price.ts';
import { resourceKinds } from '../domain/resourceKind.ts';
import { driftStates } from '../entities/cloudDrift.ts';
import { type CloudDriftRevert, driftRevertStates } from '../entities/cloudDriftRevert.ts';
import type { ListedDrift } from '../services/drift/listDrift.ts';
import { amount, currency, instant, json, toAmount, toInstant, toInstantOrNull, uuid } from './schemas.ts';

const problem = z
  .strictObject({ code: z.string(), message: z.string() })
  .nullable()
  .meta({ description: 'What the last revert that did not succeed came to.' });

/** One difference, with what it is about. */
export const drift = z
  .strictObject({
    id: uuid,
    resource_id: uuid,
    resource_name: z.string(),
    external_id: z.string(),
    deployment_id: uuid.nullable(),
    tenant_id: z.string().nullable(),
    provider: z.string(),
    kind: z.enum(resourceKinds),
    type: z.enum(driftTypes).meta({
      description: '`missing`: asked for, and gone. `unmanaged`: there, and never asked for.',
    }),
    field: z.string().nullable().meta({ description: 'Null where the whole resource differs.' }),
    desired: json,
    actual: json,
    state: z.enum(driftStates),
    spec_version: z
      .int()
      .nullable()
      .meta({ description: 'The version of the spec that it was compared with.' }),
    price_monthly: amount.nullable().meta({
      description:
        'What the difference costs more, or, below zero, less, a month; null where nothing says it.',
    }),
    currency,
    price_source: z.enum(['list_price', 'cost_lines']).nullable(),
    billed_cost: amount.nullable().meta({
      description: "What its own cost lines came to in its provider's last ingested month.",
    }),
    billed_period: z.string().nullable().meta({ description: 'That month, by its first day.' }),
    unbilled: z.boolean().meta({ description: 'It costs money, and nobody is billed for it.' }),
    detected_at: instant,
    last_seen_at: instant,
    resolved_at: instant.nullable(),
    resolved_by: z.string().nullable(),
    reason: z.string().nullable(),
    workflow_id: z.string().nullable(),
    ignore_rule_id: uuid.nullable(),
    problem,
  })
  .meta({ id: 'Drift' });

const amountOrNull = (value: string | null) => (value === null ? null : toAmount(value));
const instantOf = (value: string) => toInstant(new Date(value));

export const toDrift = (row: ListedDrift): z.input<typeof drift> => ({
  ...row,
  price_monthly: amountOrNull(row.price_monthly),
  billed_cost: amountOrNull(row.billed_cost),
  detected_at: instantOf(row.detected_at),
  last_seen_at: instantOf(row.last_seen_at),
  resolved_at: row.resolved_at === null ? null : instantOf(row.resolved_at),
});

/** One attempt to change a resource back to its spec. */
export const driftRevert = z
  .strictObject({
    id: uuid,
    drift_id: uuid,
    resource_id: uuid,
    workflow_id: z.string(),
    run_id: z.string(),
    state: z.enum(driftRevertStates),
    plan: json
      .nullable()
      .meta({ description: 'The steps, their downtime and cost, and what can not be undone.' }),
    added_monthly: amount.nullable().meta({ description: "What it adds to the provider's bill a month." }),
    currency,
    planned_by: z.string(),
    reason: z.string(),
    approved_by: z.string().nullable(),
    approved_at: instant.nullable(),
    approval_reason: z.string().nullable(),
    cancelled_by: z.string().nullable(),
    problem: z
      .strictObject({ code: z.string(), message: z.string() })
      .nullable()
      .meta({ description: 'Why it was refused or did not succeed.' }),
    steps: z.array(
      z.strictObject({
        name: z.string(),
        state: z.enum(['done', 'failed', 'undone', 'undo_failed']),
        at: instant,
        message: z.string().optional(),
      }),
    ),
    created_at: instant,
    expires_at: instant.nullable().meta({ description: 'Until when it can be approved.' }),
    ended_at: instant.nullable(),
  })
  .meta({ id: 'DriftRevert' });

export const toDriftRevert = (revert: CloudDriftRevert): z.input<typeof driftRevert> => ({
  id: revert.id,
  drift_id: revert.drift,
  resource_id: revert.resource,
  workflow_id: revert.workflowId,
  run_id: revert.runId,
  state: revert.state,
  plan: revert.plan ?? null,
  added_monthly: amountOrNull(revert.addedMonthly ?? null),
  currency: revert.currency,
  planned_by: revert.plannedBy,
  reason: revert.reason,
  approved_by: revert.approvedBy ?? null,
  approved_at: toInstantOrNull(revert.approvedAt ?? null),
  approval_reason: revert.approvalReason ?? null,
  cancelled_by: revert.cancelledBy ?? null,
  problem: revert.problem ?? null,
  steps: revert.steps.map((step) => ({ ...step })),
  created_at: toInstant(revert.createdAt),
  expires_at: toInstantOrNull(revert.expiresAt ?? null),
  ended_at: toInstantOrNull(revert.endedAt ?? null),
});
