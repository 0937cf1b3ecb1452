import type { Day } from './calendar.ts';
import type { JsonValue } from './errors.ts';
import { type ExportColumn, exportColumns, type FocusVersion } from './focusColumns.ts';
import type { FocusRow } from './focusRow.ts';
import { type FocusService, focusRegionName, focusService } from './focusServices.ts';
import type { MeterKind } from './meters.ts';
import { Decimal, parseDecimal, toAmountText } from './money.ts';
import { nextPeriod, type Period } from './period.ts';
import type { InvoiceLineType } from './tenantInvoice.ts';

/** What the rows of a tenant's invoice say of the whole of it. */
export interface BilledInvoice {
  readonly tenantId: string;
  /** Whom it is made out to, where that was known. */
  readonly tenantName: string | null;
  /** `INV-000001`. */
  readonly number: string;
  readonly period: Period;
  readonly currency: string;
  readonly taxName: string | null;
}

/** A line of it, with the deployment that it is for. */
export interface BilledLine {
  readonly lineNumber: number;
  readonly type: InvoiceLineType;
  readonly deploymentId: string | null;
  readonly deployment: { readonly name: string; readonly region: string | null } | null;
  readonly resourceKind: string | null;
  readonly description: string;
  readonly qty: string;
  readonly unit: string;
  readonly unitPriceCents: string;
  readonly amountCents: number;
  readonly servicePeriod: Period;
  /** As src/domain/tenantInvoice.ts and src/domain/quote.ts write it. */
  readonly meta: Readonly<Record<string, JsonValue>>;
}

/** A credit note of it; positive cents. */
export interface BilledCredit {
  /** `CN-000001`. */
  readonly number: string;
  readonly subtotalCents: number;
  readonly taxCents: number;
  readonly reason: string;
}

/**
 * Columns beside those that every export has: prices are known here, in the currency of the invoice, and what a credit note credits has
 * no column of FOCUS.
 */
const ownColumns = [
  'ContractedUnitPrice',
  'InvoiceDetailId',
  'ListUnitPrice',
  'PricingCurrency',
  'PricingCurrencyContractedUnitPrice',
  'PricingCurrencyEffectiveCost',
  'PricingCurrencyListUnitPrice',
  'x_CreditedInvoiceId',
];

/** The columns of an export of tenants' charges. */
export const tenantFocusColumns = (version: FocusVersion): ExportColumn[] =>
  exportColumns(version, ownColumns);

/** The fields of a row in the order of `columns`. */
export const tenantFocusFields = (row: FocusRow, columns: readonly ExportColumn[]): (string | null)[] =>
  columns.map(({ name, customKey }) => row[customKey ?? name] ?? null);

/**
 * A line of a tenant's invoice in the words of FOCUS: `issuer` sells, provides and invoices, the tenant is the billing account, the
 * deployment the sub account. docs/flows/focusExport.md has the rules.
 */
export function invoiceLineRow(issuer: string, invoice: BilledInvoice, line: BilledLine): FocusRow {
  const { period, number } = invoice;
  const { deploymentId, deployment, servicePeriod, amountCents } = line;
  const region = deployment?.region ?? null;
  return {
    ...ofEveryRow(issuer, invoice),
    ...billedCosts(amountCents),
    ...(isPriced(line) ? pricedCosts(line, invoice.currency) : {}),
    InvoiceId: number,
    InvoiceDetailId: String(line.lineNumber),
    ChargeCategory: categories[line.type],
    ChargeClass: servicePeriod < period ? 'Correction' : null,
    ChargeFrequency: frequencies[line.type],
    ChargeDescription: line.description,
    ...chargePeriod(line),
    ...serviceOf(line),
    SubAccountId: deploymentId,
    SubAccountName: deploymentId === null ? null : deployment?.name || deploymentId,
    RegionId: region,
    RegionName: region === null ? null : focusRegionName(region),
  };
}

/**
 * A credit note as rows of the period of the invoice that it credits: what it gives back before tax, and the tax on that where there
 * is any. A document of its own, so that the rows of each document add up to what it says.
 */
export function creditNoteRows(issuer: string, invoice: BilledInvoice, note: BilledCredit): FocusRow[] {
  const row = (detail: number, cents: number, columns: FocusRow): FocusRow => ({
    ...ofEveryRow(issuer, invoice),
    ...billedCosts(-cents),
    InvoiceId: note.number,
    InvoiceDetailId: String(detail),
    ChargeClass: 'Correction',
    ChargeFrequency: 'One-Time',
    ChargePeriodStart: startOfDay(invoice.period),
    ChargePeriodEnd: startOfDay(nextPeriod(invoice.period)),
    x_CreditedInvoiceId: invoice.number,
    ...columns,
  });
  const credited = `Credit note for ${invoice.number}: ${note.reason}`;
  const net = row(1, note.subtotalCents, {
    ChargeCategory: 'Adjustment',
    ChargeDescription: credited,
    ...adjustments,
  });
  if (note.taxCents === 0) return [net];
  return [
    net,
    row(2, note.taxCents, {
      ChargeCategory: 'Tax',
      ChargeDescription: `${invoice.taxName ?? 'Tax'}: ${credited}`,
      ...tax,
    }),
  ];
}

