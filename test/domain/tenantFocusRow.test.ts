import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { checkFocus } from '../../scripts/checkFocusRules.ts';
import { type FocusVersion, focusVersions } from '../../src/domain/focusColumns.ts';
import type { FocusRow } from '../../src/domain/focusRow.ts';
import { Decimal, parseDecimal, sum } from '../../src/domain/money.ts';
import { creditNoteTax } from '../../src/domain/tax.ts';
import {
  type BilledInvoice,
  type BilledLine,
  creditNoteRows,
  invoiceLineRow,
  tenantFocusColumns,
  tenantFocusFields,
} from '../../src/domain/tenantFocusRow.ts';
import { type InvoiceInputs, priceInvoice } from '../../src/domain/tenantInvoice.ts';
import { invoiceInputs } from './arbitraryInvoice.ts';

const issuer = 'Arcadia Cloud Pty Ltd';
const invoice: BilledInvoice = {
  tenantId: 'acme',
  tenantName: 'Acme Pty Ltd',
  number: 'INV-000007',
  period: '2026-04-01',
  currency: 'AUD',
  taxName: 'GST',
};
/** A plan for a whole month, but for what a test names. */
const line = (named: Partial<BilledLine> = {}): BilledLine => ({
  lineNumber: 1,
  type: 'plan_base',
  deploymentId: 'd1',
  deployment: { name: 'Shop', region: 'syd1' },
  resourceKind: null,
  description: 'Plan: studio',
  qty: '1',
  unit: 'month',
  unitPriceCents: '5000',
  amountCents: 5000,
  servicePeriod: '2026-04-01',
  meta: {
    plan_code: 'studio',
    plan_version: 1,
    full_price_cents: 5000,
    day_fraction: '30/30',
    from: '2026-04-01',
    until: '2026-05-01',
  },
  ...named,
});
const rowOf = (named: Partial<BilledLine> = {}) => invoiceLineRow(issuer, invoice, line(named));

/** What our rules of a version find in a file of these rows. */
function faultsOf(version: FocusVersion, rows: readonly FocusRow[]): string[] {
  const columns = tenantFocusColumns(version);
  const check = checkFocus(
    version,
    columns.map(({ name }) => name),
  );
  for (const row of rows) check.row(tenantFocusFields(row, columns));
  return check.finish();
}

