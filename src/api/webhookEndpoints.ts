import { z } from 'zod';
import { webhookSecret } from '../config.ts';
import { deliveryStates, type WebhookDelivery } from '../entities/webhookDelivery.ts';
import { disabledReasons, type WebhookEndpoint, webhookEventTypes } from '../entities/webhookEndpoint.ts';
import { listDeliveries, redeliver } from '../services/webhooks/deliveryLog.ts';
import { createSecretEncryption } from '../services/webhooks/secretEncryption.ts';
import {
  changeWebhookEndpoint,
  createWebhookEndpoint,
  deleteWebhookEndpoint,
  listWebhookEndpoints,
} from '../services/webhooks/webhookEndpoints.ts';
import { mostSigningSecrets } from '../services/webhooks/webhookSecrets.ts';
import { cursorOf, toPage } from './pages.ts';
import { notFound } from './problems.ts';
import { defineRoute, type Route } from './route.ts';
import { instant, json, limit, pageOf, reason, text, toInstant, toInstantOrNull, uuid } from './schemas.ts';
import { started, startedReply } from './startedWorkflow.ts';
import { startDeliverWebhooks } from './startWorkflow.ts';
import { callTemporal } from './temporalCalls.ts';

const eventType = z.enum(webhookEventTypes, { error: `expected one of ${webhookEventTypes.join(', ')}` });
const eventTypes = z
  .array(eventType)
  .min(1, 'expected at least one')
  .max(webhookEventTypes.length, `expected at most ${webhookEventTypes.length}`);
const url = text(2000).meta({
  description: 'https, to the name of a public host. What it stands for is looked at with each delivery.',
});
const mostOverlapHours = 168;
const overlapForm = `expected a whole number of hours from 0 to ${mostOverlapHours}`;
const secret = webhookSecret('expected whsec_ and base64').meta({
  description: 'Of 24 to 64 bytes; signs by Standard Webhooks. It is never shown.',
});
const overlapHours = z
  .int({ error: overlapForm })
  .min(0, overlapForm)
  .max(mostOverlapHours, overlapForm)
  .meta({
    description: `Where another secret is given: for how many hours earlier ones sign beside it. With 0 they end at once. At most ${mostSigningSecrets} sign at a time.`,
  });
const enabled = z.boolean({ error: 'expected true or false' });

const endpoint = z
  .strictObject({
    id: uuid,
    url: z.string(),
    event_types: z.array(eventType),
    enabled: z.boolean(),
    disabled_reason: z.enum(disabledReasons).nullable().meta({
      description:
        'Why it was disabled without anybody asking: nothing was taken for days, or it answered 410. Null otherwise.',
    }),
    failing_since: instant.nullable().meta({
      description: 'When the first try failed since one was taken; null where the last one was taken.',
    }),
    created_at: instant,
    created_by: z.string(),
    updated_at: instant,
    updated_by: z.string(),
  })
  .meta({ id: 'WebhookEndpoint' });

const delivery = z
  .strictObject({
    id: uuid,
    event_id: z.string().meta({ description: 'The `webhook-id`, the same with each try and redelivery.' }),
    event_type: eventType,
    endpoint_id: uuid,
    state: z.enum(deliveryStates),
    attempts: z.int(),
    last_status: z.int().nullable(),
    last_error: z.string().nullable(),
    next_attempt_at: instant.nullable().meta({ description: 'Null unless it is pending.' }),
    delivered_at: instant.nullable(),
    redelivery_of: uuid.nullable(),
    payload: json,
    created_at: instant,
  })
  .meta({ id: 'WebhookDelivery' });

const toEndpoint = (row: WebhookEndpoint): z.input<typeof endpoint> => ({
  id: row.id,
  url: row.url,
  event_types: row.eventTypes,
  enabled: row.enabled,
  disabled_reason: row.disabledReason ?? null,
  failing_since: toInstantOrNull(row.failingSince ?? null),
  created_at: toInstant(row.createdAt),
  created_by: row.createdBy,
  updated_at: toInstant(row.updatedAt),
  updated_by: row.updatedBy,
});

const toDelivery = (row: WebhookDelivery): z.input<typeof delivery> => ({
  id: row.id,
  event_id: row.eventId,
  event_type: row.eventType,
  endpoint_id: row.endpoint,
  state: row.state,
  attempts: row.attempts,
  last_status: row.lastStatus ?? null,
  last_error: row.lastError ?? null,
  next_attempt_at: row.state === 'pending' ? toInstant(row.nextAttemptAt) : null,
  delivered_at: toInstantOrNull(row.deliveredAt ?? null),
  redelivery_of: row.redeliveryOf ?? null,
  payload: row.payload,
  created_at: toInstant(row.createdAt),
});

const unknownEndpoint = { 404: 'No such endpoint.' };

