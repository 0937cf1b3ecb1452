import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { AlertRule } from './alertRule.ts';
import { platformOnly } from './policies.ts';

/** `acknowledged`: somebody knows of it; it is still so. `resolved`: it is over. */
export const alertStates = ['open', 'acknowledged', 'resolved'] as const;
export type AlertState = (typeof alertStates)[number];

/** Something that a rule found, from when it was seen first until it is gone. At most one of a rule and subject is not resolved. */
export const Alert = defineEntity({
  name: 'Alert',
  tableName: 'alerts',
  rowLevelSecurity: 'force',
  policies: platformOnly,
  indexes: [
    {
      name: 'alerts_unresolved',
      expression: (columns, table, name) =>
        `create unique index "${name}" on ${table} ("${columns.rule}", "${columns.subject}") where "${columns.state}" <> 'resolved'`,
    },
    { name: 'alerts_opened', properties: ['openedAt', 'id'] },
  ],
  properties: {
    id: p.uuid().primary().defaultRaw('gen_random_uuid()'),
    rule: p.manyToOne(AlertRule).mapToPk(),
    /** A tenant, a provider, an invoice, a period or an endpoint. */
    subject: p.text(),
    tenantId: p.text().nullable(),
    state: p.text().$type<AlertState>(),
    /** What was measured last, in the unit of the threshold. */
    value: p.decimal().columnType('numeric').nullable(),
    /** What the rule said then. */
    threshold: p.decimal().columnType('numeric').nullable(),
    currency: p.text().nullable(),
    message: p.text(),
    openedAt: p.datetime(),
    lastSeenAt: p.datetime(),
    acknowledgedAt: p.datetime().nullable(),
    acknowledgedBy: p.text().nullable(),
    acknowledgedReason: p.text().nullable(),
    resolvedAt: p.datetime().nullable(),
  },
});
export type Alert = InferEntity<typeof Alert>;
