import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { platformOnly } from './policies.ts';

/** How shared cost is spread over tenants: by what they cost directly, by their usage of a kind, evenly, or not at all. */
export const sharedCostMethods = ['direct_cost', 'usage', 'even', 'none'] as const;
export type SharedCostMethod = (typeof sharedCostMethods)[number];

/** The rule by which shared cost is spread from a month on, until the next one; none is as `none`. */
export const SharedCostPolicy = defineEntity({
  name: 'SharedCostPolicy',
  tableName: 'shared_cost_policies',
  rowLevelSecurity: 'force',
  policies: platformOnly,
  uniques: [{ name: 'shared_cost_policies_identity', properties: ['effectiveFrom'] }],
  properties: {
    id: p.uuid().primary().defaultRaw('gen_random_uuid()'),
    method: p.text().$type<SharedCostMethod>(),
    /** The metered kind, where it is by usage. */
    resourceKind: p.text().nullable(),
    /** The first day of a month. */
    effectiveFrom: p.date(),
    reason: p.text(),
    createdAt: p.datetime(),
    createdBy: p.text(),
  },
});
export type SharedCostPolicy = InferEntity<typeof SharedCostPolicy>;
