import type { EntityManager } from '@mikro-orm/postgresql';
import type { JsonValue } from '../../domain/errors.ts';
import { nextDeliveryDelay } from '../../domain/webhookRetries.ts';

/** A delivery that is due, with where it goes and what signs it. */
export interface DueDelivery {
  readonly id: string;
  readonly eventId: string;
  readonly url: string;
  readonly secret: string;
  readonly payload: { readonly [key: string]: JsonValue };
  /** This one included. */
  readonly attempts: number;
}

/** What a try came to. */
export interface DeliveryOutcome {
  readonly id: string;
  readonly attempts: number;
  /** The status that the other side answered; null where it did not. */
  readonly status: number | null;
  /** Null where it was taken. */
  readonly error: string | null;
  /** Whether another try may do. */
  readonly retryable: boolean;
}

/** What is to be sent now, longest waiting first, each counted as tried. That of a disabled endpoint waits until it is enabled. */
export async function takeDueDeliveries(
  em: EntityManager,
  { now, limit }: { readonly now: Date; readonly limit: number },
): Promise<DueDelivery[]> {
  return em.execute<DueDelivery[]>(
    `with taken as (
       update webhook_deliveries set attempts = attempts + 1
       where id in (
         select delivery.id from webhook_deliveries delivery
         join webhook_endpoints endpoint on endpoint.id = delivery.endpoint_id
         where delivery.state = 'pending' and delivery.next_attempt_at <= ? and endpoint.enabled
         order by delivery.next_attempt_at, delivery.id limit ?
         for update of delivery skip locked
       )
       returning id, event_id, endpoint_id, payload, attempts, next_attempt_at
     )
     select taken.id, taken.event_id as "eventId", endpoint.url, endpoint.secret, taken.payload, taken.attempts
     from taken join webhook_endpoints endpoint on endpoint.id = taken.endpoint_id
     order by taken.next_attempt_at, taken.id`,
    [now, limit],
  );
}

/** Writes down what tries came to: taken, to be tried again later, or failed. */
export async function recordDeliveries(
  em: EntityManager,
  outcomes: readonly DeliveryOutcome[],
  now: Date,
): Promise<{ readonly delivered: number; readonly postponed: number; readonly failed: number }> {
  const rows = outcomes.map(({ id, attempts, status, error, retryable }) => {
    const delay = error === null || !retryable ? null : nextDeliveryDelay(attempts);
    const state = error === null ? 'delivered' : delay === null ? 'failed' : 'pending';
    const next = delay === null ? null : new Date(now.getTime() + delay * 1000).toISOString();
    return { id, status, error, state, next };
  });
  await em.execute(
    `update webhook_deliveries delivery set state = said.state, last_status = said.status, last_error = said.error,
       next_attempt_at = coalesce(said.next, delivery.next_attempt_at),
       delivered_at = case when said.state = 'delivered' then ?::timestamptz end
     from jsonb_to_recordset(?::jsonb) as said (id uuid, status int, error text, state text, next timestamptz)
     where delivery.id = said.id and delivery.state = 'pending'`,
    [now, JSON.stringify(rows)],
  );
  const count = (wanted: string) => rows.filter(({ state }) => state === wanted).length;
  return { delivered: count('delivered'), postponed: count('pending'), failed: count('failed') };
}

/** When the next one that waits is due; null where none waits. */
export async function nextDelivery(em: EntityManager): Promise<Date | null> {
  const [row] = await em.execute<{ next: Date | null }[]>(
    `select min(delivery.next_attempt_at) as next from webhook_deliveries delivery
     join webhook_endpoints endpoint on endpoint.id = delivery.endpoint_id
     where delivery.state = 'pending' and endpoint.enabled`,
  );
  return row?.next == null ? null : new Date(row.next);
}
