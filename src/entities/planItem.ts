import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import type { MeterKind } from '../domain/meters.ts';
import { PlanVersion } from './planVersion.ts';
import { everyoneReads } from './policies.ts';

/** What a plan version includes of a kind, and what the rest costs. Quantities are in the kind's base unit (src/domain/meters.ts). */
export const PlanItem = defineEntity({
  name: 'PlanItem',
  tableName: 'plan_items',
  rowLevelSecurity: 'force',
  policies: everyoneReads,
  uniques: [{ name: 'plan_items_identity', properties: ['planVersion', 'resourceKind'] }],
  properties: {
    id: p.bigint().primary().autoincrement(),
    planVersion: p.manyToOne(PlanVersion).mapToPk(),
    resourceKind: p.text().$type<MeterKind>(),
    includedQty: p.decimal().columnType('numeric'),
    overageUnit: p.text(),
    /** For one overage unit; may be a fraction of a cent. */
    overagePriceCents: p.decimal().columnType('numeric'),
    /** The most that is charged as overage: 0 never charges, null always does. */
    hardCapQty: p.decimal().columnType('numeric').nullable(),
  },
});
export type PlanItem = InferEntity<typeof PlanItem>;
