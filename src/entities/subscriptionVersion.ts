import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { PlanVersion } from './planVersion.ts';
import { readOnceAStatement, tenantOwns } from './policies.ts';
import { Subscription } from './subscription.ts';

/**
 * From which day a subscription is on which plan version. In force at the end of a day is the last row that starts on or before it; of
 * two changes on one day the later replaces the earlier.
 */
export const SubscriptionVersion = defineEntity({
  name: 'SubscriptionVersion',
  tableName: 'subscription_versions',
  rowLevelSecurity: 'force',
  policies: readOnceAStatement(tenantOwns),
  uniques: [{ name: 'subscription_versions_identity', properties: ['subscription', 'startsOn'] }],
  indexes: [
    {
      // In the order in which the subscribers of a version are walked through.
      name: 'subscription_versions_plan',
      properties: ['planVersion', 'tenantId', 'subscription', 'startsOn'],
    },
  ],
  properties: {
    id: p.bigint().primary().autoincrement(),
    subscription: p.manyToOne(Subscription).mapToPk(),
    tenantId: p.text(),
    planVersion: p.manyToOne(PlanVersion).mapToPk(),
    startsOn: p.date(),
    createdAt: p.datetime(),
  },
});
export type SubscriptionVersion = InferEntity<typeof SubscriptionVersion>;
