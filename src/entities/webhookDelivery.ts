import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import type { JsonValue } from '../domain/errors.ts';
import { platformOnly } from './policies.ts';
import { WebhookEndpoint, type WebhookEventType } from './webhookEndpoint.ts';

/** `failed`: given up, or refused; an operator has it sent again. */
export const deliveryStates = ['pending', 'delivered', 'failed'] as const;
export type DeliveryState = (typeof deliveryStates)[number];

/** One event on its way to one endpoint: written with what it tells of, sent until it is taken. */
export const WebhookDelivery = defineEntity({
  name: 'WebhookDelivery',
  tableName: 'webhook_deliveries',
  rowLevelSecurity: 'force',
  policies: platformOnly,
  indexes: [
    {
      name: 'webhook_deliveries_waiting',
      expression: (columns, table, name) =>
        `create index "${name}" on ${table} ("${columns.endpoint}", "${columns.nextAttemptAt}") where "${columns.state}" = 'pending'`,
    },
    { name: 'webhook_deliveries_created', properties: ['createdAt', 'id'] },
  ],
  properties: {
    id: p.uuid().primary().defaultRaw('gen_random_uuid()'),
    /** The `webhook-id`: the same with each try and each redelivery, so that the other side counts it once. */
    eventId: p.text(),
    eventType: p.text().$type<WebhookEventType>(),
    endpoint: p.manyToOne(WebhookEndpoint).mapToPk(),
    state: p.text().$type<DeliveryState>().default('pending'),
    /** Counted before each. */
    attempts: p.integer().default(0),
    lastStatus: p.integer().nullable(),
    lastError: p.text().nullable(),
    nextAttemptAt: p.datetime(),
    deliveredAt: p.datetime().nullable(),
    payload: p.json().$type<{ [key: string]: JsonValue }>(),
    /** The delivery that this one repeats. */
    redeliveryOf: p.uuid().nullable(),
    createdAt: p.datetime(),
  },
});
export type WebhookDelivery = InferEntity<typeof WebhookDelivery>;
