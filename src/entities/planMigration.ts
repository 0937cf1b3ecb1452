import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { PlanVersion } from './planVersion.ts';
import { platformOnly } from './policies.ts';

/** The move of all subscribers of a plan version to another one on a day. Asked for again, it moves those who came in between. */
export const PlanMigration = defineEntity({
  name: 'PlanMigration',
  tableName: 'plan_migrations',
  rowLevelSecurity: 'force',
  policies: platformOnly,
  uniques: [{ name: 'plan_migrations_identity', properties: ['fromVersion', 'toVersion', 'effectiveOn'] }],
  properties: {
    id: p.uuid().primary().defaultRaw('gen_random_uuid()'),
    fromVersion: p.manyToOne(PlanVersion).mapToPk(),
    toVersion: p.manyToOne(PlanVersion).mapToPk(),
    /** The first day on the new version. */
    effectiveOn: p.date(),
    /** How many subscriptions it moved. */
    subscribers: p.integer(),
    requestedBy: p.text(),
    reason: p.text(),
    createdAt: p.datetime(),
  },
});
export type PlanMigration = InferEntity<typeof PlanMigration>;