function ofEveryRow(issuer: string, { tenantId, tenantName, period, currency }: BilledInvoice): FocusRow {
  return {
    BillingAccountId: tenantId,
    BillingAccountName: tenantName || tenantId,
    BillingCurrency: currency,
    PricingCurrency: currency,
    BillingPeriodStart: startOfDay(period),
    BillingPeriodEnd: startOfDay(nextPeriod(period)),
    InvoiceIssuerName: issuer,
    ProviderName: issuer,
    PublisherName: issuer,
    ServiceProviderName: issuer,
    HostProviderName: issuer,
  };
}

/** Plans and addons are billed after the month, by its days: usage, as in the specification's example of monthly licences. */
const categories: Readonly<Record<InvoiceLineType, string>> = {
  plan_base: 'Usage',
  addon: 'Usage',
  overage: 'Usage',
  llm_usage: 'Usage',
  adjustment: 'Adjustment',
  tax: 'Tax',
};
const frequencies: Readonly<Record<InvoiceLineType, string>> = {
  plan_base: 'Recurring',
  addon: 'Recurring',
  overage: 'Usage-Based',
  llm_usage: 'Usage-Based',
  adjustment: 'One-Time',
  tax: 'One-Time',
};

/** The days of the plan version that a quoted line names; else its month. */
function chargePeriod({ meta, servicePeriod }: BilledLine): FocusRow {
  const { from, until } = meta;
  const hasDays = typeof from === 'string' && typeof until === 'string';
  return {
    ChargePeriodStart: startOfDay(hasDays ? from : servicePeriod),
    ChargePeriodEnd: startOfDay(hasDays ? until : nextPeriod(servicePeriod)),
  };
}

// ---- services

const asService = (name: string, category: string, subcategory: string): FocusRow => ({
  ServiceName: name,
  ServiceCategory: category,
  ServiceSubcategory: subcategory,
});
const platform = asService('Platform', 'Web', 'Application Platforms');
const llm = asService('LLM Gateway', 'AI and Machine Learning', 'Generative AI');
const adjustments = asService('Adjustments', 'Other', 'Other (Other)');
const tax = asService('Tax', 'Other', 'Other (Other)');

/** The product whose service a kind is part of; tokens are the gateway's. */
const products: Readonly<Record<Exclude<MeterKind, 'llm_tokens'>, string>> = {
  droplet_hours: 'Droplets',
  spaces_gb_month: 'Spaces',
  snapshot_gb_month: 'Snapshots',
  volume_gb_month: 'Volumes',
  bandwidth_gb: 'Bandwidth',
  dns_zones: 'Domains',
};

function serviceOf({ type, resourceKind }: BilledLine): FocusRow {
  if (type === 'tax') return tax;
  if (type === 'adjustment') return adjustments;
  if (type === 'plan_base') return platform;
  if (type === 'llm_usage' || resourceKind === 'llm_tokens') return llm;
  const service = serviceOfKind(resourceKind);
  return service === null ? platform : asService(service.name, service.category, service.subcategory);
}

const serviceOfKind = (kind: string | null): FocusService | null =>
  kind !== null && Object.hasOwn(products, kind)
    ? focusService(products[kind as keyof typeof products], '')
    : null;

const meterOf = (kind: string | null): string => serviceOfKind(kind)?.meter ?? 'LLM Tokens';

// ---- prices and quantities

/** What was consumed and what of it is priced. */
interface Quantities {
  readonly consumed: Decimal;
  readonly consumedUnit: string;
  readonly priced: Decimal;
  readonly unit: string;
  /** For one of `unit`, in units of the currency. */
  readonly unitPrice: Decimal;
}

const isPriced = ({ type }: BilledLine): boolean => type !== 'tax' && type !== 'adjustment';

/** Without a price, the list and contracted cost are what is billed. */
function billedCosts(cents: number): FocusRow {
  const cost = toAmountText(fromCents(cents));
  return {
    BilledCost: cost,
    ContractedCost: cost,
    EffectiveCost: cost,
    ListCost: cost,
    PricingCurrencyEffectiveCost: cost,
  };
}

