import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import type { AlertType } from '../domain/alerts.ts';
import { platformOnly } from './policies.ts';

/** What an operator wants to be told of. A deleted one stays, for the alerts that it opened. */
export const AlertRule = defineEntity({
  name: 'AlertRule',
  tableName: 'alert_rules',
  rowLevelSecurity: 'force',
  policies: platformOnly,
  properties: {
    id: p.uuid().primary().defaultRaw('gen_random_uuid()'),
    type: p.text().$type<AlertType>(),
    /** The one tenant that it looks at; null for all. */
    tenantId: p.text().nullable(),
    /** Percent, or units of `currency`; null where the type has none. */
    threshold: p.decimal().columnType('numeric').nullable(),
    currency: p.text().nullable(),
    enabled: p.boolean().default(true),
    createdAt: p.datetime(),
    createdBy: p.text(),
    updatedAt: p.datetime(),
    updatedBy: p.text(),
    deletedAt: p.datetime().nullable(),
  },
});
export type AlertRule = InferEntity<typeof AlertRule>;
