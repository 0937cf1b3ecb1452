import type { EntityManager } from '@mikro-orm/postgresql';
import { Conflict } from '../domain/errors.ts';
import type { AddonTerms } from '../domain/planTerms.ts';
import { Addon } from '../entities/addon.ts';
import { type ChangeRequest, recordChange } from './recordChange.ts';

/** Adds an addon. @throws Conflict `addon_exists` */
export function createAddon(
  em: EntityManager,
  addon: AddonTerms & { readonly currency: string },
  request: ChangeRequest,
): Promise<Addon> {
  return em.transactional(async (transaction) => {
    const { code, resourceKind, qty, priceCents, currency } = addon;
    const [created] = await transaction.execute<{ id: string }[]>(
      `insert into addons (code, resource_kind, qty, price_cents, currency, created_at) values (?, ?, ?, ?, ?, ?)
       on conflict (code) do nothing returning id`,
      [code, resourceKind, qty, priceCents, currency, request.now],
    );
    if (created === undefined) {
      throw new Conflict('addon_exists', `there is an addon "${code}" already: change it instead`, {
        context: { code },
      });
    }
    await recordChange(transaction, request, {
      action: 'addon.create',
      subjectId: created.id,
      after: { code, resource_kind: resourceKind, qty, price_cents: priceCents, currency },
    });
    return transaction.findOneOrFail(Addon, { id: created.id });
  });
}
