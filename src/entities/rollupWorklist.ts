import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { platformOnly } from './policies.ts';

/** `existing`: had an invoice before this run. `skipped`: an operator said so, with a reason. */
export const rollupStates = ['pending', 'done', 'existing', 'failed', 'skipped'] as const;
export type RollupState = (typeof rollupStates)[number];

/** The tenants of a rollup in a frozen order, and what became of each. No foreign keys: a million rows are written at once. */
export const RollupWorklist = defineEntity({
  name: 'RollupWorklist',
  tableName: 'rollup_worklist',
  rowLevelSecurity: 'force',
  policies: platformOnly,
  indexes: [
    { name: 'rollup_worklist_position', properties: ['periodStart', 'position'] },
    {
      name: 'rollup_worklist_failed',
      expression: (columns, table, name) =>
        `create index "${name}" on ${table} ("${columns.periodStart}") where "${columns.state}" = 'failed'`,
    },
  ],
  properties: {
    periodStart: p.date().primary(),
    tenantId: p.text().primary(),
    /** 0-based. */
    position: p.integer(),
    state: p.text().$type<RollupState>().default('pending'),
    /** Code and sentence of what made it fail. */
    problem: p.text().nullable(),
    message: p.text().nullable(),
    /** Why it was skipped. */
    reason: p.text().nullable(),
    attempts: p.integer().default(0),
    invoiceId: p.uuid().nullable(),
    updatedAt: p.datetime(),
  },
});
export type RollupWorklist = InferEntity<typeof RollupWorklist>;
