import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { tenantOwns } from './policies.ts';
import { Subscription } from './subscription.ts';

/** Days on which a subscription is paused: from `startsOn` up to the day before `endsOn`; null is still paused. */
export const SubscriptionPause = defineEntity({
  name: 'SubscriptionPause',
  tableName: 'subscription_pauses',
  rowLevelSecurity: 'force',
  policies: tenantOwns,
  indexes: [{ name: 'subscription_pauses_subscription', properties: ['subscription', 'startsOn'] }],
  properties: {
    id: p.bigint().primary().autoincrement(),
    subscription: p.manyToOne(Subscription).mapToPk(),
    tenantId: p.text(),
    startsOn: p.date(),
    endsOn: p.date().nullable(),
  },
});
export type SubscriptionPause = InferEntity<typeof SubscriptionPause>;
