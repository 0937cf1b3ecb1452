import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Decimal, sum } from '../../src/domain/money.ts';
import {
  type QuoteInput,
  type QuoteLine,
  quoteVersion,
  RepeatedUsage,
  type UsageTerms,
} from '../../src/domain/quote.ts';
import { quantity, quoteInput } from './arbitraryTerms.ts';
import { seedCatalog, termsOf } from './catalogTerms.ts';

const terms = termsOf(seedCatalog);
const total = (lines: readonly QuoteLine[]) => lines.reduce((cents, line) => cents + line.amountCents, 0);

/** Studio for a whole April, with what a test names. */
function studio(named: Partial<QuoteInput> = {}): QuoteInput {
  return {
    plan: terms.plan('studio'),
    addons: [],
    usage: [],
    days: { month: 30, subscribed: 30, recurring: 30, usage: 30 },
    ...named,
  };
}

function used(resourceKind: UsageTerms['resourceKind'], qty: string, days = 30): UsageTerms {
  return { resourceKind, slices: [{ qty, days, price: null }] };
}

describe('a quoted line', () => {
  it('of a plan, an addon and an overage says all that its amount follows from', () => {
    const lines = quoteVersion(
      studio({
        addons: [{ ...terms.addon('llm_1m'), days: 10 }],
        usage: [used('llm_tokens', '2000000.5')],
        days: { month: 30, subscribed: 30, recurring: 20, usage: 30 },
      }),
    );
    expect(lines).toEqual([
      {
        kind: 'plan_base',
        resourceKind: null,
        description: 'Plan: studio',
        qty: '1',
        unit: 'month',
        unitPriceCents: '3333',
        amountCents: 3333,
        meta: { plan_code: 'studio', plan_version: 1, full_price_cents: 5000, day_fraction: '20/30' },
      },
      {
        kind: 'addon',
        resourceKind: 'llm_tokens',
        description: 'Addon: llm_1m',
        qty: '1',
        unit: 'month',
        unitPriceCents: '300',
        amountCents: 300,
        meta: { addon_code: 'llm_1m', full_price_cents: 900, day_fraction: '10/30' },
      },
      {
        kind: 'overage',
        resourceKind: 'llm_tokens',
        description: 'Overage: llm_tokens',
        qty: '1000.0005',
        unit: '1k_tokens',
        unitPriceCents: '1',
        amountCents: 1000,
        meta: {
          base_unit: 'token',
          used: '2000000.5',
          allowance: '1000000',
          overage: '1000000.5',
          above_cap: '0',
        },
      },
    ]);
  });

  it('is qty × unit price, rounded once, half up; nothing is negative; no overage is zero', () => {
    fc.assert(
      fc.property(quoteInput, (input) => {
        for (const line of quoteVersion(input)) {
          const exact = new Decimal(line.qty).times(line.unitPriceCents);
          expect(line.amountCents).toBe(Number(exact.plus('0.5').floor().toFixed()));
          expect(line.amountCents).toBeGreaterThanOrEqual(line.kind === 'overage' ? 1 : 0);
          for (const quantity of [line.qty, line.unitPriceCents])
            expect(Number(quantity)).toBeGreaterThanOrEqual(0);
          if (line.kind !== 'overage') continue;
          const { used, allowance, overage, above_cap } = line.meta as Record<string, string>;
          expect(
            sum([allowance, overage, above_cap].map((part) => new Decimal(part ?? Number.NaN))).toFixed(),
          ).toBe(used);
        }
      }),
    );
  });

  it('is there for each fee with days, and never for a fee without', () => {
    fc.assert(
      fc.property(quoteInput, (input) => {
        const lines = quoteVersion(input);
        const of = (kind: QuoteLine['kind']) => lines.filter((line) => line.kind === kind).length;
        expect(of('plan_base')).toBe(input.days.recurring > 0 ? 1 : 0);
        expect(of('addon')).toBe(input.addons.filter((addon) => addon.days > 0).length);
      }),
    );
  });
});

