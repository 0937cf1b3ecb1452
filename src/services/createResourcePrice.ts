import type { EntityManager } from '@mikro-orm/postgresql';
import { type Day, dayOf } from '../domain/calendar.ts';
import { Conflict, Unprocessable } from '../domain/errors.ts';
import type { MeterKind } from '../domain/meters.ts';
import type { ResourcePriceTerms } from '../domain/planTerms.ts';
import { ResourcePrice } from '../entities/resourcePrice.ts';
import { type ChangeRequest, recordChange } from './recordChange.ts';

export interface NewResourcePrice extends ResourcePriceTerms {
  readonly resourceKind: MeterKind;
  readonly currency: string;
  readonly effectiveFrom: Day;
}

/**
 * Sets what a kind costs from a day on where a plan has no item for it. A day in the past prices usage that is not invoiced yet, which
 * is how usage without a price becomes billable; it needs a reason. What is invoiced keeps the price that is stored with it.
 * @throws Unprocessable `reason_required`, Conflict `resource_price_exists`
 */
export function createResourcePrice(
  em: EntityManager,
  price: NewResourcePrice,
  request: ChangeRequest,
): Promise<ResourcePrice> {
  const { resourceKind, unit, priceCents, currency, effectiveFrom } = price;
  const today = dayOf(request.now.toISOString());
  if (effectiveFrom < today && request.reason === undefined) {
    throw new Unprocessable(
      'reason_required',
      `a price from ${effectiveFrom}, before today (${today}), needs a reason`,
      { field: 'reason' },
    );
  }
  return em.transactional(async (transaction) => {
    const identity = { resourceKind, currency, effectiveFrom };
    const [created] = await transaction.execute<{ id: string }[]>(
      `insert into resource_prices (resource_kind, unit, price_cents, currency, effective_from) values (?, ?, ?, ?, ?)
       on conflict (resource_kind, currency, effective_from) do nothing returning id::text`,
      [resourceKind, unit, priceCents, currency, effectiveFrom],
    );
    if (created === undefined) {
      throw new Conflict(
        'resource_price_exists',
        `${resourceKind} has a price in ${currency} from ${effectiveFrom} already: date the new one later`,
        {
          context: { resource_kind: resourceKind, currency, effective_from: effectiveFrom },
        },
      );
    }
    const [before] = await transaction.find(
      ResourcePrice,
      { resourceKind, currency, effectiveFrom: { $lt: effectiveFrom } },
      { orderBy: { effectiveFrom: 'desc' }, limit: 1 },
    );
    await recordChange(transaction, request, {
      action: 'resource_price.create',
      subjectId: created.id,
      before:
        before === undefined
          ? null
          : { price_cents: before.priceCents, effective_from: before.effectiveFrom },
      after: {
        resource_kind: resourceKind,
        unit,
        price_cents: priceCents,
        currency,
        effective_from: effectiveFrom,
      },
    });
    return transaction.findOneOrFail(ResourcePrice, identity);
  });
}
