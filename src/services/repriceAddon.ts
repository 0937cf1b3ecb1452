import { LockMode } from '@mikro-orm/core';
import type { EntityManager } from '@mikro-orm/postgresql';
import { Addon } from '../entities/addon.ts';
import { type ChangeRequest, recordChange } from './recordChange.ts';

/**
 * Changes what an addon gives and costs whoever attaches it from now on. Attached ones keep what they were attached with; kind and
 * currency never change: another kind is another addon.
 * @returns null where there is no such addon
 */
export function repriceAddon(
  em: EntityManager,
  code: string,
  { qty, priceCents }: { readonly qty: string; readonly priceCents: number },
  request: ChangeRequest,
): Promise<Addon | null> {
  return em.transactional(async (transaction) => {
    const addon = await transaction.findOne(Addon, { code }, { lockMode: LockMode.PESSIMISTIC_WRITE });
    if (addon === null) return null;
    const before = { qty: addon.qty, price_cents: addon.priceCents };
    const after = { qty, price_cents: priceCents };
    if (before.qty === after.qty && before.price_cents === after.price_cents) return addon;
    addon.qty = qty;
    addon.priceCents = priceCents;
    await transaction.flush();
    await recordChange(transaction, request, {
      action: 'addon.reprice',
      subjectId: addon.id,
      before,
      after: { code, ...after },
    });
    return addon;
  });
}
