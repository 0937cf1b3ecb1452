import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import type { MeterKind } from '../domain/meters.ts';
import { everyoneReads } from './policies.ts';

/** What a kind costs where the plan version has no item for it, from a day on until the next row of that kind and currency. */
export const ResourcePrice = defineEntity({
  name: 'ResourcePrice',
  tableName: 'resource_prices',
  rowLevelSecurity: 'force',
  policies: everyoneReads,
  uniques: [{ name: 'resource_prices_identity', properties: ['resourceKind', 'currency', 'effectiveFrom'] }],
  properties: {
    id: p.bigint().primary().autoincrement(),
    resourceKind: p.text().$type<MeterKind>(),
    unit: p.text(),
    /** For one unit; may be a fraction of a cent. */
    priceCents: p.decimal().columnType('numeric'),
    currency: p.text(),
    effectiveFrom: p.date(),
  },
});
export type ResourcePrice = InferEntity<typeof ResourcePrice>;
