import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import type { MeterKind } from '../domain/meters.ts';
import { CloudDeployment } from './cloudDeployment.ts';
import { tenantReads } from './policies.ts';

/** Usage that an operator states: corrections, and kinds without a source of their own. Added to what was metered. */
export const ManualUsage = defineEntity({
  name: 'ManualUsage',
  tableName: 'manual_usage',
  rowLevelSecurity: 'force',
  policies: tenantReads,
  indexes: [{ name: 'manual_usage_sum', properties: ['deployment', 'resourceKind', 'day'] }],
  properties: {
    id: p.uuid().primary().defaultRaw('gen_random_uuid()'),
    tenantId: p.text(),
    deployment: p.manyToOne(CloudDeployment).mapToPk(),
    resourceKind: p.text().$type<MeterKind>(),
    day: p.date(),
    /** An integer of the kind's metered unit; negative takes away. */
    quantity: p.decimal().columnType('numeric'),
    reason: p.text(),
    actor: p.text(),
    createdAt: p.datetime(),
  },
});
export type ManualUsage = InferEntity<typeof ManualUsage>;
