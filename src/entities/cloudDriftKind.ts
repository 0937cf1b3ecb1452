import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { platformOnly } from './policies.ts';

/** What the last sweep knew of one kind at one provider. `unknown`: its inventory was not fresh, so nothing was concluded from it. */
export const CloudDriftKind = defineEntity({
  name: 'CloudDriftKind',
  tableName: 'cloud_drift_kinds',
  rowLevelSecurity: 'force',
  policies: platformOnly,
  properties: {
    provider: p.text().primary(),
    kind: p.text().primary(),
    state: p.text().$type<'swept' | 'unknown'>(),
    problemCode: p.text().nullable(),
    problemMessage: p.text().nullable(),
    /** The inventory that it went by. */
    inventoryAt: p.datetime().nullable(),
    /** When it was last swept, be it unknown now or not. */
    sweptAt: p.datetime().nullable(),
    attemptedAt: p.datetime(),
    /** As of the last sweep: how many resources live, and how many of its drifts were open. */
    resources: p.integer().default(0),
    open: p.integer().default(0),
  },
});
export type CloudDriftKind = InferEntity<typeof CloudDriftKind>;
