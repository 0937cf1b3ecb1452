import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { platformOnly } from './policies.ts';

/** What webhooks can tell of. */
export const webhookEventTypes = ['alert.opened', 'alert.resolved'] as const;
export type WebhookEventType = (typeof webhookEventTypes)[number];

/** Who is told by webhook, of what. A deleted one stays, for the log of what it was told. */
export const WebhookEndpoint = defineEntity({
  name: 'WebhookEndpoint',
  tableName: 'webhook_endpoints',
  rowLevelSecurity: 'force',
  policies: platformOnly,
  properties: {
    id: p.uuid().primary().defaultRaw('gen_random_uuid()'),
    url: p.text(),
    /** `whsec_…`, which signs; it is never shown. */
    secret: p.text(),
    enabled: p.boolean().default(true),
    eventTypes: p.json().$type<WebhookEventType[]>(),
    createdAt: p.datetime(),
    createdBy: p.text(),
    updatedAt: p.datetime(),
    updatedBy: p.text(),
    deletedAt: p.datetime().nullable(),
  },
});
export type WebhookEndpoint = InferEntity<typeof WebhookEndpoint>;
