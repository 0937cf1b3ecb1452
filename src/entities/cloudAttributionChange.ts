import { defineEntity, p } from '@mikro-orm/core';
import type { MatchOutcome } from '../domain/matching.ts';
import { platformOnly } from './policies.ts';

/** A cost line whose resource or outcome changed after it was stored, and what that moved. Append-only. */
export const CloudAttributionChange = defineEntity({
  name: 'CloudAttributionChange',
  tableName: 'cloud_attribution_changes',
  rowLevelSecurity: 'force',
  policies: platformOnly,
  indexes: [
    { name: 'cloud_attribution_changes_line', properties: ['costLineId'] },
    { name: 'cloud_attribution_changes_time', properties: ['changedAt'] },
  ],
  properties: {
    id: p.bigint().primary().autoincrement(),
    costLineId: p.bigint(),
    fromOutcome: p.text().$type<MatchOutcome>(),
    fromResourceId: p.uuid().nullable(),
    toOutcome: p.text().$type<MatchOutcome>(),
    toResourceId: p.uuid().nullable(),
    billedCost: p.decimal().columnType('numeric'),
    currency: p.text(),
    changedAt: p.datetime(),
    cause: p.text(),
  },
});
