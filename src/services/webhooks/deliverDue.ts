import type { EntityManager } from '@mikro-orm/postgresql';
import type { WebhookClient } from '../../integrations/webhookClient.ts';
import { nextDelivery, takeDueDeliveries } from './dueDeliveries.ts';
import { type RecordedDeliveries, recordDeliveries } from './recordDeliveries.ts';
import type { SecretEncryption } from './secretEncryption.ts';
import { signingSecrets } from './webhookSecrets.ts';

/** How webhooks are sent. */
export interface WebhookSending {
  readonly client: WebhookClient;
  readonly encryption: SecretEncryption;
  readonly clock: () => Date;
  /** After how many days in which an endpoint takes nothing it is disabled. */
  readonly disableAfterDays: number;
  readonly signal?: AbortSignal | undefined;
  readonly workflowId?: string | undefined;
}

/** How many are sent to an endpoint at a time, side by side. */
const batchSize = 25;

/**
 * Sends an endpoint what is due, a batch of it, and writes down what became of each. Where this is cut short, those that were not written
 * down are sent again, under the same event id. Nothing is counted as tried that can't be signed.
 * @throws ArcadiaError `encryption_key_unknown`, `secret_unreadable`
 */
export async function deliverDue(
  em: EntityManager,
  endpointId: string,
  { client, encryption, clock, disableAfterDays, signal, workflowId }: WebhookSending,
): Promise<RecordedDeliveries & { readonly next: Date | null }> {
  const [endpoint] = await em.execute<{ id: string; url: string; secret: string | null }[]>(
    'select id, url, secret from webhook_endpoints where id = ? and enabled',
    [endpointId],
  );
  if (endpoint === undefined) return { delivered: 0, postponed: 0, failed: 0, disabled: null, next: null };
  const secrets = await signingSecrets(em, endpoint, { encryption, now: clock() });
  const due = await takeDueDeliveries(em, endpointId, { now: clock(), limit: batchSize });
  const outcomes = await Promise.all(
    due.map(async ({ id, attempts, eventId, payload }) => ({
      id,
      attempts,
      ...(await client.send({ eventId, payload, url: endpoint.url, secrets }, signal)),
    })),
  );
  const now = clock();
  const recorded = await recordDeliveries(em, endpointId, outcomes, { now, disableAfterDays, workflowId });
  return { ...recorded, next: await nextDelivery(em, endpointId) };
}
