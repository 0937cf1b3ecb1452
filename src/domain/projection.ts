import { type Day, daysBetween, daysOfPeriod, periodOf } from './calendar.ts';
import { type MeterKind, meterKindNames, roundQuantity } from './meters.ts';
import { addCents, Decimal, sumCents } from './money.ts';
import { nextPeriod } from './period.ts';
import type { AddonTerms, PlanTerms, ResourcePriceTerms } from './planTerms.ts';
import { type QuoteLine, quoteVersion, type UsageTerms } from './quote.ts';
import { priceInForce } from './resourcePrices.ts';

export interface ProjectionInput {
  readonly plan: PlanTerms;
  readonly addons: readonly AddonTerms[];
  /** What a whole month would use, in base units. */
  readonly projectedUsage: Readonly<Partial<Record<MeterKind, string>>>;
  /** Each kind's prices in the plan's currency, in any order. */
  readonly resourcePrices: Readonly<Partial<Record<MeterKind, readonly ResourcePriceTerms[]>>>;
  readonly startsOn: Day;
}

interface PricedLines {
  readonly lines: readonly QuoteLine[];
  readonly totalCents: number;
}

/** What a subscription would cost, before tax. */
export interface Projection {
  /** The fees of a whole month. */
  readonly recurring: PricedLines;
  /** The fees of the first month, from the start day to its end. */
  readonly firstInvoice: PricedLines;
  /** What the projected usage of a whole month costs above the allowances. */
  readonly overage: PricedLines;
  /** recurring + overage. */
  readonly allInMonthlyCents: number;
}

/**
 * Prices a plan before anything is provisioned, by the function that prices invoices: its first month from the start day on, and a
 * whole month with the projected usage. Usage without a plan item is priced at the resource price in force on the start day.
 * @throws UnpricedUsage
 */
export function projectQuote(input: ProjectionInput): Projection {
  const { plan, addons, startsOn } = input;
  const monthDays = daysOfPeriod(periodOf(startsOn));
  const firstDays = daysBetween(startsOn, nextPeriod(periodOf(startsOn)));
  const price = (days: number, usage: UsageTerms[]) =>
    quoteVersion({
      plan,
      addons: addons.map((addon) => ({ ...addon, days })),
      usage,
      days: { month: monthDays, subscribed: days, recurring: days, usage: days },
    });
  const wholeMonth = price(monthDays, projectedUsage(input, monthDays));
  const recurring = total(wholeMonth.filter((line) => line.kind !== 'overage'));
  const overage = total(wholeMonth.filter((line) => line.kind === 'overage'));
  return {
    recurring,
    firstInvoice: total(price(firstDays, [])),
    overage,
    allInMonthlyCents: addCents(recurring.totalCents, overage.totalCents),
  };
}

function projectedUsage(input: ProjectionInput, monthDays: number): UsageTerms[] {
  return meterKindNames.flatMap((resourceKind) => {
    const projected = input.projectedUsage[resourceKind];
    if (projected === undefined) return [];
    const qty = roundQuantity(new Decimal(projected)).toFixed();
    const price = priceInForce(input.resourcePrices[resourceKind] ?? [], input.startsOn);
    return { resourceKind, slices: [{ qty, days: monthDays, price }] };
  });
}

function total(lines: readonly QuoteLine[]): PricedLines {
  return { lines, totalCents: sumCents(lines.map((line) => line.amountCents)) };
}
