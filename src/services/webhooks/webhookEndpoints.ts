import { randomUUID } from 'node:crypto';
import { LockMode } from '@mikro-orm/core';
import type { EntityManager } from '@mikro-orm/postgresql';
import { type JsonValue, Unprocessable } from '../../domain/errors.ts';
import { webhookUrlFault } from '../../domain/webhookUrl.ts';
import {
  type DisabledReason,
  WebhookEndpoint,
  type WebhookEventType,
} from '../../entities/webhookEndpoint.ts';
import type { KeysetPage } from '../listInventory.ts';
import { type ChangeRequest, recordChange } from '../recordChange.ts';
import type { SecretEncryption } from './secretEncryption.ts';
import { encryptPlainSecret, endSecrets, replaceSecret } from './webhookSecrets.ts';

const hourMs = 3_600_000;

/** What of an endpoint can be said. */
export interface WantedEndpoint {
  readonly url: string;
  /** `whsec_…` */
  readonly secret: string;
  readonly eventTypes: readonly WebhookEventType[];
  readonly enabled: boolean;
}

/** Who changes an endpoint, and by which settings. */
export interface EndpointRequest extends ChangeRequest {
  /** Whether this machine may be one. */
  readonly allowLoopback: boolean;
  readonly encryption: SecretEncryption;
}

/** @throws Unprocessable `webhook_url_refused` @throws Conflict `encryption_key_missing` */
export function createWebhookEndpoint(
  em: EntityManager,
  wanted: WantedEndpoint,
  request: EndpointRequest,
): Promise<WebhookEndpoint> {
  refuseUrl(wanted.url, request.allowLoopback);
  return em.transactional(async (transaction) => {
    const endpoint = transaction.create(WebhookEndpoint, {
      id: randomUUID(),
      url: wanted.url,
      secret: null,
      eventTypes: [...wanted.eventTypes],
      enabled: wanted.enabled,
      failingSince: null,
      disabledReason: null,
      createdAt: request.now,
      createdBy: request.actor.subject,
      updatedAt: request.now,
      updatedBy: request.actor.subject,
      deletedAt: null,
    });
    await transaction.flush();
    await replaceSecret(transaction, endpoint.id, wanted.secret, {
      ...request,
      earlierExpireAt: request.now,
    });
    await recordChange(transaction, request, {
      action: 'webhook_endpoint.create',
      subjectId: endpoint.id,
      after: contentOf(endpoint),
    });
    return endpoint;
  });
}

/** What of an endpoint is changed, where it is given. */
export type EndpointChanges = { readonly [Key in keyof WantedEndpoint]?: WantedEndpoint[Key] | undefined } & {
  /** For how many hours earlier secrets sign beside another one; none unless given. */
  readonly secretOverlapHours?: number | undefined;
};

/**
 * Changes what is given. Another secret signs from the next try on, the one before beside it for as long as is wanted. One that is enabled
 * begins anew: what it failed to take before counts no more.
 * @returns null where there is none
 * @throws Unprocessable `webhook_url_refused`
 * @throws Conflict `encryption_key_missing`, `too_many_webhook_secrets`
 */
export function changeWebhookEndpoint(
  em: EntityManager,
  id: string,
  changes: EndpointChanges,
  request: EndpointRequest,
): Promise<WebhookEndpoint | null> {
  if (changes.url !== undefined) refuseUrl(changes.url, request.allowLoopback);
  return em.transactional(async (transaction) => {
    const endpoint = await locked(transaction, id);
    if (endpoint === null) return null;
    const before = contentOf(endpoint);
    endpoint.url = changes.url ?? endpoint.url;
    endpoint.eventTypes = changes.eventTypes === undefined ? endpoint.eventTypes : [...changes.eventTypes];
    if (changes.enabled !== undefined) {
      if (changes.enabled && !endpoint.enabled) endpoint.failingSince = null;
      endpoint.disabledReason = null;
      endpoint.enabled = changes.enabled;
    }
    endpoint.updatedAt = request.now;
    endpoint.updatedBy = request.actor.subject;
    await transaction.flush();
    const earlierExpireAt = new Date(request.now.getTime() + (changes.secretOverlapHours ?? 0) * hourMs);
    if (changes.secret !== undefined) {
      await encryptPlainSecret(transaction, id, request);
      await replaceSecret(transaction, id, changes.secret, { ...request, earlierExpireAt });
    }
    const after = {
      ...contentOf(endpoint),
      secret_changed: changes.secret !== undefined,
      ...(changes.secret === undefined ? {} : { earlier_secrets_expire_at: earlierExpireAt.toISOString() }),
    };
    await recordChange(transaction, request, {
      action: 'webhook_endpoint.change',
      subjectId: endpoint.id,
      before,
      after,
    });
    return endpoint;
  });
}

/** Deletes an endpoint and its secrets: what waits for it is given up; the log of what it was told stays. @returns null where there is none */
export function deleteWebhookEndpoint(
  em: EntityManager,
  id: string,
  request: ChangeRequest,
): Promise<WebhookEndpoint | null> {
  return em.transactional(async (transaction) => {
    const endpoint = await locked(transaction, id);
    if (endpoint === null) return null;
    endpoint.enabled = false;
    endpoint.deletedAt = request.now;
    endpoint.updatedAt = request.now;
    endpoint.updatedBy = request.actor.subject;
    await transaction.flush();
    await endSecrets(transaction, id);
    await transaction.execute(
      `update webhook_deliveries set state = 'failed', last_error = 'the endpoint was deleted'
       where endpoint_id = ? and state = 'pending'`,
      [id],
    );
    await recordChange(transaction, request, {
      action: 'webhook_endpoint.delete',
      subjectId: endpoint.id,
      before: contentOf(endpoint),
    });
    return endpoint;
  });
}

/** Endpoints by id, but for deleted ones. */
export function listWebhookEndpoints(
  em: EntityManager,
  page: KeysetPage<string>,
): Promise<WebhookEndpoint[]> {
  return em.find(
    WebhookEndpoint,
    { deletedAt: null, ...(page.after === undefined ? {} : { id: { $gt: page.after } }) },
    { orderBy: { id: 'asc' }, limit: page.limit + 1 },
  );
}

/** Endpoints that were disabled without anybody asking, by id. */
export async function disabledEndpoints(
  em: EntityManager,
): Promise<{ readonly id: string; readonly host: string; readonly reason: DisabledReason }[]> {
  const rows = await em.execute<{ id: string; url: string; reason: DisabledReason }[]>(
    `select id, url, disabled_reason as reason from webhook_endpoints
     where disabled_reason is not null and deleted_at is null order by id`,
  );
  return rows.map(({ id, url, reason }) => ({ id, host: new URL(url).host, reason }));
}

function refuseUrl(url: string, allowLoopback: boolean): void {
  const fault = webhookUrlFault(url, allowLoopback);
  if (fault !== null) throw new Unprocessable('webhook_url_refused', `url: ${fault}`, { field: 'url' });
}

const locked = (em: EntityManager, id: string) =>
  em.findOne(WebhookEndpoint, { id, deletedAt: null }, { lockMode: LockMode.PESSIMISTIC_WRITE });

/** All but the secret. */
const contentOf = (endpoint: WebhookEndpoint): { [column: string]: JsonValue } => ({
  url: endpoint.url,
  event_types: endpoint.eventTypes,
  enabled: endpoint.enabled,
  ...(endpoint.disabledReason == null ? {} : { disabled_reason: endpoint.disabledReason }),
});
