import type { EntityManager } from '@mikro-orm/postgresql';
import type { ResourceKind } from '../../domain/resourceKind.ts';
import type { KindPage } from './sweepReads.ts';

/** Why nothing can be concluded from what the inventory holds of a kind. */
export interface UnknownKind {
  readonly code: string;
  readonly message: string;
}

/** The inventory that a kind is swept by, when its listing began, or why there is none to go by. */
export type Freshness =
  | { readonly inventoryAt: Date; readonly unknown: null }
  | { readonly inventoryAt: Date | null; readonly unknown: UnknownKind };

/** Whether the last listing of a kind was whole and is not too old. */
export function freshness(
  listing: KindPage['listing'],
  {
    kind,
    now,
    maxAgeMinutes,
  }: { readonly kind: ResourceKind; readonly now: Date; readonly maxAgeMinutes: number },
): Freshness {
  const inventoryAt = listing?.completeAt ?? null;
  if (listing === null) {
    const message = `${kind} was never listed: its inventory sync has not run yet`;
    return { inventoryAt, unknown: { code: 'never_listed', message } };
  }
  if (listing.state === 'unknown' || inventoryAt === null) {
    const code = listing.errorCode ?? 'listing_failed';
    return {
      inventoryAt,
      unknown: { code, message: listing.errorMessage ?? `the listing of ${kind} failed` },
    };
  }
  if (now.getTime() - inventoryAt.getTime() <= maxAgeMinutes * 60_000) return { inventoryAt, unknown: null };
  const message = `the last whole listing of ${kind} began at ${inventoryAt.toISOString()}, more than ${maxAgeMinutes} minutes before`;
  return { inventoryAt, unknown: { code: 'inventory_stale', message } };
}

interface SweptKind {
  readonly provider: string;
  readonly kind: ResourceKind;
  readonly now: Date;
  readonly inventoryAt: Date | null;
}

/** Says that a kind was not swept, and why. What the last sweep of it said stays. */
export async function recordUnsweptKind(
  em: EntityManager,
  { provider, kind, now, inventoryAt, code, message }: SweptKind & UnknownKind,
): Promise<void> {
  await em.execute(
    `insert into cloud_drift_kinds (provider, kind, state, problem_code, problem_message, inventory_at, attempted_at)
     values (?, ?, 'unknown', ?, ?, ?, ?)
     on conflict (provider, kind) do update set state = 'unknown', problem_code = excluded.problem_code,
       problem_message = excluded.problem_message, inventory_at = excluded.inventory_at, attempted_at = excluded.attempted_at`,
    [provider, kind, code, message, inventoryAt, now],
  );
}

/** Says that a kind was swept to its end, how many resources of it live, and how many of its differences are open. */
export async function recordSweptKind(
  em: EntityManager,
  { provider, kind, now, inventoryAt }: SweptKind,
): Promise<void> {
  await em.execute(
    `insert into cloud_drift_kinds (provider, kind, state, inventory_at, swept_at, attempted_at, resources, open)
     select ?, ?, 'swept', ?, ?, ?,
       (select count(*) from cloud_resources where provider = ? and kind = ? and gone_at is null),
       (select count(*) from cloud_drift where provider = ? and kind = ? and state = 'open')
     on conflict (provider, kind) do update set state = 'swept', problem_code = null, problem_message = null,
       inventory_at = excluded.inventory_at, swept_at = excluded.swept_at, attempted_at = excluded.attempted_at,
       resources = excluded.resources, open = excluded.open`,
    [provider, kind, inventoryAt, now, now, provider, kind, provider, kind],
  );
}
