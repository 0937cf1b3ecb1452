import type { EntityManager } from '@mikro-orm/postgresql';
import type { ResourceKind } from '../domain/resourceKind.ts';
import type { ProviderResource } from '../providers/provider.ts';
import { lockKind, markGone, writeLive } from './writeInventory.ts';

export interface ResourceReading {
  readonly provider: string;
  readonly kind: ResourceKind;
  readonly externalId: string;
  /** Null where the provider has none of that id. */
  readonly resource: ProviderResource | null;
  /** When the read began. */
  readonly readAt: Date;
}

/**
 * Takes one resource, as it was just read, into the inventory: added, changed or gone, with the same events as a listing. A listing
 * that began before the read never undoes it. A new one has its project with the next listing of projects.
 * @returns the resource's id; null where the inventory has never known it
 */
export function recordRead(em: EntityManager, reading: ResourceReading): Promise<string | null> {
  return em.transactional(async (transaction) => {
    const { provider, kind, externalId, resource, readAt } = reading;
    const sighting = { provider, kind, seenAt: readAt };
    await lockKind(transaction, provider, kind);
    if (resource === null) await markGone(transaction, sighting, externalId);
    else await writeLive(transaction, sighting, [resource]);
    const [row] = await transaction.execute<{ id: string }[]>(
      `select id from cloud_resources where provider = ? and kind = ? and external_id = ?`,
      [provider, kind, externalId],
    );
    return row?.id ?? null;
  });
}
