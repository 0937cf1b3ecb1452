import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { platformOnly } from './policies.ts';

export const periodStates = ['rolling_up', 'rolled_up', 'issued'] as const;
export type PeriodState = (typeof periodStates)[number];

/** Which month was rolled up, when and by which run. A month that was missed is found by its absence. */
export const PeriodLedger = defineEntity({
  name: 'PeriodLedger',
  tableName: 'period_ledger',
  rowLevelSecurity: 'force',
  policies: platformOnly,
  properties: {
    periodStart: p.date().primary(),
    state: p.text().$type<PeriodState>(),
    workflowId: p.text(),
    runId: p.text(),
    forced: p.boolean().default(false),
    tenants: p.integer().default(0),
    invoiced: p.integer().default(0),
    skipped: p.integer().default(0),
    failed: p.integer().default(0),
    startedAt: p.datetime(),
    rolledUpAt: p.datetime().nullable(),
    /** When its invoices were last recomputed from their inputs and found equal. */
    checkedAt: p.datetime().nullable(),
    /** The end of the grace time for late usage. */
    issueAfter: p.datetime(),
    issuedAt: p.datetime().nullable(),
  },
});
export type PeriodLedger = InferEntity<typeof PeriodLedger>;
