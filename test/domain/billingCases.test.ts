import { describe, expect, it } from '@jest/globals';
import type { JsonValue } from '../../src/domain/errors.ts';
import { type MeterKind, meterKinds, toBaseQuantity } from '../../src/domain/meters.ts';
import { nextPeriod } from '../../src/domain/period.ts';
import { projectQuote } from '../../src/domain/projection.ts';
import { type InvoiceLine, priceInvoice } from '../../src/domain/tenantInvoice.ts';
import { inputsOf } from './billedMonth.ts';
import { type Catalog, type CatalogTerms, readJson, seedCatalog, termsOf } from './catalogTerms.ts';

interface QuoteCase {
  readonly plan_code: string;
  readonly addons: readonly string[];
  readonly starts_on?: string;
  readonly projected_usage: Readonly<Record<string, number>>;
  readonly recurring: number;
  readonly first_invoice?: number;
  readonly first_invoice_lines?: readonly number[];
  readonly overage_lines?: Readonly<Record<string, number>>;
  readonly overage?: number;
  readonly all_in: number;
}

interface AddonDays {
  readonly code: string;
  readonly starts_on: string;
  readonly ends_on: string | null;
}

interface MonthCase {
  readonly name: string;
  readonly period: string;
  readonly subscription: {
    readonly starts_on: string;
    readonly cancelled_at?: string;
    readonly trial_ends_at?: string;
    readonly plan?: string;
    readonly versions?: readonly { readonly starts_on: string; readonly plan: string }[];
    readonly pauses?: readonly { readonly starts_on: string; readonly ends_on: string | null }[];
    readonly addons?: readonly AddonDays[];
  };
  readonly usage?: readonly {
    readonly kind: MeterKind;
    readonly from?: string;
    readonly until?: string;
    /** In the metered unit. */
    readonly per_day: number | string;
  }[];
  readonly adjustments?: readonly number[];
  /** Amounts by type, overage by kind too; null where there is no invoice. */
  readonly lines?: Readonly<Record<string, readonly number[]>> | null;
  readonly meta?: Readonly<Record<string, readonly Readonly<Record<string, JsonValue>>[]>>;
  readonly subtotal?: number;
  readonly tax?: number;
  readonly total?: number;
  readonly throws?: string;
}

interface GoldenRollup {
  readonly period: string;
  readonly plan_code: string;
  readonly addons: readonly string[];
}

const golden = readJson('dev/golden/cases.json') as {
  readonly quote: Readonly<Record<string, QuoteCase>>;
  readonly proration: {
    readonly plan: number;
    readonly addon: number;
    readonly starts_on: string;
    readonly days: readonly [number, number];
    readonly lines: readonly number[];
    readonly first_invoice: number;
  };
  readonly metering: { readonly droplets: number; readonly period: string; readonly droplet_hours: number };
  readonly pilot_margin: GoldenRollup & {
    readonly droplet_hours: number;
    readonly revenue_cents: number;
    readonly tax_cents: number;
    readonly total_cents: number;
  };
  readonly rollup_studio_storage: GoldenRollup & {
    readonly usage: { readonly droplet_hours: number };
    readonly lines: Readonly<Record<string, number>>;
    readonly addon_description: string;
    readonly subtotal: number;
    readonly tax: number;
    readonly total: number;
  };
};
const further = readJson('test/domain/billingCases.json') as {
  readonly catalog: Catalog;
  readonly months: readonly MonthCase[];
};

const terms = termsOf({
  plans: [...seedCatalog.plans, ...further.catalog.plans],
  addons: [...seedCatalog.addons, ...further.catalog.addons],
  resource_prices: further.catalog.resource_prices,
});

/** A golden rollup as a month of a deployment that was there all the time, its droplets too. */
function wholeMonth(
  name: string,
  { period, plan_code, addons }: GoldenRollup,
  dropletHours: number,
  expected: Pick<MonthCase, 'lines' | 'subtotal' | 'tax' | 'total'>,
): MonthCase {
  const attached = addons.map((code) => ({ code, starts_on: period, ends_on: null }));
  return {
    name,
    period,
    subscription: { starts_on: period, plan: plan_code, addons: attached },
    usage: [{ kind: 'droplet_hours', per_day: (dropletHours / 30) * 3600 }],
    ...expected,
  };
}

const { pilot_margin: pilot, rollup_studio_storage: rollup } = golden;
const months: readonly MonthCase[] = [
  wholeMonth('the pilot in April: Studio with five droplets', pilot, pilot.droplet_hours, {
    lines: { plan_base: [5000], 'overage.droplet_hours': [2112] },
    subtotal: pilot.revenue_cents,
    tax: pilot.tax_cents,
    total: pilot.total_cents,
  }),
  wholeMonth('Studio and storage_50gb with three droplets in April', rollup, rollup.usage.droplet_hours, {
    lines: Object.fromEntries(Object.entries(rollup.lines).map(([type, amount]) => [type, [amount]])),
    subtotal: rollup.subtotal,
    tax: rollup.tax,
    total: rollup.total,
  }),
  ...further.months,
];

