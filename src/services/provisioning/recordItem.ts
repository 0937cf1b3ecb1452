import type { EntityManager } from '@mikro-orm/postgresql';
import { ArcadiaError } from '../../domain/errors.ts';
import type { ProviderResource } from '../../providers/provider.ts';
import { systemSession } from '../../session.ts';
import { attachResource } from '../attachResource.ts';
import { detachResource } from '../detachResource.ts';
import { recordProvisioned, withdrawProvisioned } from '../drift/recordProvisioned.ts';
import { recordChange } from '../recordChange.ts';
import { recordRead } from '../recordRead.ts';
import { isInventoryKind, readItem, requireCreating, resolvedItem } from './provisionedItems.ts';
import type { ProvisioningRequest } from './provisioningRequest.ts';

/**
 * Takes an item that runs into the inventory, says what it is to be, and gives it to its deployment from its creation on. Recording it
 * again changes nothing.
 * @param seen as it was just read, and when that began
 */
export async function recordItem(
  em: EntityManager,
  itemId: string,
  seen: { readonly resource: ProviderResource; readonly readAt: Date },
  request: ProvisioningRequest,
): Promise<void> {
  await em.transactional(async (transaction) => {
    await requireCreating(transaction, itemId);
    const item = await readItem(transaction, itemId);
    const { resource, readAt } = seen;
    const { kind, externalId } = resource;
    const resourceId = await recordRead(transaction, {
      provider: item.provider,
      kind,
      externalId,
      resource,
      readAt,
    });
    if (resourceId === null) {
      throw new ArcadiaError('item_not_recorded', `${kind} ${externalId} did not get into the inventory`, {
        retryable: true,
      });
    }
    const { spec } = await resolvedItem(transaction, item);
    if (spec !== null) await recordProvisioned(transaction, { resourceId, spec }, request);
    const { now, reason } = request;
    const createdAt = resource.createdAt ?? now;
    // The provider's clock may be ahead of ours.
    const from = new Date(Math.min(createdAt.getTime(), now.getTime()));
    await attachResource(
      transaction,
      item.deploymentId,
      { resourceId, from },
      { actor: systemSession, now, reason },
    );
    await transaction.execute('update provisioned_items set resource_id = ? where id = ?', [
      resourceId,
      itemId,
    ]);
  });
}

/** An item that is there no more. */
export interface GoneItem {
  readonly itemId: string;
  /** All that was found of it, and the one that was recorded. */
  readonly externalIds: readonly string[];
  readonly readAt: Date;
  /**
   * From when on it does not count for the deployment: when it was destroyed, or null where it was only there because a run failed, and
   * never counts.
   */
  readonly detachedAt: Date | null;
}

/**
 * Says of an item that it is gone: in the inventory, in what drift expects, and in what belongs to the deployment; all at once, so that
 * no sweep meets a part of it.
 */
export async function recordItemGone(
  em: EntityManager,
  gone: GoneItem,
  request: ProvisioningRequest,
): Promise<void> {
  await em.transactional(async (transaction) => {
    const item = await readItem(transaction, gone.itemId);
    if (item.state === 'destroyed') return;
    const { provider, kind } = item;
    if (isInventoryKind(kind)) {
      for (const externalId of gone.externalIds) {
        const reading = { provider, kind, externalId, resource: null, readAt: gone.readAt };
        const resourceId = await recordRead(transaction, reading);
        if (resourceId === null) continue;
        await withdrawProvisioned(transaction, resourceId, request);
        await detach(transaction, item.deploymentId, resourceId, gone.detachedAt, request);
      }
    }
    await transaction.execute(
      `update provisioned_items set state = 'destroyed', destroyed_at = ? where id = ?`,
      [request.now, gone.itemId],
    );
    await recordChange(transaction, request, {
      action: 'provisioned_item.destroy',
      subjectId: gone.itemId,
      before: { state: item.state, external_id: item.externalId ?? null },
      after: { state: 'destroyed', found: [...gone.externalIds] },
    });
  });
}

async function detach(
  em: EntityManager,
  deploymentId: string,
  resourceId: string,
  detachedAt: Date | null,
  { now, reason }: ProvisioningRequest,
): Promise<void> {
  const to = detachedAt ?? (await firstMoment(em, deploymentId, resourceId));
  if (to === null) return;
  await detachResource(em, deploymentId, { resourceId, to }, { actor: systemSession, now, reason });
}

/** When the resource began to belong to the deployment; null where it never did. */
async function firstMoment(
  em: EntityManager,
  deploymentId: string,
  resourceId: string,
): Promise<Date | null> {
  const [row] = await em.execute<{ since: Date | null }[]>(
    'select min(starts_at) as since from cloud_resource_memberships where deployment_id = ? and resource_id = ?',
    [deploymentId, resourceId],
  );
  return row?.since == null ? null : new Date(row.since);
}

/**
 * An operator leaves an item standing that could not be destroyed: its resource stays as it is, in its deployment, and no run touches
 * it any more.
 */
export async function leaveItem(
  em: EntityManager,
  itemId: string,
  request: ProvisioningRequest,
): Promise<void> {
  await em.transactional(async (transaction) => {
    const item = await readItem(transaction, itemId);
    if (item.state === 'left' || item.state === 'destroyed') return;
    await transaction.execute(`update provisioned_items set state = 'left' where id = ?`, [itemId]);
    await recordChange(transaction, request, {
      action: 'provisioned_item.leave',
      subjectId: itemId,
      before: { state: item.state },
      after: { state: 'left', external_id: item.externalId ?? null },
    });
  });
}
