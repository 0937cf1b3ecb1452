import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { AmountTooLarge } from '../../src/domain/money.ts';
import { quoteVersion } from '../../src/domain/quote.ts';
import { taxOn } from '../../src/domain/tax.ts';
import { type InvoiceInputs, priceInvoice, priceUsageMonth } from '../../src/domain/tenantInvoice.ts';
import { quoteInput } from './arbitraryTerms.ts';
import { seedCatalog, termsOf } from './catalogTerms.ts';

const terms = termsOf(seedCatalog);
const wholeApril = { month: 30, subscribed: 30, recurring: 30, usage: 30 };
const studio = { plan: terms.plan('studio'), addons: [], usage: [], days: wholeApril };

/** An invoice of nothing for April, with what a test names. */
function inputs(named: Partial<InvoiceInputs> = {}): InvoiceInputs {
  return {
    schema: 1,
    tenantId: 'tenant',
    period: '2026-04-01',
    currency: 'AUD',
    tax: { name: 'GST', country: 'AU', rate: '0.10' },
    deployments: [],
    llm: [],
    late: [],
    adjustments: [],
    billedElsewhere: [],
    ...named,
  };
}
const linesOf = (named: Partial<InvoiceInputs>) =>
  priceInvoice(inputs(named)).lines.filter((line) => line.type !== 'tax');