describe("a line of a tenant's invoice as a FOCUS row", () => {
  it('has the issuer as the one who sells, provides and invoices, the tenant as account, the deployment as sub account', () => {
    expect(rowOf()).toMatchObject({
      InvoiceIssuerName: issuer,
      ProviderName: issuer,
      PublisherName: issuer,
      ServiceProviderName: issuer,
      HostProviderName: issuer,
      BillingAccountId: 'acme',
      BillingAccountName: 'Acme Pty Ltd',
      BillingCurrency: 'AUD',
      BillingPeriodStart: '2026-04-01T00:00:00Z',
      BillingPeriodEnd: '2026-05-01T00:00:00Z',
      InvoiceId: 'INV-000007',
      InvoiceDetailId: '1',
      SubAccountId: 'd1',
      SubAccountName: 'Shop',
      RegionId: 'syd1',
      RegionName: 'Sydney 1',
    });
    const nameless = { ...invoice, tenantName: null };
    expect(invoiceLineRow(issuer, nameless, line({ deploymentId: null, deployment: null }))).toMatchObject({
      BillingAccountName: 'acme',
      SubAccountId: null,
      SubAccountName: null,
      RegionId: null,
    });
    expect(rowOf({ deployment: { name: '', region: null } })).toMatchObject({ SubAccountName: 'd1' });
  });

  it('charges a plan as usage that recurs, priced by the month', () => {
    expect(rowOf()).toMatchObject({
      ChargeCategory: 'Usage',
      ChargeClass: null,
      ChargeFrequency: 'Recurring',
      BilledCost: '50.00',
      EffectiveCost: '50.00',
      ListCost: '50.00',
      ContractedCost: '50.00',
      ListUnitPrice: '50.00',
      ContractedUnitPrice: '50.00',
      PricingQuantity: '1.00',
      PricingUnit: 'Months',
      ConsumedQuantity: '30.00',
      ConsumedUnit: 'Days',
      SkuId: 'plan/studio',
      SkuPriceId: 'plan/studio/month',
      ServiceName: 'Platform',
    });
  });

  it('charges a part of a month as that part of the full price, and bills it rounded', () => {
    const meta = { ...line().meta, day_fraction: '12/31', from: '2026-05-20', until: '2026-06-01' };
    const row = invoiceLineRow(
      issuer,
      { ...invoice, period: '2026-05-01' },
      line({ unitPriceCents: '1935', amountCents: 1935, servicePeriod: '2026-05-01', meta }),
    );
    expect(row).toMatchObject({
      BilledCost: '19.35',
      EffectiveCost: '19.35',
      ListUnitPrice: '50.00',
      PricingQuantity: '0.387096774193548',
      ListCost: '19.3548387096774',
      ConsumedQuantity: '12.00',
      ChargePeriodStart: '2026-05-20T00:00:00Z',
      ChargePeriodEnd: '2026-06-01T00:00:00Z',
    });
  });

  it('prices overage alone, and says all that was used', () => {
    const tokens = rowOf({
      type: 'overage',
      resourceKind: 'llm_tokens',
      description: 'Overage: llm_tokens',
      qty: '500.5',
      unit: '1k_tokens',
      unitPriceCents: '0.15',
      amountCents: 75,
      meta: { base_unit: 'token', used: '1500500', allowance: '1000000', overage: '500500', above_cap: '0' },
    });
    expect(tokens).toMatchObject({
      ChargeCategory: 'Usage',
      ChargeFrequency: 'Usage-Based',
      ConsumedQuantity: '1500500.00',
      ConsumedUnit: 'Tokens',
      PricingQuantity: '500.50',
      PricingUnit: '1000 Tokens',
      ListUnitPrice: '0.0015',
      ListCost: '0.75075',
      BilledCost: '0.75',
      SkuPriceId: 'usage/llm_tokens/1k_tokens',
      ServiceCategory: 'AI and Machine Learning',
      ChargePeriodStart: '2026-04-01T00:00:00Z',
    });
    const hours = rowOf({ type: 'overage', resourceKind: 'droplet_hours', unit: 'hour', meta: {} });
    expect(hours).toMatchObject({
      ServiceName: 'Droplets',
      ServiceCategory: 'Compute',
      PricingUnit: 'Hours',
    });
    const storage = rowOf({ type: 'addon', resourceKind: 'spaces_gb_month' });
    expect(storage).toMatchObject({ ServiceSubcategory: 'Object Storage', ChargeFrequency: 'Recurring' });
  });

  it('counts gateway charges in units of the currency, and calls those of an earlier month a correction', () => {
    const row = rowOf({
      type: 'llm_usage',
      description: 'LLM usage 2026-03',
      amountCents: -65,
      servicePeriod: '2026-03-01',
      meta: { charge: '12.345', charged_cents: 1235, billed_cents: 1300 },
    });
    expect(row).toMatchObject({
      ChargeCategory: 'Usage',
      ChargeClass: 'Correction',
      BilledCost: '-0.65',
      PricingQuantity: '-0.655',
      PricingUnit: 'AUD',
      ListUnitPrice: '1.00',
      ListCost: '-0.655',
      ChargePeriodStart: '2026-03-01T00:00:00Z',
      ChargePeriodEnd: '2026-04-01T00:00:00Z',
      BillingPeriodStart: '2026-04-01T00:00:00Z',
      ServiceName: 'LLM Gateway',
    });
  });

  it('has no quantity, price and SKU for taxes and adjustments', () => {
    for (const [type, category] of [
      ['tax', 'Tax'],
      ['adjustment', 'Adjustment'],
    ] as const) {
      const row = rowOf({ type, deploymentId: null, deployment: null, unit: 'each', meta: {} });
      expect([row['ChargeCategory'], row['ChargeFrequency']]).toEqual([category, 'One-Time']);
      expect([row['SkuId'], row['PricingQuantity'], row['ListUnitPrice'], row['ConsumedUnit']]).toEqual(
        Array(4).fill(undefined),
      );
    }
  });
});

