import type { EntityManager } from '@mikro-orm/postgresql';
import type { JsonValue } from '../../domain/errors.ts';

/** A delivery that is due. */
export interface DueDelivery {
  readonly id: string;
  readonly eventId: string;
  readonly payload: { readonly [key: string]: JsonValue };
  /** This one included. */
  readonly attempts: number;
}

/** An endpoint for which something waits. */
export interface WaitingEndpoint {
  readonly endpointId: string;
  /** Where it is, for whoever looks on: the host of its URL. */
  readonly host: string;
}

/** The enabled endpoints for which something waits, the longest waiting first. That of a disabled one waits until it is enabled. */
export async function waitingEndpoints(em: EntityManager, limit: number): Promise<WaitingEndpoint[]> {
  const rows = await em.execute<{ id: string; url: string }[]>(
    `select endpoint.id, endpoint.url from webhook_endpoints endpoint
     join lateral (
       select delivery.next_attempt_at from webhook_deliveries delivery
       where delivery.endpoint_id = endpoint.id and delivery.state = 'pending' order by delivery.next_attempt_at limit 1
     ) first on true
     where endpoint.enabled order by first.next_attempt_at, endpoint.id limit ?`,
    [limit],
  );
  return rows.map(({ id, url }) => ({ endpointId: id, host: new URL(url).host }));
}

/** What is to be sent to an endpoint now, the longest waiting first, each counted as tried. */
export function takeDueDeliveries(
  em: EntityManager,
  endpointId: string,
  { now, limit }: { readonly now: Date; readonly limit: number },
): Promise<DueDelivery[]> {
  return em.execute<DueDelivery[]>(
    `with taken as (
       update webhook_deliveries set attempts = attempts + 1
       where id in (
         select delivery.id from webhook_deliveries delivery
         join webhook_endpoints endpoint on endpoint.id = delivery.endpoint_id
         where delivery.endpoint_id = ? and delivery.state = 'pending' and delivery.next_attempt_at <= ? and endpoint.enabled
         order by delivery.next_attempt_at, delivery.id limit ?
         for update of delivery skip locked
       )
       returning id, event_id, payload, attempts, next_attempt_at
     )
     select id, event_id as "eventId", payload, attempts from taken order by next_attempt_at, id`,
    [endpointId, now, limit],
  );
}

/** When the next one that waits for an endpoint is due; null where none waits. */
export async function nextDelivery(em: EntityManager, endpointId: string): Promise<Date | null> {
  const [row] = await em.execute<{ next: Date | null }[]>(
    `select min(delivery.next_attempt_at) as next from webhook_deliveries delivery
     join webhook_endpoints endpoint on endpoint.id = delivery.endpoint_id
     where delivery.endpoint_id = ? and delivery.state = 'pending' and endpoint.enabled`,
    [endpointId],
  );
  return row?.next == null ? null : new Date(row.next);
}
