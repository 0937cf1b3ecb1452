import { Unprocessable } from './errors.ts';
import { type MeterKind, roundQuantity } from './meters.ts';
import { Decimal } from './money.ts';
import type { PlanItemTerms } from './planTerms.ts';
import type { QuotedAddon, UsageSlice, VersionDays } from './quote.ts';

/** What was used, and what of it is charged; base units, exact. */
export interface Overage {
  readonly used: Decimal;
  readonly allowance: Decimal;
  /** Above the allowance and charged. */
  readonly overage: Decimal;
  /** Above the cap, free. */
  readonly aboveCap: Decimal;
}

/** Usage above the allowance that nothing has a price for. Never billed as zero. */
export class UnpricedUsage extends Unprocessable {
  readonly resourceKind: MeterKind;

  constructor(resourceKind: MeterKind, quantity: string, planCode: string) {
    super(
      'unpriced_usage',
      `${quantity} of ${resourceKind} have no price: expected an item of the plan ${planCode} or a resource price in force`,
      { context: { resource_kind: resourceKind, quantity, plan_code: planCode } },
    );
    this.resourceKind = resourceKind;
  }
}

const zero: Decimal = new Decimal(0);
const atLeastZero = (quantity: Decimal): Decimal => (quantity.isNegative() ? zero : quantity);

/**
 * What a version includes of one kind: (included × R + each addon's quantity × its own days) / D, rounded once to six decimals. A
 * subscription that starts or ends within the month keeps the whole month's allowance.
 * @param included the plan item's, in base units; 0 where the plan has none
 */
export function allowanceOf(included: string, addons: readonly QuotedAddon[], days: VersionDays): Decimal {
  let dayQuantities = new Decimal(included).times(days.recurring);
  for (const addon of addons) dayQuantities = dayQuantities.plus(new Decimal(addon.qty).times(addon.days));
  return roundQuantity(dayQuantities.dividedBy(days.subscribed));
}

/** Overage of a kind that the plan has an item for: at most the cap × U / D, rounded once to six decimals. */
export function cappedOverage(
  item: PlanItemTerms,
  used: Decimal,
  allowance: Decimal,
  days: VersionDays,
): Overage {
  const above = atLeastZero(used.minus(allowance));
  if (item.hardCapQty === null) return { used, allowance, overage: above, aboveCap: zero };
  const cap = roundQuantity(new Decimal(item.hardCapQty).times(days.usage).dividedBy(days.subscribed));
  const overage = Decimal.min(above, cap);
  return { used, allowance, overage, aboveCap: above.minus(overage) };
}

/** Overage slice by slice, the allowance consumed in day order. @param used each slice's quantity, in that order */
export function overageInDayOrder(used: readonly Decimal[], allowance: Decimal): Overage[] {
  let left = allowance;
  return used.map((quantity) => {
    const overage = atLeastZero(quantity.minus(left));
    const slice = { used: quantity, allowance: left, overage, aboveCap: zero };
    left = atLeastZero(left.minus(quantity));
    return slice;
  });
}

/** A slice as it is billed: of a kind that counts by maximum × its days / D, rounded once to six decimals. */
export function usedInSlice(slice: UsageSlice, aggregation: 'sum' | 'max', subscribedDays: number): Decimal {
  const quantity = new Decimal(slice.qty);
  return aggregation === 'sum'
    ? quantity
    : roundQuantity(quantity.times(slice.days).dividedBy(subscribedDays));
}
