import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { everyoneReads } from './policies.ts';

/** What can be subscribed to, by its code; the terms are in its versions. */
export const Plan = defineEntity({
  name: 'Plan',
  tableName: 'plans',
  rowLevelSecurity: 'force',
  policies: everyoneReads,
  uniques: [{ name: 'plans_code', properties: ['code'] }],
  properties: {
    id: p.uuid().primary().defaultRaw('gen_random_uuid()'),
    code: p.text(),
    name: p.text(),
    createdAt: p.datetime(),
  },
});
export type Plan = InferEntity<typeof Plan>;
