import fc from 'fast-check';
import { type MeterKind, meterKindNames, meterKinds } from '../../src/domain/meters.ts';
import { Decimal } from '../../src/domain/money.ts';
import type { PlanItemTerms, PlanTerms, ResourcePriceTerms } from '../../src/domain/planTerms.ts';
import type { QuotedAddon, QuoteInput, UsageTerms, VersionDays } from '../../src/domain/quote.ts';

/** Terms and usage as a catalog and a month can have them, small numbers and odd ones alike. */

/** Base units with up to six decimals. */
export const quantity = (largest: number) =>
  fc.oneof(
    fc.integer({ min: 0, max: largest }).map(String),
    fc
      .integer({ min: 0, max: largest * 1_000_000 })
      .map((millionths) => new Decimal(millionths).dividedBy(1e6).toFixed()),
  );
/** Cents with up to four decimals. */
export const unitPrice = fc.oneof(
  fc.constantFrom('0', '1', '2', '15', '50'),
  fc.integer({ min: 0, max: 1_000_000 }).map((parts) => new Decimal(parts).dividedBy(10_000).toFixed()),
);
export const fee = fc.oneof(fc.integer({ min: 0, max: 20_000 }), fc.integer({ min: 0, max: 10 ** 12 }));
export const kind = fc.constantFrom(...meterKindNames);

const planItem = (resourceKind: MeterKind): fc.Arbitrary<PlanItemTerms> =>
  fc.record({
    resourceKind: fc.constant(resourceKind),
    includedQty: quantity(2_000),
    overageUnit: fc.constant(meterKinds[resourceKind].overageUnit),
    overagePriceCents: unitPrice,
    hardCapQty: fc.option(quantity(500)),
  });

export const planTerms: fc.Arbitrary<PlanTerms> = fc.record({
  planCode: fc.constantFrom('starter', 'studio', 'pro'),
  version: fc.integer({ min: 1, max: 9 }),
  currency: fc.constant('AUD'),
  basePriceCents: fee,
  items: fc.subarray([...meterKindNames]).chain((kinds) => fc.tuple(...kinds.map(planItem))),
});

export const addonTerms = fc.record({
  code: fc.constantFrom('storage_50gb', 'storage_200gb', 'llm_1m', 'hours'),
  resourceKind: kind,
  qty: quantity(1_000),
  priceCents: fee,
});

/** M, D, U and R of a version. */
export const versionDays: fc.Arbitrary<VersionDays> = fc
  .integer({ min: 28, max: 31 })
  .chain((month) =>
    fc
      .integer({ min: 1, max: month })
      .chain((subscribed) =>
        fc
          .integer({ min: 1, max: subscribed })
          .chain((usage) =>
            fc.integer({ min: 0, max: usage }).map((recurring) => ({ month, subscribed, recurring, usage })),
          ),
      ),
  );

const resourcePrice: fc.Arbitrary<ResourcePriceTerms> = fc.record({
  unit: fc.constantFrom('hour' as const, '1k_tokens' as const),
  priceCents: unitPrice,
  effectiveFrom: fc.constantFrom('2014-12-01', '2026-04-11'),
});

/** Slices that share out the version's usage days. */
const usageTerms = (
  resourceKind: MeterKind,
  { usage }: VersionDays,
  isPlanned: boolean,
): fc.Arbitrary<UsageTerms> =>
  fc
    .array(
      fc.record({
        qty: quantity(3_000),
        price: resourcePrice,
      }),
      { minLength: 1, maxLength: isPlanned ? 1 : Math.min(3, usage) },
    )
    .map((slices) => ({
      resourceKind,
      slices: slices.map(({ qty, price }, index) => ({
        qty,
        price: isPlanned ? null : price,
        days: index === 0 ? usage - slices.length + 1 : 1,
      })),
    }));

const quotedAddons = (days: VersionDays): fc.Arbitrary<QuotedAddon[]> =>
  fc.array(
    fc
      .tuple(addonTerms, fc.integer({ min: 0, max: days.recurring }))
      .map(([terms, own]) => ({ ...terms, days: own })),
    { maxLength: 4 },
  );

/** One version with everything; no usage lacks a price. */
export const quoteInput: fc.Arbitrary<QuoteInput> = fc.tuple(planTerms, versionDays).chain(([plan, days]) => {
  const isPlanned = (resourceKind: MeterKind) =>
    plan.items.some((item) => item.resourceKind === resourceKind);
  return fc.record({
    plan: fc.constant(plan),
    days: fc.constant(days),
    addons: quotedAddons(days),
    usage: fc
      .shuffledSubarray([...meterKindNames])
      .chain((kinds) => fc.tuple(...kinds.map((one) => usageTerms(one, days, isPlanned(one))))),
  });
});