describe('a credit note', () => {
  it('is a document of its own that corrects the period of its invoice, with its tax apart', () => {
    const note = { number: 'CN-000002', subtotalCents: 1000, taxCents: 100, reason: 'an outage' };
    const common = {
      InvoiceId: 'CN-000002',
      x_CreditedInvoiceId: 'INV-000007',
      ChargeClass: 'Correction',
      ChargePeriodStart: '2026-04-01T00:00:00Z',
      BillingPeriodStart: '2026-04-01T00:00:00Z',
    };
    expect(creditNoteRows(issuer, invoice, note)).toMatchObject([
      {
        ...common,
        ChargeCategory: 'Adjustment',
        BilledCost: '-10.00',
        ChargeDescription: 'Credit note for INV-000007: an outage',
      },
      { ...common, ChargeCategory: 'Tax', BilledCost: '-1.00', InvoiceDetailId: '2' },
    ]);
    expect(creditNoteRows(issuer, invoice, { ...note, taxCents: 0 })).toHaveLength(1);
  });
});

describe('the rows of whatever invoice', () => {
  const arbitrary = fc.tuple(
    invoiceInputs({ tenantId: 'acme', deploymentIds: ['d1', 'd2'] }),
    fc.array(fc.integer({ min: 1, max: 2000 }), { maxLength: 3 }),
  );

  /** Its rows, with those of credit notes of as much as the invoice has. */
  function rowsOf(inputs: InvoiceInputs, credits: readonly number[]) {
    const priced = priceInvoice(inputs);
    const billed = { ...invoice, currency: inputs.currency, taxName: inputs.tax.name };
    const rows = priced.lines.map((one, index) =>
      invoiceLineRow(issuer, billed, { ...one, lineNumber: index + 1, deployment: null }),
    );
    let creditedCents = 0;
    let totalCents = priced.totalCents;
    for (const [index, wanted] of credits.entries()) {
      const subtotalCents = Math.min(wanted, priced.subtotalCents - creditedCents);
      if (subtotalCents <= 0) continue;
      const taxCents = creditNoteTax(creditedCents, subtotalCents, inputs.tax.rate);
      const note = { number: `CN-${index}`, subtotalCents, taxCents, reason: 'test' };
      rows.push(...creditNoteRows(issuer, billed, note));
      creditedCents += subtotalCents;
      totalCents -= subtotalCents + taxCents;
    }
    return { rows, totalCents, isCredited: creditedCents > 0 };
  }
  const decimalOf = (row: FocusRow, column: string) => parseDecimal(row[column] ?? '');

  it('bill what the invoice is over less its credit notes, to the cent, and break no rule of FOCUS', () => {
    let credited = 0;
    fc.assert(
      fc.property(arbitrary, ([inputs, credits]) => {
        const { rows, totalCents, isCredited } = rowsOf(inputs, credits);
        for (const column of ['BilledCost', 'EffectiveCost'])
          expect(
            sum(rows.map((row) => decimalOf(row, column)))
              .times(100)
              .toFixed(),
          ).toBe(String(totalCents));
        for (const version of focusVersions) expect(faultsOf(version, rows)).toEqual([]);
        credited += Number(isCredited);
      }),
    );
    expect(credited).toBeGreaterThan(0);
  });

  it('cost what price and quantity say, and bill that rounded to the cent', () => {
    fc.assert(
      fc.property(arbitrary, ([inputs, credits]) => {
        for (const row of rowsOf(inputs, credits).rows) {
          const [list, billed] = [decimalOf(row, 'ListCost'), decimalOf(row, 'BilledCost')];
          expect(row['ContractedCost']).toBe(row['ListCost']);
          if (row['ListUnitPrice'] === undefined) {
            expect(list).toEqual(billed);
            continue;
          }
          expect(decimalOf(row, 'ListUnitPrice').times(decimalOf(row, 'PricingQuantity')).toFixed()).toBe(
            list.toFixed(),
          );
          // The places of a part of a month are limited: beyond half a cent by less than a thousandth of one.
          expect(list.minus(billed).abs().lte(new Decimal('0.00501'))).toBe(true);
        }
      }),
    );
  });
});
