import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { platformOnly } from './policies.ts';
import { WebhookEndpoint } from './webhookEndpoint.ts';

/** What signs for an endpoint, encrypted: one that is current, and earlier ones that sign beside it until they expire. */
export const WebhookSecret = defineEntity({
  name: 'WebhookSecret',
  tableName: 'webhook_secrets',
  rowLevelSecurity: 'force',
  policies: platformOnly,
  indexes: [
    {
      name: 'webhook_secrets_current',
      expression: (columns, table, name) =>
        `create unique index "${name}" on ${table} ("${columns.endpoint}") where "${columns.expiresAt}" is null`,
    },
  ],
  properties: {
    id: p.uuid().primary(),
    endpoint: p.manyToOne(WebhookEndpoint).mapToPk(),
    /** Which of the configured keys encrypted it. */
    keyId: p.text(),
    ciphertext: p.blob(),
    createdAt: p.datetime(),
    /** From when on it signs no more; null for the current one. */
    expiresAt: p.datetime().nullable(),
  },
});
export type WebhookSecret = InferEntity<typeof WebhookSecret>;
