import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import type { MeterKind } from '../domain/meters.ts';
import { Addon } from './addon.ts';
import { tenantOwns } from './policies.ts';
import { Subscription } from './subscription.ts';

/** An addon as it was when it was attached: a later change of the catalog never reprices it. */
export const SubscriptionAddon = defineEntity({
  name: 'SubscriptionAddon',
  tableName: 'subscription_addons',
  rowLevelSecurity: 'force',
  policies: tenantOwns,
  indexes: [{ name: 'subscription_addons_subscription', properties: ['subscription', 'startsOn'] }],
  properties: {
    id: p.uuid().primary().defaultRaw('gen_random_uuid()'),
    subscription: p.manyToOne(Subscription).mapToPk(),
    tenantId: p.text(),
    addon: p.manyToOne(Addon).mapToPk(),
    code: p.text(),
    resourceKind: p.text().$type<MeterKind>(),
    qty: p.decimal().columnType('numeric'),
    priceCents: p.bigint('number'),
    currency: p.text(),
    startsOn: p.date(),
    /** The last day that counts; null while it is attached. */
    endsOn: p.date().nullable(),
  },
});
export type SubscriptionAddon = InferEntity<typeof SubscriptionAddon>;
