import { Decimal } from '../money.ts';

/** Margin as a share of revenue in percent, to one decimal, half up: `57.1`. Null without revenue. */
export function marginPercentage(marginCents: number, revenueCents: number): string | null {
  if (revenueCents === 0) return null;
  const tenths = new Decimal(marginCents).times(100).dividedBy(revenueCents).toDecimalPlaces(1);
  return tenths.isInteger() ? `${tenths.toFixed()}.0` : tenths.toFixed();
}
