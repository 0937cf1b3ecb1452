import type { EntityManager } from '@mikro-orm/postgresql';
import { Conflict } from '../../domain/errors.ts';
import { type DeliveryState, WebhookDelivery } from '../../entities/webhookDelivery.ts';
import { WebhookEndpoint } from '../../entities/webhookEndpoint.ts';
import type { KeysetPage } from '../listInventory.ts';
import { type ChangeRequest, recordChange } from '../recordChange.ts';

/** Where a page of the log ends. */
export interface DeliveryKey {
  readonly createdAt: string;
  readonly id: string;
}

/** Deliveries, the newest first. */
export function listDeliveries(
  em: EntityManager,
  filter: { readonly state?: DeliveryState | undefined; readonly endpointId?: string | undefined },
  page: KeysetPage<DeliveryKey>,
): Promise<WebhookDelivery[]> {
  const after = page.after && { createdAt: new Date(page.after.createdAt), id: page.after.id };
  return em.find(
    WebhookDelivery,
    {
      ...(filter.state === undefined ? {} : { state: filter.state }),
      ...(filter.endpointId === undefined ? {} : { endpoint: filter.endpointId }),
      ...(after === undefined
        ? {}
        : {
            $or: [
              { createdAt: { $lt: after.createdAt } },
              { createdAt: after.createdAt, id: { $lt: after.id } },
            ],
          }),
    },
    { orderBy: { createdAt: 'desc', id: 'desc' }, limit: page.limit + 1 },
  );
}

/**
 * Has an event sent again to the endpoint that it went to, as a delivery of its own under the same event id.
 * @returns null where there is no such delivery
 * @throws Conflict `delivery_pending` where it is still being tried, `webhook_endpoint_deleted`
 */
export function redeliver(
  em: EntityManager,
  id: string,
  request: ChangeRequest,
): Promise<{ readonly delivery: WebhookDelivery; readonly endpoint: WebhookEndpoint } | null> {
  return em.transactional(async (transaction) => {
    const delivery = await transaction.findOne(WebhookDelivery, { id });
    if (delivery === null) return null;
    if (delivery.state === 'pending') {
      throw new Conflict(
        'delivery_pending',
        `this delivery is still being tried, next at ${delivery.nextAttemptAt.toISOString()}`,
      );
    }
    const endpoint = await transaction.findOneOrFail(WebhookEndpoint, { id: delivery.endpoint });
    if (endpoint.deletedAt != null) {
      throw new Conflict('webhook_endpoint_deleted', `the endpoint ${endpoint.id} was deleted`);
    }
    const again = transaction.create(WebhookDelivery, {
      eventId: delivery.eventId,
      eventType: delivery.eventType,
      endpoint: delivery.endpoint,
      payload: delivery.payload,
      nextAttemptAt: request.now,
      createdAt: request.now,
      redeliveryOf: delivery.id,
    });
    await transaction.flush();
    await recordChange(transaction, request, {
      action: 'webhook_delivery.redeliver',
      subjectId: delivery.id,
      after: { delivery_id: again.id },
    });
    return { delivery: again, endpoint };
  });
}
