import { ArcadiaError, type JsonValue } from './errors.ts';
import { type MeterKind, meterKindNames, meterKinds, type OverageUnit, unitFactors } from './meters.ts';
import { Decimal, roundHalfUpToCents, sum } from './money.ts';
import {
  allowanceOf,
  cappedOverage,
  type Overage,
  overageInDayOrder,
  UnpricedUsage,
  usedInSlice,
} from './overage.ts';
import type { AddonTerms, PlanTerms, ResourcePriceTerms } from './planTerms.ts';
import { prorateCents } from './proration.ts';

/** The days by which a plan version is priced in one month: 0 <= recurring <= usage <= subscribed <= month. */
export interface VersionDays {
  /** M: the days of the month. */
  readonly month: number;
  /** D: the subscribed days of the month that are not trial days, whatever the version. */
  readonly subscribed: number;
  /** R: the version's days that are neither trial nor paused. */
  readonly recurring: number;
  /** U: the version's days that are not trial; paused ones count. */
  readonly usage: number;
}

/** What was used of one kind; at most one entry a kind. */
export interface UsageTerms {
  readonly resourceKind: MeterKind;
  /**
   * In day order. A kind that the plan has an item for comes as one slice, whose price does not matter; for any other kind there is
   * one for each span of days with one resource price (`priceSpans`).
   */
  readonly slices: readonly UsageSlice[];
}

export interface UsageSlice {
  /** In base units, 0 or more, of six decimals at most. The sum over the slice's days; of a kind that counts by maximum their maximum. */
  readonly qty: string;
  /** How many usage days (U) the slice covers; those of all slices are the version's. */
  readonly days: number;
  /** The resource price in force on its days, null where there is none. */
  readonly price: ResourcePriceTerms | null;
}

/** An addon with its own days in the version: those of the version's R days that it was attached on. */
export interface QuotedAddon extends AddonTerms {
  readonly days: number;
}

/** One plan version in one month: plain JSON, stored with the invoice as it is. */
export interface QuoteInput {
  readonly plan: PlanTerms;
  readonly addons: readonly QuotedAddon[];
  readonly usage: readonly UsageTerms[];
  readonly days: VersionDays;
}

/** amount = qty × unit price, rounded once, half up, away from zero. */
export interface QuoteLine {
  readonly kind: 'plan_base' | 'addon' | 'overage';
  readonly resourceKind: MeterKind | null;
  readonly description: string;
  readonly qty: string;
  readonly unit: string;
  /** May be a fraction of a cent. */
  readonly unitPriceCents: string;
  readonly amountCents: number;
  readonly meta: Readonly<Record<string, JsonValue>>;
}

/** A kind that is named twice in the usage of one quote. */
export class RepeatedUsage extends ArcadiaError {
  constructor(kinds: readonly MeterKind[]) {
    super('repeated_usage', `the usage names a kind twice: ${kinds.join(', ')}; expected one entry a kind`, {
      context: { resource_kinds: kinds },
    });
  }
}

/**
 * Prices one plan version, its addons and usage: the one function behind quotes, invoices and their proof.
 * Lines come in one order, whatever that of addons and usage: the plan, the addons by code, overage by kind and day.
 * @throws UnpricedUsage where usage above an allowance has neither a plan item nor a resource price
 */
export function quoteVersion(input: QuoteInput): QuoteLine[] {
  const { plan, addons, usage, days } = input;
  // A month of trial days bears nothing but gateway charges.
  if (days.subscribed === 0) return [];
  return [
    ...planLines(plan, days),
    ...addons
      .filter((addon) => addon.days > 0)
      .toSorted(byTerms)
      .map((addon) => addonLine(addon, days.month)),
    ...inKindOrder(usage).flatMap((used) => overageLines(input, used)),
  ];
}

/** None where every day is paused. */
function planLines(plan: PlanTerms, days: VersionDays): QuoteLine[] {
  if (days.recurring === 0) return [];
  const share = recurringShare(plan.basePriceCents, days.recurring, days.month);
  return [
    {
      kind: 'plan_base',
      resourceKind: null,
      description: `Plan: ${plan.planCode}`,
      ...share,
      meta: { plan_code: plan.planCode, plan_version: plan.version, ...share.meta },
    },
  ];
}

