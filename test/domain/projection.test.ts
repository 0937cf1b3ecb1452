import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { addDays, daysIn, daysOfPeriod, periodOf } from '../../src/domain/calendar.ts';
import { meterKindNames, meterKinds, toBaseQuantity } from '../../src/domain/meters.ts';
import { Decimal } from '../../src/domain/money.ts';
import { nextPeriod } from '../../src/domain/period.ts';
import { projectQuote } from '../../src/domain/projection.ts';
import { type InvoiceInputs, priceInvoice } from '../../src/domain/tenantInvoice.ts';
import { addonTerms, planTerms, unitPrice } from './arbitraryTerms.ts';
import { type BilledMonth, inputsOf } from './billedMonth.ts';
import { seedCatalog, termsOf } from './catalogTerms.ts';

const terms = termsOf(seedCatalog);
const startsOn = fc.integer({ min: 0, max: 1500 }).map((offset) => addDays('2026-01-01', offset));
const resourcePrice = unitPrice.map((priceCents) => [
  { unit: 'gb' as const, priceCents, effectiveFrom: '2014-12-01' },
]);

/** So that a day's usage is about as large as allowances are. */
const meteredUnits = { second: 3600, byte_second: 2 ** 30 * 86_400, byte: 2 ** 30, zone: 1, token: 10_000 };
const dailyUsage = fc
  .tuple(fc.constantFrom(...meterKindNames), fc.nat(1_000), fc.nat(999))
  .map(([kind, units, more]) => {
    const metered = new Decimal(units).times(meteredUnits[meterKinds[kind].meteredUnit]).plus(more);
    return [kind, metered.toFixed()] as const;
  });

/** A subscriber, and how much of each kind it uses on each day, in metered units. */
const subscriber = fc.record({
  plan: planTerms,
  addons: fc.array(addonTerms, { maxLength: 4 }),
  startsOn,
  perDay: fc.array(dailyUsage, { maxLength: 4 }).map((usage) => new Map(usage)),
  price: resourcePrice,
});

type Subscriber = typeof subscriber extends fc.Arbitrary<infer Value> ? Value : never;

/** The invoice's lines before tax of the month that a subscriber starts in. */
function invoiceLines({ plan, addons, startsOn: first, price }: Subscriber, usage: BilledMonth['usage']) {
  const inputs = inputsOf({
    period: periodOf(first),
    timeline: {
      startsOn: first,
      cancelledAt: null,
      trialEndsAt: null,
      versions: [{ startsOn: first, plan }],
      pauses: [],
      addons: addons.map((addon) => ({ ...addon, startsOn: first, endsOn: null })),
    },
    usage,
    prices: () => price,
  });
  if (inputs === null) throw new Error('the subscription has days in the month that it starts in');
  return linesOf(inputs);
}

function linesOf(inputs: InvoiceInputs) {
  return priceInvoice(inputs)
    .lines.filter((line) => line.type !== 'tax')
    .map(({ type, meta: { from, until, ...meta }, servicePeriod, deploymentId, ...line }) => ({
      kind: type,
      ...line,
      meta,
    }));
}

const prices = ({ price }: Subscriber) => Object.fromEntries(meterKindNames.map((kind) => [kind, price]));

describe('a quote and the invoice', () => {
  it('have the same first month, line by line', () => {
    fc.assert(
      fc.property(subscriber, (given) => {
        const quote = projectQuote({ ...given, projectedUsage: {}, resourcePrices: {} });
        expect(quote.firstInvoice.lines).toEqual(invoiceLines(given, []));
      }),
    );
  });

  it('have the same whole month for the same usage, line by line', () => {
    fc.assert(
      fc.property(subscriber, (given) => {
        const period = periodOf(given.startsOn);
        const fromTheFirst = { ...given, startsOn: period };
        const projectedUsage = Object.fromEntries(
          [...given.perDay].map(([kind, quantity]) => {
            const days = meterKinds[kind].aggregation === 'sum' ? daysOfPeriod(period) : 1;
            return [kind, toBaseQuantity(kind, new Decimal(quantity).times(days), period).toFixed()];
          }),
        );
        const quote = projectQuote({ ...given, projectedUsage, resourcePrices: prices(given) });
        const usage = [...given.perDay].map(([kind, quantity]) => ({
          kind,
          from: period,
          until: nextPeriod(period),
          perDay: quantity,
        }));
        const lines = invoiceLines(fromTheFirst, usage);
        expect([...quote.recurring.lines, ...quote.overage.lines]).toEqual(lines);
        expect(quote.allInMonthlyCents).toBe(lines.reduce((cents, line) => cents + line.amountCents, 0));
      }),
    );
  });
});

describe('a quote', () => {
  it('has the same monthly price whatever the day of the month, and a first invoice that falls with it', () => {
    fc.assert(
      fc.property(subscriber, (given) => {
        const days = daysIn(periodOf(given.startsOn));
        const quotes = days.map((day) =>
          projectQuote({ ...given, startsOn: day, projectedUsage: {}, resourcePrices: {} }),
        );
        expect(new Set(quotes.map((quote) => quote.allInMonthlyCents)).size).toBe(1);
        expect(quotes[0]?.firstInvoice).toEqual(quotes[0]?.recurring);
        const first = quotes.map((quote) => quote.firstInvoice.totalCents);
        expect(first).toEqual(first.toSorted((left, right) => right - left));
      }),
    );
  });

  it('prices what the plan has no item for as of the start day', () => {
    const quote = (day: string) =>
      projectQuote({
        plan: terms.plan('studio'),
        addons: [],
        projectedUsage: { volume_gb_month: '10' },
        resourcePrices: {
          volume_gb_month: [
            { unit: 'gb_month', priceCents: '15', effectiveFrom: '2014-12-01' },
            { unit: 'gb_month', priceCents: '20', effectiveFrom: '2026-04-16' },
          ],
        },
        startsOn: day,
      }).overage;
    expect(quote('2026-04-15').totalCents).toBe(150);
    expect(quote('2026-04-16').totalCents).toBe(200);
    expect(() => quote('2014-11-30')).toThrow(expect.objectContaining({ code: 'unpriced_usage' }));
  });

  it("takes the plan's item before any resource price", () => {
    const { overage } = projectQuote({
      plan: terms.plan('studio'),
      addons: [],
      projectedUsage: { dns_zones: '6' },
      resourcePrices: { dns_zones: [{ unit: 'zone', priceCents: '999', effectiveFrom: '2014-12-01' }] },
      startsOn: '2026-04-01',
    });
    expect(overage.lines.map((line) => [line.unitPriceCents, line.amountCents])).toEqual([['50', 50]]);
  });

  it('rounds projected usage to six decimals, half up, as metered usage is', () => {
    const { overage } = projectQuote({
      plan: terms.plan('studio'),
      addons: [],
      projectedUsage: { droplet_hours: '1489.0000005' },
      resourcePrices: {},
      startsOn: '2026-04-01',
    });
    expect(overage.lines[0]?.qty).toBe('1.000001');
  });
});
