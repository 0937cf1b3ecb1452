import type { EntityManager } from '@mikro-orm/postgresql';
import { disablesEndpoint } from '../../domain/webhookFailures.ts';
import { nextDeliveryDelay } from '../../domain/webhookRetries.ts';
import type { DisabledReason } from '../../entities/webhookEndpoint.ts';
import { systemSession } from '../../session.ts';
import { recordChange } from '../recordChange.ts';

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

/** What the tries of one endpoint came to. */
export interface RecordedDeliveries {
  readonly delivered: number;
  /** Tried again later. */
  readonly postponed: number;
  /** Given up. */
  readonly failed: number;
  /** Why the endpoint was disabled for it; null where it was not. */
  readonly disabled: DisabledReason | null;
}

/**
 * Writes down what the tries of one endpoint came to: taken, to be tried again later, or failed; and since when it takes nothing. One that
 * has taken nothing for days, or says that it is gone, is disabled, which is audited: what waits for it waits until it is enabled again.
 */
export function recordDeliveries(
  em: EntityManager,
  endpointId: string,
  outcomes: readonly DeliveryOutcome[],
  { now, disableAfterDays, workflowId }: RecordingOptions,
): Promise<RecordedDeliveries> {
  const rows = outcomes.map(({ id, attempts, status, error, retryable }) => {
    const delay = error === null || !retryable ? null : nextDeliveryDelay(attempts);
    const state = error === null ? 'delivered' : delay === null ? 'failed' : 'pending';
    const next = delay === null ? null : new Date(now.getTime() + delay * 1000).toISOString();
    return { id, status, error, state, next };
  });
  const count = (wanted: string) => rows.filter(({ state }) => state === wanted).length;
  const [delivered, postponed, failed] = [count('delivered'), count('pending'), count('failed')];
  if (rows.length === 0) return Promise.resolve({ delivered, postponed, failed, disabled: null });
  return em.transactional(async (transaction) => {
    const [endpoint] = await transaction.execute<{ enabled: boolean; failingSince: Date }[]>(
      `update webhook_endpoints set failing_since = case when ? then null else coalesce(failing_since, ?) end
       where id = ? returning enabled, coalesce(failing_since, ?) as "failingSince"`,
      [delivered > 0, now, endpointId, now],
    );
    await transaction.execute(
      `update webhook_deliveries delivery set state = said.state, last_status = said.status, last_error = said.error,
         next_attempt_at = coalesce(said.next, delivery.next_attempt_at),
         delivered_at = case when said.state = 'delivered' then ?::timestamptz end
       from jsonb_to_recordset(?::jsonb) as said (id uuid, status int, error text, state text, next timestamptz)
       where delivery.id = said.id and delivery.state = 'pending'`,
      [now, JSON.stringify(rows)],
    );
    const reason = disablesEndpoint({
      delivered,
      failed,
      isGone: rows.some(({ status }) => status === 410),
      failingForMs: endpoint === undefined ? 0 : now.getTime() - new Date(endpoint.failingSince).getTime(),
      disableAfterDays,
    });
    if (reason === null || endpoint?.enabled !== true)
      return { delivered, postponed, failed, disabled: null };
    await transaction.execute(
      `update webhook_endpoints set enabled = false, disabled_reason = ?, updated_at = ?, updated_by = ? where id = ?`,
      [reason, now, systemSession.subject, endpointId],
    );
    const why =
      reason === 'gone'
        ? 'it answered 410: it is gone'
        : `it has taken nothing since ${new Date(endpoint.failingSince).toISOString()}`;
    await recordChange(
      transaction,
      { actor: systemSession, now, reason: why, workflowId },
      {
        action: 'webhook_endpoint.disable',
        subjectId: endpointId,
        before: { enabled: true },
        after: { enabled: false, disabled_reason: reason },
      },
    );
    return { delivered, postponed, failed, disabled: reason };
  });
}
interface RecordingOptions {
  readonly now: Date;
  readonly disableAfterDays: number;
  readonly workflowId?: string | undefined;
}