describe('a quote', () => {
  it.each(Object.entries(golden.quote))('of %s is what the golden case says', (_, expected) => {
    const quote = quoteOf(terms, expected);
    expect(quote.recurring.totalCents).toBe(expected.recurring);
    expect(quote.allInMonthlyCents).toBe(expected.all_in);
    const overage = Object.entries(expected.overage_lines ?? {});
    expect(
      Object.fromEntries(quote.overage.lines.map((line) => [line.resourceKind, line.amountCents])),
    ).toEqual(Object.fromEntries(overage));
    expect(quote.overage.totalCents).toBe(
      expected.overage ?? overage.reduce((all, [, cents]) => all + cents, 0),
    );
    expect({
      first_invoice: quote.firstInvoice.totalCents,
      first_invoice_lines: quote.firstInvoice.lines.map((line) => line.amountCents),
    }).toMatchObject({
      ...(expected.first_invoice === undefined ? {} : { first_invoice: expected.first_invoice }),
      ...(expected.first_invoice_lines === undefined
        ? {}
        : { first_invoice_lines: expected.first_invoice_lines }),
    });
  });

  it('prorates its first invoice as the golden case says, each line rounded', () => {
    const { plan, addon, starts_on, days, lines, first_invoice } = golden.proration;
    const quote = quoteOf(terms, {
      plan_code: 'studio',
      addons: ['storage_50gb'],
      starts_on,
      projected_usage: {},
    });
    expect(quote.firstInvoice.totalCents).toBe(first_invoice);
    expect(
      quote.firstInvoice.lines.map(({ qty, unitPriceCents, amountCents, meta }) => ({
        qty,
        unitPriceCents,
        amountCents,
        full: meta['full_price_cents'],
        fraction: meta['day_fraction'],
      })),
    ).toEqual(
      [plan, addon].map((full, index) => ({
        qty: '1',
        unitPriceCents: String(lines[index]),
        amountCents: lines[index],
        full,
        fraction: days.join('/'),
      })),
    );
  });
});

describe('metering', () => {
  it('counts the droplet-hours of the golden case', () => {
    const { droplets, period, droplet_hours } = golden.metering;
    const seconds = String(droplets * 30 * 86_400);
    expect(toBaseQuantity('droplet_hours', seconds, period).toFixed()).toBe(String(droplet_hours));
  });

  it("has the catalog's kinds and units", () => {
    const units = Object.entries(meterKinds).map(([kind, { baseUnit, overageUnit }]) => [
      kind,
      { base_unit: baseUnit, overage_unit: overageUnit },
    ]);
    expect(Object.fromEntries(units)).toEqual(seedCatalog.kinds);
  });
});

describe('an invoice', () => {
  it.each(months)('$name', (expected) => {
    const inputs = inputsOf(billed(expected));
    if (expected.lines === null || inputs === null) {
      expect([expected.lines, inputs]).toEqual([null, null]);
      return;
    }
    // What is stored is what is priced again.
    const stored = JSON.parse(JSON.stringify(inputs)) as typeof inputs;
    if (expected.throws !== undefined) {
      expect(() => priceInvoice(stored)).toThrow(expect.objectContaining({ code: expected.throws }));
      return;
    }
    const invoice = priceInvoice(stored);
    expect(byType(invoice.lines, (line) => line.amountCents)).toEqual({
      ...expected.lines,
      tax: [expected.tax],
    });
    expect(invoice.subtotalCents).toBe(expected.subtotal);
    expect(invoice.taxCents).toBe(expected.tax);
    expect(invoice.totalCents).toBe(expected.total);
    if (expected.meta !== undefined) {
      expect(byType(invoice.lines, (line) => line.meta)).toMatchObject(expected.meta);
    }
  });

  it('describes an addon as the golden case says', () => {
    const inputs = inputsOf(billed(wholeMonth('', rollup, 0, {})));
    const lines = inputs === null ? [] : priceInvoice(inputs).lines;
    expect(lines.filter((line) => line.type === 'addon').map((line) => line.description)).toEqual([
      rollup.addon_description,
    ]);
  });
});

function quoteOf(
  catalog: CatalogTerms,
  asked: Pick<QuoteCase, 'plan_code' | 'addons' | 'starts_on' | 'projected_usage'>,
) {
  return projectQuote({
    plan: catalog.plan(asked.plan_code),
    addons: asked.addons.map(catalog.addon),
    projectedUsage: Object.fromEntries(
      Object.entries(asked.projected_usage).map(([kind, qty]) => [kind, String(qty)]),
    ),
    resourcePrices: {},
    startsOn: asked.starts_on ?? '2026-04-01',
  });
}

function billed({ period, subscription, usage = [], adjustments = [] }: MonthCase) {
  const { starts_on: startsOn, plan, versions = [], pauses = [], addons = [] } = subscription;
  const bound = plan === undefined ? versions : [{ starts_on: startsOn, plan }];
  return {
    period,
    prices: terms.prices,
    timeline: {
      startsOn,
      cancelledAt: subscription.cancelled_at ?? null,
      trialEndsAt: subscription.trial_ends_at ?? null,
      versions: bound.map((version) => ({ startsOn: version.starts_on, plan: terms.plan(version.plan) })),
      pauses: pauses.map((pause) => ({ startsOn: pause.starts_on, endsOn: pause.ends_on })),
      addons: addons.map(({ code, starts_on, ends_on }) => ({
        ...terms.addon(code),
        startsOn: starts_on,
        endsOn: ends_on,
      })),
    },
    usage: usage.map(({ kind, from = period, until = nextPeriod(period), per_day }) => ({
      kind,
      from,
      until,
      perDay: String(per_day),
    })),
    adjustments: adjustments.map((amountCents, index) => ({
      id: String(index),
      deploymentId: null,
      description: 'Goodwill',
      amountCents,
      reason: 'asked for',
    })),
  };
}

/** What `pick` takes of each line, by type, and for overage by kind. */
function byType<Picked>(
  lines: readonly InvoiceLine[],
  pick: (line: InvoiceLine) => Picked,
): Record<string, Picked[]> {
  const picked: Record<string, Picked[]> = {};
  for (const line of lines) {
    const type = line.type === 'overage' ? `overage.${line.resourceKind}` : line.type;
    picked[type] = [...(picked[type] ?? []), pick(line)];
  }
  return picked;
}