export const webhookEndpointRoutes: readonly Route[] = [
  defineRoute({
    method: 'get',
    path: '/api/v1/webhook-endpoints',
    tag: 'Webhooks',
    summary: 'Who is told by webhook, of what.',
    roles: ['platform_admin', 'platform_viewer'],
    query: z.strictObject({ limit, cursor: cursorOf('webhook-endpoints', uuid) }),
    answer: { status: 200, description: 'A page of endpoints, by id.', schema: pageOf(endpoint) },
    async handle({ em, query }) {
      const rows = await listWebhookEndpoints(em, { after: query.cursor, limit: query.limit });
      return {
        status: 200,
        body: toPage('webhook-endpoints', rows, query.limit, ({ id }) => id, toEndpoint),
      };
    },
  }),
  defineRoute({
    method: 'post',
    path: '/api/v1/webhook-endpoints',
    tag: 'Webhooks',
    summary: 'Has somebody told by webhook of what happens from now on.',
    roles: ['platform_admin'],
    body: z.strictObject({
      url,
      secret,
      event_types: eventTypes.default([...webhookEventTypes]),
      enabled: enabled.default(true),
      reason: reason.optional(),
    }),
    answer: { status: 201, description: 'The endpoint.', schema: endpoint },
    problems: {
      409: 'There is no key to encrypt the secret with.',
      422: 'Invalid input; a URL that webhooks are not sent to.',
    },
    async handle({ em, api, caller, body, now, requestId }) {
      const row = await createWebhookEndpoint(
        em,
        { url: body.url, secret: body.secret, eventTypes: body.event_types, enabled: body.enabled },
        {
          actor: caller,
          now,
          reason: body.reason,
          requestId,
          allowLoopback: api.config.WEBHOOK_ALLOW_LOOPBACK,
          encryption: createSecretEncryption(api.config.ENCRYPTION_KEYS),
        },
      );
      return { status: 201, body: toEndpoint(row) };
    },
  }),
  defineRoute({
    method: 'patch',
    path: '/api/v1/webhook-endpoints/:id',
    tag: 'Webhooks',
    summary:
      'Changes where or of what an endpoint is told, or its secret. While it is disabled, what waits for it waits.',
    roles: ['platform_admin'],
    params: z.strictObject({ id: uuid }),
    body: z.strictObject({
      url: url.optional(),
      secret: secret.optional(),
      secret_overlap_hours: overlapHours.default(24),
      event_types: eventTypes.optional(),
      enabled: enabled.optional(),
      reason: reason.optional(),
    }),
    answer: { status: 200, description: 'The endpoint as it is now.', schema: endpoint },
    problems: {
      ...unknownEndpoint,
      409: 'There is no key to encrypt the secret with, or too many secrets sign already.',
      422: 'Invalid input; a URL that webhooks are not sent to.',
    },
    async handle({ em, api, caller, params, body, now, requestId }) {
      const row = await changeWebhookEndpoint(
        em,
        params.id,
        {
          url: body.url,
          secret: body.secret,
          secretOverlapHours: body.secret_overlap_hours,
          eventTypes: body.event_types,
          enabled: body.enabled,
        },
        {
          actor: caller,
          now,
          reason: body.reason,
          requestId,
          allowLoopback: api.config.WEBHOOK_ALLOW_LOOPBACK,
          encryption: createSecretEncryption(api.config.ENCRYPTION_KEYS),
        },
      );
      if (row === null) throw notFound('endpoint');
      return { status: 200, body: toEndpoint(row) };
    },
  }),
  defineRoute({
    method: 'delete',
    path: '/api/v1/webhook-endpoints/:id',
    tag: 'Webhooks',
    summary: 'Deletes an endpoint; what waits for it is given up.',
    roles: ['platform_admin'],
    params: z.strictObject({ id: uuid }),
    query: z.strictObject({ reason: reason.optional() }),
    answer: { status: 200, description: 'The endpoint, deleted.', schema: endpoint },
    problems: unknownEndpoint,
    async handle({ em, caller, params, query, now, requestId }) {
      const request = { actor: caller, now, reason: query.reason, requestId };
      const row = await deleteWebhookEndpoint(em, params.id, request);
      if (row === null) throw notFound('endpoint');
      return { status: 200, body: toEndpoint(row) };
    },
  }),
  defineRoute({
    method: 'get',
    path: '/api/v1/webhook-deliveries',
    tag: 'Webhooks',
    summary: 'Which webhooks were sent, wait or failed, the newest first.',
    roles: ['platform_admin', 'platform_viewer'],
    query: z.strictObject({
      state: z.enum(deliveryStates, { error: `expected one of ${deliveryStates.join(', ')}` }).optional(),
      endpoint_id: uuid.optional(),
      limit,
      cursor: cursorOf('webhook-deliveries', z.strictObject({ createdAt: z.iso.datetime(), id: uuid })),
    }),
    answer: { status: 200, description: 'A page of the log.', schema: pageOf(delivery) },
    async handle({ em, query }) {
      const filter = { state: query.state, endpointId: query.endpoint_id };
      const rows = await listDeliveries(em, filter, { after: query.cursor, limit: query.limit });
      const keyOf = (row: WebhookDelivery) => ({ createdAt: toInstant(row.createdAt), id: row.id });
      return { status: 200, body: toPage('webhook-deliveries', rows, query.limit, keyOf, toDelivery) };
    },
  }),
  defineRoute({
    method: 'post',
    path: '/api/v1/webhook-deliveries/:id/redeliver',
    tag: 'Webhooks',
    summary: 'Sends an event again, as a delivery of its own under the same event id.',
    roles: ['platform_admin'],
    params: z.strictObject({ id: uuid }),
    body: z.strictObject({ reason: reason.optional() }),
    answer: started,
    problems: {
      404: 'No such delivery.',
      409: 'It is still being tried, or its endpoint was deleted.',
      503: "Temporal can't be reached; it goes out within the hour all the same.",
    },
    async handle({ em, api, caller, params, body, now, requestId }) {
      const request = { actor: caller, now, reason: body.reason, requestId };
      const again = await redeliver(em, params.id, request);
      if (again === null) throw notFound('delivery');
      const started = await callTemporal(api, (client) => startDeliverWebhooks(client, again.endpoint));
      return startedReply(api.config, started);
    },
  }),
];
