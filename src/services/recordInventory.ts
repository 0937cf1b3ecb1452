import type { EntityManager } from '@mikro-orm/postgresql';
import type { ResourceKind } from '../domain/resourceKind.ts';
import type { ProviderResource } from '../providers/provider.ts';
import { applyProjects } from './applyProjects.ts';
import { lockKind, markGone, writeLive } from './writeInventory.ts';

export interface InventoryListing {
  readonly provider: string;
  readonly kind: ResourceKind;
  /** When the listing began; every change that it shows is dated so. */
  readonly listedAt: Date;
  /** All live resources of the kind: a partial listing never comes here. */
  readonly resources: readonly ProviderResource[];
}

export interface InventoryChange {
  readonly live: number;
  readonly discovered: number;
  readonly changed: number;
  readonly gone: number;
}

/** The live resources of a kind that a listing lacks: listed again before anybody takes them as gone. */
export async function missingFromListing(
  em: EntityManager,
  listing: {
    readonly provider: string;
    readonly kind: ResourceKind;
    readonly externalIds: readonly string[];
  },
): Promise<string[]> {
  const rows = await em.execute<{ external_id: string }[]>(
    `select external_id from cloud_resources
     where provider = ? and kind = ? and gone_at is null
       and external_id not in (select jsonb_array_elements_text(?::jsonb))`,
    [listing.provider, listing.kind, JSON.stringify(listing.externalIds)],
  );
  return rows.map((row) => row.external_id);
}

/**
 * Takes a whole listing of one kind into the inventory, in sets, in one transaction: new resources are added, changed ones updated
 * with an event that says what changed, absent ones kept with `gone_at`, earlier names kept with their time. The kind is fresh then.
 * Recording the same listing again changes nothing. What was read by itself after the listing began stays as it was read.
 */
export async function recordInventory(
  em: EntityManager,
  listing: InventoryListing,
): Promise<InventoryChange> {
  return em.transactional(async (transaction) => {
    const { provider, kind, listedAt, resources } = listing;
    const sighting = { provider, kind, seenAt: listedAt };
    await lockKind(transaction, provider, kind);
    const counts = await writeLive(transaction, sighting, resources);
    const gone = await markGone(transaction, sighting);
    await applyProjects(transaction, provider, listedAt);
    await transaction.execute(
      `insert into cloud_inventory_listings (provider, kind, state, attempted_at, complete_at, live)
       values (?, ?, 'fresh', ?, ?, ?)
       on conflict (provider, kind) do update set state = 'fresh', attempted_at = excluded.attempted_at,
         complete_at = excluded.complete_at, live = excluded.live, error_code = null, error_message = null`,
      [provider, kind, listedAt, listedAt, resources.length],
    );
    return { live: resources.length, ...counts, gone };
  });
}

/** Marks a kind as unknown: its listing failed or came partial, so nothing is known to be gone. */
export async function recordUnknownKind(
  em: EntityManager,
  failure: {
    readonly provider: string;
    readonly kind: string;
    readonly attemptedAt: Date;
    readonly code: string;
    readonly message: string;
  },
): Promise<void> {
  await em.execute(
    `insert into cloud_inventory_listings (provider, kind, state, attempted_at, error_code, error_message)
     values (?, ?, 'unknown', ?, ?, ?)
     on conflict (provider, kind) do update set state = 'unknown', attempted_at = excluded.attempted_at,
       error_code = excluded.error_code, error_message = excluded.error_message`,
    [failure.provider, failure.kind, failure.attemptedAt, failure.code, failure.message],
  );
}
