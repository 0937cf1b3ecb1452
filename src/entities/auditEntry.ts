import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import type { JsonValue } from '../domain/errors.ts';
import { auditPolicies } from './policies.ts';

/** Who did what to which row, why, under which request or workflow. Append-only: the database refuses the rest. */
export const AuditEntry = defineEntity({
  name: 'AuditEntry',
  tableName: 'audit_log',
  rowLevelSecurity: 'force',
  policies: auditPolicies,
  indexes: [{ name: 'audit_log_subject', properties: ['subjectType', 'subjectId'] }],
  triggers: [
    {
      name: 'audit_log_append_only',
      timing: 'before',
      events: ['update', 'delete', 'truncate'],
      forEach: 'statement',
      body: `raise exception 'the audit log is append-only'`,
    },
  ],
  properties: {
    id: p.bigint().primary().autoincrement(),
    occurredAt: p.datetime(),
    actor: p.text(),
    role: p.text(),
    tenantId: p.text().nullable(),
    action: p.text(),
    subjectType: p.text(),
    subjectId: p.text(),
    reason: p.text().nullable(),
    before: p.json().$type<JsonValue>().nullable(),
    after: p.json().$type<JsonValue>().nullable(),
    requestId: p.text().nullable(),
    workflowId: p.text().nullable(),
  },
});
export type AuditEntry = InferEntity<typeof AuditEntry>;