/** The list and contracted cost are price × quantity, not rounded; the billed cost is that, rounded to the cent. */
function pricedCosts(line: BilledLine, currency: string): FocusRow {
  const { consumed, consumedUnit, priced, unit, unitPrice } = quantitiesOf(line, currency);
  const cost = toAmountText(unitPrice.times(priced));
  const price = toAmountText(unitPrice);
  return {
    ConsumedQuantity: toAmountText(consumed),
    ConsumedUnit: consumedUnit,
    ContractedCost: cost,
    ContractedUnitPrice: price,
    ListCost: cost,
    ListUnitPrice: price,
    PricingCategory: 'Standard',
    PricingCurrencyContractedUnitPrice: price,
    PricingCurrencyListUnitPrice: price,
    PricingQuantity: toAmountText(priced),
    PricingUnit: unit,
    ...skuOf(line),
  };
}

function quantitiesOf(line: BilledLine, currency: string): Quantities {
  if (line.type === 'llm_usage') return gatewayCharges(line, currency);
  if (line.type === 'overage') return overage(line);
  return recurring(line);
}

/** Days out of a month, at the price of the whole month. */
function recurring(line: BilledLine): Quantities {
  const { day_fraction: fraction, full_price_cents: fullCents } = line.meta;
  const [days, monthDays] = typeof fraction === 'string' ? fraction.split('/').map(Number) : [];
  if (days === undefined || monthDays === undefined || typeof fullCents !== 'number')
    return asOnInvoice(line);
  return {
    consumed: new Decimal(days),
    consumedUnit: 'Days',
    // A part of a month has no end as a decimal; this many places move no cent of any price.
    priced: new Decimal(days).dividedBy(monthDays).toDecimalPlaces(monthPlaces),
    unit: 'Months',
    unitPrice: fromCents(fullCents),
  };
}
const monthPlaces = 15;

/** Of what was used, the part above the allowance (and below the cap) is priced. */
function overage(line: BilledLine): Quantities {
  const { used, base_unit: baseUnit } = line.meta;
  const onInvoice = asOnInvoice(line);
  if (typeof used !== 'string' || typeof baseUnit !== 'string') return onInvoice;
  return { ...onInvoice, consumed: parseDecimal(used), consumedUnit: unitName(baseUnit) };
}

/**
 * The gateway sets the price of each request, and we bill its charges as they are: what is counted is its charge, in units of the
 * currency, each at one. Less what other invoices billed of the month.
 */
function gatewayCharges({ meta, amountCents }: BilledLine, currency: string): Quantities {
  const { charge, billed_cents: billedCents } = meta;
  const isKnown = typeof charge === 'string' && typeof billedCents === 'number';
  const quantity = isKnown ? parseDecimal(charge).minus(fromCents(billedCents)) : fromCents(amountCents);
  return {
    consumed: quantity,
    consumedUnit: currency,
    priced: quantity,
    unit: currency,
    unitPrice: new Decimal(1),
  };
}

function asOnInvoice({ qty, unit, unitPriceCents }: BilledLine): Quantities {
  const quantity = parseDecimal(qty);
  return {
    consumed: quantity,
    consumedUnit: unitName(unit),
    priced: quantity,
    unit: unitName(unit),
    unitPrice: parseDecimal(unitPriceCents).dividedBy(100),
  };
}

/** The units of invoices as FOCUS writes them. A GB of ours has 2^30 bytes. */
const unitNames: Readonly<Record<string, string>> = {
  month: 'Months',
  hour: 'Hours',
  gb_month: 'GiB-Months',
  gb: 'GiB',
  zone: 'Zones',
  token: 'Tokens',
  '1k_tokens': '1000 Tokens',
  each: 'Units',
};
const unitName = (unit: string): string => unitNames[unit] ?? unit;

/** Neither price nor currency nor tenant is part of it: it stays the same while those change. */
function skuOf({ type, meta, unit, resourceKind, description }: BilledLine): FocusRow {
  const textOf = (key: string) => (typeof meta[key] === 'string' ? meta[key] : description);
  switch (type) {
    case 'plan_base':
      return sku(`plan/${textOf('plan_code')}`, 'month', 'Plan');
    case 'addon':
      return sku(`addon/${textOf('addon_code')}`, 'month', 'Addon');
    case 'llm_usage':
      return sku('llm_usage', 'charge', 'LLM Gateway Charges');
    default:
      return sku(`usage/${resourceKind ?? description}`, unit, meterOf(resourceKind));
  }
}

const sku = (id: string, price: string, meter: string): FocusRow => ({
  SkuId: id,
  SkuPriceId: `${id}/${price}`,
  SkuMeter: meter,
});

const fromCents = (cents: number): Decimal => new Decimal(cents).dividedBy(100);
const startOfDay = (day: Day): string => `${day}T00:00:00Z`;
