import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { platformOnly } from './policies.ts';

/** A droplet size that a provider sells, at its list price; kept when it is sold no longer, since resources still run on it. */
export const ProviderSize = defineEntity({
  name: 'ProviderSize',
  tableName: 'provider_sizes',
  rowLevelSecurity: 'force',
  policies: platformOnly,
  properties: {
    provider: p.text().primary(),
    slug: p.text().primary(),
    vcpus: p.integer(),
    memoryMib: p.integer(),
    diskGib: p.integer(),
    priceMonthly: p.decimal().columnType('numeric'),
    currency: p.text(),
    /** The slugs of the regions that have it. */
    regions: p.json().$type<readonly string[]>(),
    isAvailable: p.boolean(),
    seenAt: p.datetime(),
  },
});
export type ProviderSize = InferEntity<typeof ProviderSize>;
