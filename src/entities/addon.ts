import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import type { MeterKind } from '../domain/meters.ts';
import { everyoneReads } from './policies.ts';

/** More of a kind for a monthly price. A subscription keeps a snapshot (`subscription_addons`), so a new price here moves no bill. */
export const Addon = defineEntity({
  name: 'Addon',
  tableName: 'addons',
  rowLevelSecurity: 'force',
  policies: everyoneReads,
  uniques: [{ name: 'addons_code', properties: ['code'] }],
  properties: {
    id: p.uuid().primary().defaultRaw('gen_random_uuid()'),
    code: p.text(),
    resourceKind: p.text().$type<MeterKind>(),
    /** In the kind's base unit. */
    qty: p.decimal().columnType('numeric'),
    priceCents: p.bigint('number'),
    currency: p.text(),
    createdAt: p.datetime(),
  },
});
export type Addon = InferEntity<typeof Addon>;
