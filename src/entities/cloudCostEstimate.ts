import { defineEntity, p } from '@mikro-orm/core';
import { platformOnly } from './policies.ts';

/**
 * What a month had cost by the provider's own estimate at `estimatedAt`. Only the newest whole one of a month keeps its lines; the
 * earlier ones say how the amount grew. None of it is a cost line: the month's invoice takes its place.
 */
export const CloudCostEstimate = defineEntity({
  name: 'CloudCostEstimate',
  tableName: 'cloud_cost_estimates',
  rowLevelSecurity: 'force',
  policies: platformOnly,
  uniques: [
    { name: 'cloud_cost_estimates_identity', properties: ['provider', 'periodStart', 'estimatedAt'] },
  ],
  properties: {
    id: p.uuid().primary().defaultRaw('gen_random_uuid()'),
    provider: p.text(),
    periodStart: p.date(),
    /** When the provider computed it. */
    estimatedAt: p.datetime(),
    amount: p.decimal().columnType('numeric'),
    currency: p.text(),
    /** When all of its lines were stored; null while they are still being read. */
    completeAt: p.datetime().nullable(),
  },
});