describe('a quote', () => {
  it('has no lines where every subscribed day is a trial day', () => {
    const days = { month: 30, subscribed: 0, recurring: 0, usage: 0 };
    expect(quoteVersion(studio({ days, usage: [used('droplet_hours', '5000', 0)] }))).toEqual([]);
  });

  it('is the same in whatever order addons, usage and plan items are given', () => {
    const shuffled = quoteInput.chain((input) =>
      fc.record({
        input: fc.constant(input),
        addons: fc.shuffledSubarray([...input.addons], { minLength: input.addons.length }),
        usage: fc.shuffledSubarray([...input.usage], { minLength: input.usage.length }),
        items: fc.shuffledSubarray([...input.plan.items], { minLength: input.plan.items.length }),
      }),
    );
    fc.assert(
      fc.property(shuffled, ({ input, addons, usage, items }) => {
        const other = quoteVersion({ ...input, addons, usage, plan: { ...input.plan, items } });
        expect(other).toEqual(quoteVersion(input));
      }),
    );
  });

  it.each([
    ['code', { code: 'a' }, { code: 'b' }],
    ['kind', { resourceKind: 'dns_zones' }, { resourceKind: 'llm_tokens' }],
    ['price', { priceCents: 9 }, { priceCents: 10 }],
    ['days', { days: 9 }, { days: 10 }],
  ] as const)('lists addons by %s where they differ in nothing else', (_, first, second) => {
    const addon = { ...terms.addon('llm_1m'), days: 30 };
    const [left, right] = [
      { ...addon, ...first },
      { ...addon, ...second },
    ];
    const inOrder = quoteVersion(studio({ addons: [left, right] }));
    expect(quoteVersion(studio({ addons: [right, left] }))).toEqual(inOrder);
    expect(inOrder[1]).toEqual(quoteVersion(studio({ addons: [left] }))[1]);
  });

  it('never costs less for more usage, whatever the prices of its days', () => {
    const withMore = quoteInput
      .filter((input) => input.usage.length > 0)
      .chain((input) => fc.tuple(fc.constant(input), fc.nat(), fc.nat(), quantity(3_000)));
    fc.assert(
      fc.property(withMore, ([input, usageIndex, sliceIndex, more]) => {
        const usage = input.usage.map((entry, index) => ({
          ...entry,
          slices: entry.slices.map((slice, position) =>
            index === usageIndex % input.usage.length && position === sliceIndex % entry.slices.length
              ? { ...slice, qty: new Decimal(slice.qty).plus(more).toFixed() }
              : slice,
          ),
        }));
        expect(total(quoteVersion({ ...input, usage }))).toBeGreaterThanOrEqual(total(quoteVersion(input)));
      }),
    );
  });

  it('of a month that is split between two versions of equal price moves no fee by more than a cent', () => {
    const split = quoteInput.chain((input) =>
      fc.tuple(fc.constant(input), fc.integer({ min: 0, max: input.days.month })),
    );
    fc.assert(
      fc.property(split, ([input, first]) => {
        const { month } = input.days;
        const fees = (recurring: number) =>
          quoteVersion({
            ...input,
            usage: [],
            addons: input.addons.map((addon) => ({ ...addon, days: recurring })),
            days: { month, subscribed: month, recurring, usage: recurring },
          }).map((line) => line.amountCents);
        const [before, after] = [fees(first), fees(month - first)];
        for (const [index, whole] of fees(month).entries()) {
          expect(Math.abs((before[index] ?? 0) + (after[index] ?? 0) - whole)).toBeLessThanOrEqual(1);
        }
      }),
    );
  });

  it('refuses usage that names a kind twice: each entry would get the allowance', () => {
    const twice = [used('droplet_hours', '1488'), used('droplet_hours', '1488')];
    expect(() => quoteVersion(studio({ usage: twice }))).toThrow(RepeatedUsage);
    expect(() => quoteVersion(studio({ usage: twice }))).toThrow(
      expect.objectContaining({
        code: 'repeated_usage',
        message: expect.stringContaining('droplet_hours, droplet_hours'),
        context: { resource_kinds: ['droplet_hours', 'droplet_hours'] },
      }),
    );
  });

  it('refuses usage without any price, naming kind, quantity and plan', () => {
    expect(() => quoteVersion(studio({ usage: [used('volume_gb_month', '0.5')] }))).toThrow(
      expect.objectContaining({
        code: 'unpriced_usage',
        retryable: false,
        resourceKind: 'volume_gb_month',
        message:
          '0.5 of volume_gb_month have no price: expected an item of the plan studio or a resource price in force',
        context: { resource_kind: 'volume_gb_month', quantity: '0.5', plan_code: 'studio' },
      }),
    );
  });
});