function addonLine(addon: QuotedAddon, monthDays: number): QuoteLine {
  const share = recurringShare(addon.priceCents, addon.days, monthDays);
  return {
    kind: 'addon',
    resourceKind: addon.resourceKind,
    description: `Addon: ${addon.code}`,
    ...share,
    meta: { addon_code: addon.code, ...share.meta },
  };
}

/** A month's fee for some of its days: one of the prorated amount. */
function recurringShare(fullCents: number, days: number, monthDays: number) {
  const amountCents = prorateCents(fullCents, days, monthDays);
  return {
    qty: '1',
    unit: 'month',
    unitPriceCents: String(amountCents),
    amountCents,
    meta: { full_price_cents: fullCents, day_fraction: `${days}/${monthDays}` },
  };
}

function overageLines({ plan, addons, days }: QuoteInput, { resourceKind, slices }: UsageTerms): QuoteLine[] {
  const { aggregation } = meterKinds[resourceKind];
  const item = plan.items.find((candidate) => candidate.resourceKind === resourceKind);
  const ofKind = addons.filter((addon) => addon.resourceKind === resourceKind);
  const allowance = allowanceOf(item?.includedQty ?? '0', ofKind, days);
  const used = slices.map((slice) => usedInSlice(slice, aggregation, days.subscribed));
  if (item !== undefined) {
    const price = { unit: item.overageUnit, priceCents: item.overagePriceCents };
    return overageLine(resourceKind, price, cappedOverage(item, sum(used), allowance, days), {});
  }
  return overageInDayOrder(used, allowance).flatMap((overage, index) => {
    if (overage.overage.isZero()) return [];
    const price = slices[index]?.price ?? null;
    if (price === null) throw new UnpricedUsage(resourceKind, overage.overage.toFixed(), plan.planCode);
    return overageLine(resourceKind, price, overage, { price_effective_from: price.effectiveFrom });
  });
}

/** None where nothing is charged. */
function overageLine(
  resourceKind: MeterKind,
  price: { readonly unit: OverageUnit; readonly priceCents: string },
  { used, allowance, overage, aboveCap }: Overage,
  meta: QuoteLine['meta'],
): QuoteLine[] {
  const qty = overage.dividedBy(unitFactors[price.unit]);
  const unitPrice = new Decimal(price.priceCents);
  const amountCents = roundHalfUpToCents(qty.times(unitPrice));
  if (amountCents === 0) return [];
  return [
    {
      kind: 'overage',
      resourceKind,
      description: `Overage: ${resourceKind}`,
      qty: qty.toFixed(),
      unit: price.unit,
      unitPriceCents: unitPrice.toFixed(),
      amountCents,
      meta: {
        base_unit: meterKinds[resourceKind].baseUnit,
        used: used.toFixed(),
        allowance: allowance.toFixed(),
        overage: overage.toFixed(),
        above_cap: aboveCap.toFixed(),
        ...meta,
      },
    },
  ];
}

/** By everything that a line shows, so that the order in which addons are given never shows. */
function byTerms(left: QuotedAddon, right: QuotedAddon): number {
  return (
    compare(left.code, right.code) ||
    compare(left.resourceKind, right.resourceKind) ||
    left.priceCents - right.priceCents ||
    left.days - right.days
  );
}

const compare = (left: string, right: string): number => (left < right ? -1 : Number(left > right));

/** @throws RepeatedUsage where a kind comes twice, since each entry would get the allowance */
function inKindOrder(usage: readonly UsageTerms[]): UsageTerms[] {
  const byKind = new Map(usage.map((entry) => [entry.resourceKind, entry]));
  if (byKind.size < usage.length) throw new RepeatedUsage(usage.map((entry) => entry.resourceKind));
  return meterKindNames.flatMap((kind) => byKind.get(kind) ?? []);
}
