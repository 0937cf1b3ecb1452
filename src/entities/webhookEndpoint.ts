import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { platformOnly } from './policies.ts';

/** What webhooks can tell of. */
export const webhookEventTypes = ['alert.opened', 'alert.resolved'] as const;
export type WebhookEventType = (typeof webhookEventTypes)[number];

/** Why an endpoint was disabled without anybody asking: nothing was taken for days, or it answered that it is gone. */
export const disabledReasons = ['failing', 'gone'] as const;
export type DisabledReason = (typeof disabledReasons)[number];

/** Who is told by webhook, of what. A deleted one stays, for the log of what it was told. */
export const WebhookEndpoint = defineEntity({
  name: 'WebhookEndpoint',
  tableName: 'webhook_endpoints',
  rowLevelSecurity: 'force',
  policies: platformOnly,
  properties: {
    id: p.uuid().primary().defaultRaw('gen_random_uuid()'),
    url: p.text(),
    /** `whsec_…` of before secrets were encrypted; null once it is in `webhook_secrets`. */
    secret: p.text().nullable(),
    enabled: p.boolean().default(true),
    /** When the first try failed since one was taken; null where the last one was taken. */
    failingSince: p.datetime().nullable(),
    /** Null while it is enabled, and where an operator disabled it. */
    disabledReason: p.text().$type<DisabledReason>().nullable(),
    eventTypes: p.json().$type<WebhookEventType[]>(),
    createdAt: p.datetime(),
    createdBy: p.text(),
    updatedAt: p.datetime(),
    updatedBy: p.text(),
    deletedAt: p.datetime().nullable(),
  },
});
export type WebhookEndpoint = InferEntity<typeof WebhookEndpoint>;
