import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { CloudDeployment } from './cloudDeployment.ts';
import { readOnceAStatement, tenantOwns } from './policies.ts';

export const subscriptionStatuses = ['active', 'paused', 'cancelled'] as const;
export type SubscriptionStatus = (typeof subscriptionStatuses)[number];

/** What a deployment pays for, one a deployment. Which plan version on which day is in `subscription_versions`. */
export const Subscription = defineEntity({
  name: 'Subscription',
  tableName: 'subscriptions',
  rowLevelSecurity: 'force',
  policies: readOnceAStatement(tenantOwns),
  uniques: [{ name: 'subscriptions_deployment', properties: ['deployment'] }],
  indexes: [
    { name: 'subscriptions_tenant', properties: ['tenantId'] },
    {
      // Tenants are paged in this order, whatever the database's own is.
      name: 'subscriptions_active',
      expression: (columns, table, name) =>
        `create index "${name}" on ${table} ("${columns.tenantId}" collate "C") where "${columns.status}" = 'active'`,
    },
  ],
  properties: {
    id: p.uuid().primary().defaultRaw('gen_random_uuid()'),
    deployment: p.manyToOne(CloudDeployment).mapToPk(),
    tenantId: p.text(),
    status: p.text().$type<SubscriptionStatus>(),
    /** The first day that counts. */
    startsOn: p.date(),
    trialEndsAt: p.datetime().nullable(),
    /** Its UTC day is the last that counts. */
    cancelledAt: p.datetime().nullable(),
    currentPeriodStart: p.date(),
    currentPeriodEnd: p.date(),
    createdAt: p.datetime(),
  },
});
export type Subscription = InferEntity<typeof Subscription>;
