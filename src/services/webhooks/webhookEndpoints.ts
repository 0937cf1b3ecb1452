import { randomUUID } from 'node:crypto';
import { LockMode } from '@mikro-orm/core';
import type { EntityManager } from '@mikro-orm/postgresql';
import { type JsonValue, Unprocessable } from '../../domain/errors.ts';
import { webhookUrlFault } from '../../domain/webhookUrl.ts';
import { WebhookEndpoint, type WebhookEventType } from '../../entities/webhookEndpoint.ts';
import type { Session } from '../../session.ts';
import type { KeysetPage } from '../listInventory.ts';
import { recordAudit } from '../recordAudit.ts';

export interface WebhookRequest {
  readonly actor: Session;
  readonly now: Date;
  readonly reason?: string | undefined;
  readonly requestId?: string | undefined;
}

/** What of an endpoint can be said. */
export interface WantedEndpoint {
  readonly url: string;
  /** `whsec_…` */
  readonly secret: string;
  readonly eventTypes: readonly WebhookEventType[];
  readonly enabled: boolean;
}

/** @param allowLoopback whether this machine may be one @throws Unprocessable `webhook_url_refused` */
export function createWebhookEndpoint(
  em: EntityManager,
  wanted: WantedEndpoint,
  request: WebhookRequest & { readonly allowLoopback: boolean },
): Promise<WebhookEndpoint> {
  refuseUrl(wanted.url, request.allowLoopback);
  return em.transactional(async (transaction) => {
    const endpoint = transaction.create(WebhookEndpoint, {
      id: randomUUID(),
      url: wanted.url,
      secret: wanted.secret,
      eventTypes: [...wanted.eventTypes],
      enabled: wanted.enabled,
      createdAt: request.now,
      createdBy: request.actor.subject,
      updatedAt: request.now,
      updatedBy: request.actor.subject,
      deletedAt: null,
    });
    await transaction.flush();
    await audit(transaction, endpoint, 'create', request, { after: contentOf(endpoint) });
    return endpoint;
  });
}

/** Changes what is given; another secret signs from the next try on. @returns null where there is none @throws Unprocessable `webhook_url_refused` */
export function changeWebhookEndpoint(
  em: EntityManager,
  id: string,
  changes: { readonly [Key in keyof WantedEndpoint]?: WantedEndpoint[Key] | undefined },
  request: WebhookRequest & { readonly allowLoopback: boolean },
): Promise<WebhookEndpoint | null> {
  if (changes.url !== undefined) refuseUrl(changes.url, request.allowLoopback);
  return em.transactional(async (transaction) => {
    const endpoint = await locked(transaction, id);
    if (endpoint === null) return null;
    const before = contentOf(endpoint);
    endpoint.url = changes.url ?? endpoint.url;
    endpoint.secret = changes.secret ?? endpoint.secret;
    endpoint.eventTypes = changes.eventTypes === undefined ? endpoint.eventTypes : [...changes.eventTypes];
    endpoint.enabled = changes.enabled ?? endpoint.enabled;
    endpoint.updatedAt = request.now;
    endpoint.updatedBy = request.actor.subject;
    await transaction.flush();
    const after = { ...contentOf(endpoint), secret_changed: changes.secret !== undefined };
    await audit(transaction, endpoint, 'change', request, { before, after });
    return endpoint;
  });
}

/** Deletes an endpoint: what waits for it is given up; the log of what it was told stays. @returns null where there is none */
export function deleteWebhookEndpoint(
  em: EntityManager,
  id: string,
  request: WebhookRequest,
): Promise<WebhookEndpoint | null> {
  return em.transactional(async (transaction) => {
    const endpoint = await locked(transaction, id);
    if (endpoint === null) return null;
    endpoint.enabled = false;
    endpoint.deletedAt = request.now;
    endpoint.updatedAt = request.now;
    endpoint.updatedBy = request.actor.subject;
    await transaction.flush();
    await transaction.execute(
      `update webhook_deliveries set state = 'failed', last_error = 'the endpoint was deleted'
       where endpoint_id = ? and state = 'pending'`,
      [id],
    );
    await audit(transaction, endpoint, 'delete', request, { before: contentOf(endpoint) });
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
});

const audit = (
  em: EntityManager,
  { id }: WebhookEndpoint,
  verb: 'create' | 'change' | 'delete',
  { actor, now, reason, requestId }: WebhookRequest,
  content: { readonly before?: JsonValue; readonly after?: JsonValue },
) =>
  recordAudit(em, actor, {
    occurredAt: now,
    action: `webhook_endpoint.${verb}`,
    subjectType: 'webhook_endpoint',
    subjectId: id,
    ...(reason === undefined ? {} : { reason }),
    ...(requestId === undefined ? {} : { requestId }),
    ...content,
  });
