import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { subjectOwns } from './policies.ts';

/** The answer to a write that carried `Idempotency-Key`, kept 24 hours. `status` null means that the first is still running. */
export const IdempotencyKey = defineEntity({
  name: 'IdempotencyKey',
  tableName: 'idempotency_keys',
  rowLevelSecurity: 'force',
  policies: subjectOwns,
  uniques: [{ name: 'idempotency_keys_identity', properties: ['tenantId', 'subject', 'route', 'key'] }],
  indexes: [{ name: 'idempotency_keys_age', properties: ['createdAt'] }],
  properties: {
    id: p.bigint().primary().autoincrement(),
    /** Whose subject it is: two tenants may name theirs alike. Empty for platform callers. */
    tenantId: p.text().default(''),
    subject: p.text(),
    route: p.text(),
    key: p.text(),
    /** SHA-256 of method, path and body. */
    fingerprint: p.text(),
    createdAt: p.datetime(),
    status: p.integer().nullable(),
    headers: p.json().$type<{ [name: string]: string }>().nullable(),
    body: p.text().nullable(),
  },
});
export type IdempotencyKey = InferEntity<typeof IdempotencyKey>;
