import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { platformOnly } from './policies.ts';

/**
 * How much we know of one kind at one provider. `fresh`: the last listing was whole. `unknown`: it failed or came partial, so
 * nothing is taken as gone since `completeAt`.
 */
export const CloudInventoryListing = defineEntity({
  name: 'CloudInventoryListing',
  tableName: 'cloud_inventory_listings',
  rowLevelSecurity: 'force',
  policies: platformOnly,
  uniques: [{ name: 'cloud_inventory_listings_identity', properties: ['provider', 'kind'] }],
  properties: {
    id: p.bigint().primary().autoincrement(),
    provider: p.text(),
    /** A resource kind, or `project`. */
    kind: p.text(),
    state: p.text().$type<'fresh' | 'unknown'>(),
    attemptedAt: p.datetime(),
    completeAt: p.datetime().nullable(),
    live: p.integer().nullable(),
    errorCode: p.text().nullable(),
    errorMessage: p.text().nullable(),
  },
});
export type CloudInventoryListing = InferEntity<typeof CloudInventoryListing>;
