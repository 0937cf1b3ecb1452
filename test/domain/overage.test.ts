import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { roundQuantity } from '../../src/domain/meters.ts';
import { Decimal } from '../../src/domain/money.ts';
import { allowanceOf, cappedOverage, overageInDayOrder, usedInSlice } from '../../src/domain/overage.ts';
import type { PlanItemTerms } from '../../src/domain/planTerms.ts';
import { addonTerms, quantity, versionDays } from './arbitraryTerms.ts';

const item = (hardCapQty: string | null): PlanItemTerms => ({
  resourceKind: 'droplet_hours',
  includedQty: '0',
  overageUnit: 'hour',
  overagePriceCents: '1',
  hardCapQty,
});
const wholeApril = { month: 30, subscribed: 30, recurring: 30, usage: 30 };
const texts = (values: readonly Decimal[]) => values.map((value) => value.toFixed());

describe('the allowance', () => {
  it.each([
    ['the whole month', { recurring: 30, subscribed: 30 }, [], '1488'],
    ['a start in the month: all of it', { recurring: 12, subscribed: 12 }, [], '1488'],
    ['a third of the subscribed days', { recurring: 10, subscribed: 30 }, [], '496'],
    ['a share that does not come out even', { recurring: 1, subscribed: 7 }, [], '212.571429'],
    ['an addon for its own days', { recurring: 20, subscribed: 30 }, [{ qty: '50', days: 5 }], '1000.333333'],
    ['an addon without a plan item', { recurring: 0, subscribed: 30 }, [{ qty: '50', days: 30 }], '50'],
  ] as const)('of %s', (_, days, addons, expected) => {
    const own = addons.map((addon) => ({
      code: 'a',
      resourceKind: 'droplet_hours' as const,
      priceCents: 1,
      ...addon,
    }));
    expect(allowanceOf('1488', own, { ...wholeApril, ...days }).toFixed()).toBe(expected);
  });

  it('rounds once, not the plan and each addon: three times a third of a millionth is one', () => {
    const thirds = { ...wholeApril, recurring: 1, subscribed: 3 };
    const addon = {
      code: 'a',
      resourceKind: 'droplet_hours' as const,
      priceCents: 1,
      qty: '0.000001',
      days: 1,
    };
    expect(allowanceOf('0.000001', [addon, addon], thirds).toFixed()).toBe('0.000001');
    expect(allowanceOf('0.000001', [], thirds).toFixed()).toBe('0');
  });

  it('of the versions of a month adds up to the whole, to half a millionth each', () => {
    fc.assert(
      fc.property(
        quantity(2_000),
        fc.array(addonTerms, { maxLength: 3 }),
        fc.array(fc.integer({ min: 0, max: 10 }), { minLength: 1, maxLength: 3 }),
        (included, addons, parts) => {
          const subscribed = Math.max(
            1,
            parts.reduce((all, part) => all + part, 0),
          );
          const share = (days: number) =>
            allowanceOf(
              included,
              addons.map((addon) => ({ ...addon, days })),
              {
                ...wholeApril,
                subscribed,
                recurring: days,
              },
            );
          const whole = share(parts.reduce((all, part) => all + part, 0));
          const total = parts.map(share).reduce((all, part) => all.plus(part));
          expect(
            total
              .minus(whole)
              .abs()
              .lte(new Decimal('0.0000005').times(parts.length + 1)),
          ).toBe(true);
        },
      ),
    );
  });
});

