import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { Plan } from './plan.ts';
import { everyoneReads } from './policies.ts';

/** `draft`: not yet for sale. `active`: what new subscribers get. `retired`: only those who are on it. */
export const planVersionStatuses = ['draft', 'active', 'retired'] as const;
export type PlanVersionStatus = (typeof planVersionStatuses)[number];

/**
 * The terms of a plan, numbered from 1. Only `status` and its two instants change; the database allows one active version a plan.
 * Prices exclude tax.
 */
export const PlanVersion = defineEntity({
  name: 'PlanVersion',
  tableName: 'plan_versions',
  rowLevelSecurity: 'force',
  policies: everyoneReads,
  uniques: [{ name: 'plan_versions_identity', properties: ['plan', 'version'] }],
  indexes: [
    {
      name: 'plan_versions_active',
      expression: (columns, table, name) =>
        `create unique index "${name}" on ${table} ("${columns.plan}") where "${columns.status}" = 'active'`,
    },
  ],
  properties: {
    id: p.uuid().primary().defaultRaw('gen_random_uuid()'),
    plan: p.manyToOne(Plan).mapToPk(),
    version: p.integer(),
    /** Of a whole month. */
    basePriceCents: p.bigint('number'),
    currency: p.text(),
    status: p.text().$type<PlanVersionStatus>(),
    createdAt: p.datetime(),
    publishedAt: p.datetime().nullable(),
    retiredAt: p.datetime().nullable(),
  },
});
export type PlanVersion = InferEntity<typeof PlanVersion>;
