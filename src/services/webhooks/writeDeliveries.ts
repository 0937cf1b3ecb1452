import { randomUUID } from 'node:crypto';
import type { EntityManager } from '@mikro-orm/postgresql';
import type { JsonValue } from '../../domain/errors.ts';
import type { WebhookEventType } from '../../entities/webhookEndpoint.ts';

/** Something that happened, as endpoints are told of it. */
export interface WebhookEvent {
  readonly type: WebhookEventType;
  readonly data: { readonly [key: string]: JsonValue };
}

/**
 * Writes a delivery of each event to every endpoint that wants its type, in the transaction of `em`: what is committed is told, and what
 * is rolled back is not.
 */
export async function writeDeliveries(
  em: EntityManager,
  events: readonly WebhookEvent[],
  now: Date,
): Promise<void> {
  if (events.length === 0) return;
  const rows = events.map(({ type, data }) => ({
    event_id: `evt_${randomUUID()}`,
    event_type: type,
    payload: { type, timestamp: now.toISOString(), data },
  }));
  await em.execute(
    `insert into webhook_deliveries (event_id, event_type, endpoint_id, payload, next_attempt_at, created_at)
     select event.event_id, event.event_type, endpoint.id, event.payload, ?, ?
     from jsonb_to_recordset(?::jsonb) as event (event_id text, event_type text, payload jsonb)
     join webhook_endpoints endpoint on endpoint.event_types @> to_jsonb(event.event_type)
     where endpoint.enabled and endpoint.deleted_at is null`,
    [now, now, JSON.stringify(rows)],
  );
}