describe('an invoice', () => {
  it('of nothing has the tax of nothing', () => {
    expect(priceInvoice(inputs())).toEqual({
      lines: [
        {
          type: 'tax',
          deploymentId: null,
          resourceKind: null,
          description: 'GST 10%',
          qty: '1',
          unit: 'each',
          unitPriceCents: '0',
          amountCents: 0,
          servicePeriod: '2026-04-01',
          meta: { country: 'AU', rate: '0.10', taxable_cents: 0 },
        },
      ],
      subtotalCents: 0,
      taxCents: 0,
      totalCents: 0,
    });
  });

  it('has what each version of each deployment is quoted, with its days', () => {
    const deployment = (deploymentId: string) => ({
      deploymentId,
      slug: deploymentId,
      versions: [{ from: '2026-04-01', until: '2026-05-01', quote: studio }],
    });
    const [quoted] = quoteVersion(studio);
    expect(linesOf({ deployments: [deployment('b'), deployment('a')] })).toEqual(
      ['b', 'a'].map((deploymentId) => ({
        type: 'plan_base',
        deploymentId,
        resourceKind: null,
        description: 'Plan: studio',
        qty: '1',
        unit: 'month',
        unitPriceCents: '5000',
        amountCents: 5000,
        servicePeriod: '2026-04-01',
        meta: { ...quoted?.meta, from: '2026-04-01', until: '2026-05-01' },
      })),
    );
  });

  it('lists deployments, gateway charges, late usage, what others billed, manual lines, and the tax at last', () => {
    const invoice = priceInvoice(
      inputs({
        deployments: [
          {
            deploymentId: 'a',
            slug: 'a',
            versions: [{ from: '2026-04-01', until: '2026-05-01', quote: studio }],
          },
        ],
        llm: [{ deploymentId: 'a', usageMonth: '2026-04-01', charge: '1', billedCents: 0 }],
        late: [{ deploymentId: 'a', usageMonth: '2026-03-01', shouldBeCents: 20, billedCents: 10 }],
        billedElsewhere: [{ deploymentId: 'a', billedCents: 30 }],
        adjustments: [
          { id: '1', deploymentId: null, description: 'Goodwill', amountCents: -5, reason: 'asked' },
        ],
      }),
    );
    expect(invoice.lines.map((line) => [line.type, line.amountCents])).toEqual([
      ['plan_base', 5000],
      ['llm_usage', 100],
      ['adjustment', 10],
      ['adjustment', -30],
      ['adjustment', -5],
      ['tax', 508],
    ]);
    expect([invoice.subtotalCents, invoice.taxCents, invoice.totalCents]).toEqual([5075, 508, 5583]);
  });

  it('bills gateway charges of a month, rounded once, less what was billed of them; the line names the month', () => {
    const llm = { deploymentId: 'a', usageMonth: '2026-03-01', charge: '12.345', billedCents: 0 };
    expect(linesOf({ llm: [llm] })).toEqual([
      {
        type: 'llm_usage',
        deploymentId: 'a',
        resourceKind: null,
        description: 'LLM usage 2026-03',
        qty: '1',
        unit: 'each',
        unitPriceCents: '1235',
        amountCents: 1235,
        servicePeriod: '2026-03-01',
        meta: { charge: '12.345', charged_cents: 1235, billed_cents: 0 },
      },
    ]);
    const [late] = linesOf({ llm: [{ ...llm, billedCents: 1000 }] });
    expect([late?.amountCents, late?.unitPriceCents, late?.meta['billed_cents']]).toEqual([235, '235', 1000]);
    expect(linesOf({ llm: [{ ...llm, billedCents: 1300 }] })[0]?.amountCents).toBe(-65);
    expect(linesOf({ llm: [{ ...llm, billedCents: 1235 }] })).toEqual([]);
    expect(linesOf({ llm: [{ ...llm, charge: '0.004999' }] })).toEqual([]);
  });

  it('bills late usage as what the month should have been less what was billed, naming the month', () => {
    const late = { deploymentId: 'a', usageMonth: '2026-02-01', shouldBeCents: 900, billedCents: 1000 };
    expect(linesOf({ late: [late] })).toEqual([
      {
        type: 'adjustment',
        deploymentId: 'a',
        resourceKind: null,
        description: 'Late or corrected usage of 2026-02',
        qty: '1',
        unit: 'each',
        unitPriceCents: '-100',
        amountCents: -100,
        servicePeriod: '2026-02-01',
        meta: { should_be_cents: 900, billed_cents: 1000 },
      },
    ]);
    expect(linesOf({ late: [{ ...late, billedCents: 900 }] })).toEqual([]);
  });

  it('takes off what other invoices billed for the month', () => {
    expect(linesOf({ billedElsewhere: [{ deploymentId: 'a', billedCents: 250 }] })).toEqual([
      {
        type: 'adjustment',
        deploymentId: 'a',
        resourceKind: null,
        description: 'Billed for 2026-04 by other invoices',
        qty: '1',
        unit: 'each',
        unitPriceCents: '-250',
        amountCents: -250,
        servicePeriod: '2026-04-01',
        meta: { billed_cents: 250 },
      },
    ]);
    expect(linesOf({ billedElsewhere: [{ deploymentId: 'a', billedCents: 0 }] })).toEqual([]);
  });

  it('shows a manual line with its reason, one of nothing too', () => {
    const adjustment = {
      id: '7',
      deploymentId: 'a',
      description: 'Goodwill',
      amountCents: 0,
      reason: 'asked',
    };
    expect(linesOf({ adjustments: [adjustment] })).toEqual([
      {
        type: 'adjustment',
        deploymentId: 'a',
        resourceKind: null,
        description: 'Goodwill',
        qty: '1',
        unit: 'each',
        unitPriceCents: '0',
        amountCents: 0,
        servicePeriod: '2026-04-01',
        meta: { adjustment_id: '7', reason: 'asked' },
      },
    ]);
  });

  it('has no tax line where no tax applies, and shows the rate where one does', () => {
    const adjustments = [
      { id: '1', deploymentId: null, description: 'Fee', amountCents: 1000, reason: 'asked' },
    ];
    const exported = priceInvoice(inputs({ adjustments, tax: { name: null, country: 'US', rate: '0' } }));
    expect(exported.lines.map((line) => line.type)).toEqual(['adjustment']);
    expect([exported.taxCents, exported.totalCents]).toEqual([0, 1000]);
    const taxed = priceInvoice(inputs({ adjustments, tax: { name: 'VAT', country: 'GB', rate: '0.175' } }));
    expect(taxed.lines.at(-1)).toMatchObject({
      description: 'VAT 17.5%',
      amountCents: 175,
      meta: { country: 'GB', rate: '0.175', taxable_cents: 1000 },
    });
  });

  it('adds up: lines are subtotal and tax, the tax is on the subtotal, and stored inputs price the same again', () => {
    const arbitrary = fc.record({
      quotes: fc.array(quoteInput, { maxLength: 3 }),
      llm: fc.array(fc.tuple(fc.nat(10 ** 9), fc.nat(10 ** 6)), { maxLength: 2 }),
      late: fc.array(fc.tuple(fc.nat(10 ** 6), fc.nat(10 ** 6)), { maxLength: 2 }),
      adjustments: fc.array(fc.integer({ min: -(10 ** 6), max: 10 ** 6 }), { maxLength: 2 }),
      rate: fc.constantFrom('0.10', '0.15', '0'),
    });
    fc.assert(
      fc.property(arbitrary, ({ quotes, llm, late, adjustments, rate }) => {
        const given = inputs({
          tax: { name: 'GST', country: 'AU', rate },
          deployments: quotes.map((quote, index) => ({
            deploymentId: String(index),
            slug: String(index),
            versions: [{ from: '2026-04-01', until: '2026-05-01', quote }],
          })),
          llm: llm.map(([micros, billedCents]) => ({
            deploymentId: 'a',
            usageMonth: '2026-03-01',
            charge: (BigInt(micros) * 1n).toString(),
            billedCents,
          })),
          late: late.map(([shouldBeCents, billedCents]) => ({
            deploymentId: 'a',
            usageMonth: '2026-03-01',
            shouldBeCents,
            billedCents,
          })),
          adjustments: adjustments.map((amountCents, index) => ({
            id: String(index),
            deploymentId: null,
            description: 'Manual',
            amountCents,
            reason: 'asked',
          })),
        });
        const invoice = priceInvoice(given);
        const amounts = invoice.lines.map((line) => line.amountCents);
        expect(amounts.reduce((all, amount) => all + amount, 0)).toBe(invoice.totalCents);
        expect(invoice.subtotalCents + invoice.taxCents).toBe(invoice.totalCents);
        expect(invoice.taxCents).toBe(taxOn(invoice.subtotalCents, rate));
        expect(priceInvoice(JSON.parse(JSON.stringify(given)) as InvoiceInputs)).toEqual(invoice);
        expect(JSON.parse(JSON.stringify(invoice))).toEqual(invoice);
      }),
    );
  });

  it('refuses a sum that no number of cents holds exactly', () => {
    const adjustment = { id: '1', deploymentId: null, description: 'Huge', reason: 'asked' };
    const adjustments = [Number.MAX_SAFE_INTEGER, 1].map((amountCents) => ({ ...adjustment, amountCents }));
    expect(() => priceInvoice(inputs({ adjustments }))).toThrow(AmountTooLarge);
    expect(() => priceInvoice(inputs({ adjustments: adjustments.slice(0, 1) }))).toThrow(AmountTooLarge);
  });
});

describe("a deployment's month", () => {
  it('is what its recurring and overage lines add up to', () => {
    fc.assert(
      fc.property(fc.array(quoteInput, { maxLength: 3 }), (quotes) => {
        const versions = quotes.map((quote) => ({ from: '2026-04-01', until: '2026-05-01', quote }));
        const invoice = priceInvoice(inputs({ deployments: [{ deploymentId: 'a', slug: 'a', versions }] }));
        expect(priceUsageMonth({ versions })).toBe(invoice.subtotalCents);
      }),
    );
  });
});