describe('overage of a kind that the plan has an item for', () => {
  const overage = (cap: string | null, used: string, allowance: string, days = wholeApril) => {
    const found = cappedOverage(item(cap), new Decimal(used), new Decimal(allowance), days);
    return texts([found.used, found.allowance, found.overage, found.aboveCap]);
  };

  it.each([
    ['nothing above the allowance', null, '1488', '1488', ['1488', '1488', '0', '0']],
    ['less than the allowance', null, '3', '1488', ['3', '1488', '0', '0']],
    ['more than the allowance', null, '1488.000001', '1488', ['1488.000001', '1488', '0.000001', '0']],
    ['up to the cap', '100', '200', '100', ['200', '100', '100', '0']],
    ['above the cap', '100', '250', '100', ['250', '100', '100', '50']],
    ['below the cap', '100', '150', '100', ['150', '100', '50', '0']],
    ['a cap of nothing', '0', '150', '100', ['150', '100', '0', '50']],
  ] as const)('of %s', (_, cap, used, allowance, expected) => {
    expect(overage(cap, used, allowance)).toEqual(expected);
  });

  it('has the share of the cap that its usage days have of the subscribed ones, rounded once', () => {
    const days = { month: 31, subscribed: 30, recurring: 5, usage: 7 };
    expect(overage('100', '1000', '0', days)).toEqual(['1000', '0', '23.333333', '976.666667']);
  });
});

describe('overage in day order', () => {
  it.each([
    ['the allowance goes to the first days', ['30', '30'], '40', ['0', '20']],
    ['an allowance for all', ['30', '30'], '60', ['0', '0']],
    ['no allowance', ['30', '30'], '0', ['30', '30']],
    ['no days', [], '5', []],
  ] as const)('%s', (_, used, allowance, expected) => {
    const found = overageInDayOrder(
      used.map((qty) => new Decimal(qty)),
      new Decimal(allowance),
    );
    expect(texts(found.map((slice) => slice.overage))).toEqual(expected);
  });

  it('shows of each slice what was left of the allowance', () => {
    const found = overageInDayOrder([new Decimal(30), new Decimal(30)], new Decimal(40));
    expect(found.map((slice) => texts([slice.used, slice.allowance, slice.overage, slice.aboveCap]))).toEqual(
      [
        ['30', '40', '0', '0'],
        ['30', '10', '20', '0'],
      ],
    );
  });

  it('is what counting unit by unit gives', () => {
    const slices = fc.array(fc.nat(60), { maxLength: 6 });
    fc.assert(
      fc.property(slices, fc.nat(80), (used, allowance) => {
        const found = overageInDayOrder(
          used.map((qty) => new Decimal(qty)),
          new Decimal(allowance),
        );
        expect(found.map((slice) => Number(slice.overage.toFixed()))).toEqual(unitByUnit(used, allowance));
      }),
    );
  });
});

/** Each unit is a token with its slice's number; the first ones are included. */
function unitByUnit(used: readonly number[], allowance: number): number[] {
  const tokens = used.flatMap((quantity, slice) => Array.from({ length: quantity }, () => slice));
  const charged = tokens.slice(allowance);
  return used.map((_, slice) => charged.filter((token) => token === slice).length);
}

describe('what was used in a slice', () => {
  const slice = (qty: string, days: number) => ({ qty, days, price: null });

  it('is its sum, as it is', () => {
    expect(usedInSlice(slice('720.123456', 10), 'sum', 30).toFixed()).toBe('720.123456');
  });

  it('is its maximum by its share of the subscribed days, rounded once', () => {
    expect(usedInSlice(slice('5', 10), 'max', 30).toFixed()).toBe('1.666667');
    expect(usedInSlice(slice('5', 30), 'max', 30).toFixed()).toBe('5');
  });

  it('of a whole month of one maximum is that maximum, however its days are cut', () => {
    fc.assert(
      fc.property(quantity(1_000), versionDays, (qty, { subscribed, usage }) => {
        const parts = [usedInSlice(slice(qty, usage), 'max', subscribed)];
        if (usage < subscribed) parts.push(usedInSlice(slice(qty, subscribed - usage), 'max', subscribed));
        const total = parts.reduce((all, part) => all.plus(part));
        expect(
          total
            .minus(roundQuantity(new Decimal(qty)))
            .abs()
            .lte('0.000001'),
        ).toBe(true);
      }),
    );
  });
});
