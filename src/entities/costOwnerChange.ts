import { defineEntity, p } from '@mikro-orm/core';
import { platformOnly } from './policies.ts';

/** What a move of a resource, or another tenant of a project, took from one owner of a cost line and gave to another. Append-only. */
export const CostOwnerChange = defineEntity({
  name: 'CostOwnerChange',
  tableName: 'cost_owner_changes',
  rowLevelSecurity: 'force',
  policies: platformOnly,
  indexes: [
    { name: 'cost_owner_changes_line', properties: ['costLineId'] },
    { name: 'cost_owner_changes_time', properties: ['changedAt'] },
  ],
  properties: {
    id: p.bigint().primary().autoincrement(),
    costLineId: p.bigint(),
    /** Null for nobody. */
    tenantId: p.text().nullable(),
    deploymentId: p.uuid().nullable(),
    /** What the owner bore before, and what it bears since. */
    fromAmount: p.decimal().columnType('numeric'),
    toAmount: p.decimal().columnType('numeric'),
    currency: p.text(),
    changedAt: p.datetime(),
    /** The request or process that did it. */
    cause: p.text(),
  },
});
