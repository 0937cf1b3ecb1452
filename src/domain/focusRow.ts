import type { JsonValue } from './errors.ts';
import type { ExportColumn, FocusType } from './focusColumns.ts';
import {
  type FocusService,
  focusProviderName,
  focusRegionName,
  focusResourceType,
  focusService,
} from './focusServices.ts';
import { Decimal, toAmountText } from './money.ts';
import { type Period, periodBounds } from './period.ts';

/** A cost line with what an export says of its invoice, project and resource. */
export interface ExportLine {
  readonly provider: string;
  readonly invoiceUuid: string;
  /** The period of the invoice. */
  readonly period: Period;
  readonly lineNumber: number;
  readonly product: string;
  readonly groupDescription: string;
  readonly description: string;
  readonly hours: string | null;
  readonly chargeStart: Date;
  readonly chargeEnd: Date;
  readonly billedCost: string;
  readonly currency: string;
  readonly projectName: string | null;
  /** The provider's id of that project, where exactly one has the name. */
  readonly projectId: string | null;
  readonly category: string | null;
  readonly lineClass: 'resource' | 'shared' | 'tax' | 'credit' | 'unexplained';
  readonly kind: string | null;
  readonly resourceName: string | null;
  readonly providerResourceId: string | null;
  readonly resource: {
    readonly externalId: string;
    readonly kind: string;
    readonly name: string;
    readonly region: string | null;
    readonly tags: readonly string[];
  } | null;
  readonly extra: Readonly<Record<string, JsonValue>>;
}

/** The values of a row by the name of the column; null where there is none. */
export type FocusRow = Readonly<Record<string, string | null>>;

export const chargeCategories = ['Usage', 'Purchase', 'Tax', 'Credit', 'Adjustment'] as const;
export type ChargeCategory = (typeof chargeCategories)[number];

/**
 * A cost line in the words of FOCUS. Lines that came from a FOCUS file say what they said there; lines of other invoices are
 * told by product, class and resource. docs/flows/focusExport.md has the rules.
 */
export function toFocusRow(line: ExportLine): FocusRow {
  const category = chargeCategories.find((name) => name === line.category);
  return category === undefined ? ofInvoiceLine(line) : ofFocusLine(line, category);
}

/** The fields of a row in the order of `columns`, each written as its type asks. */
export function focusFields(line: ExportLine, columns: readonly ExportColumn[]): (string | null)[] {
  const row = toFocusRow(line);
  return columns.map(({ name, type, customKey, isOurs }) => {
    if (customKey !== null) return keptText(line, customKey);
    return written(row[name] ?? (isOurs === true ? null : keptText(line, name)), type);
  });
}

/** What both kinds of lines have in common: the columns of which the cost line itself is the record. */
function ofEveryLine(line: ExportLine): FocusRow {
  const billing = periodBounds(line.period);
  const billedCost = toAmountText(new Decimal(line.billedCost));
  const provider = focusProviderName(line.provider);
  return {
    BilledCost: billedCost,
    BillingAccountId: line.provider,
    BillingAccountName: provider,
    BillingCurrency: line.currency,
    BillingPeriodStart: toTime(billing.start),
    BillingPeriodEnd: toTime(billing.end),
    ChargeDescription: line.description,
    ChargePeriodStart: toTime(line.chargeStart),
    ChargePeriodEnd: toTime(line.chargeEnd),
    // No discount and no commitment stands behind these invoices: what was billed is what was agreed and listed.
    ContractedCost: billedCost,
    EffectiveCost: billedCost,
    ListCost: billedCost,
    InvoiceId: line.invoiceUuid,
    InvoiceDetailId: String(line.lineNumber),
    x_InvoiceDetailId: String(line.lineNumber),
    InvoiceIssuerName: provider,
    ProviderName: provider,
    PublisherName: provider,
    ServiceProviderName: provider,
    HostProviderName: provider,
  };
}

// ---- lines of an invoice in a format of its own

function ofInvoiceLine(line: ExportLine): FocusRow {
  const isCorrection = line.chargeEnd <= periodBounds(line.period).start;
  const category = categoryOf(line, isCorrection);
  const service = focusService(line.product, focusProviderName(line.provider));
  return {
    ...ofEveryLine(line),
    ChargeCategory: category,
    ChargeClass: isCorrection ? 'Correction' : null,
    ChargeFrequency: category === 'Usage' ? 'Usage-Based' : 'One-Time',
    ServiceName: service.name,
    ServiceCategory: service.category,
    ServiceSubcategory: service.subcategory,
    SubAccountId: line.projectId ?? line.projectName,
    SubAccountName: line.projectName,
    ...resourceOf(line, service),
    ...(category === 'Usage' ? usageOf(line, service) : {}),
  };
}

/** Usage is the rule; a charge for a period that was invoiced before is an adjustment, unless it is a tax or a credit. */
function categoryOf({ lineClass }: ExportLine, isCorrection: boolean): ChargeCategory {
  if (lineClass === 'tax') return 'Tax';
  if (lineClass === 'credit') return 'Credit';
  return lineClass === 'unexplained' || isCorrection ? 'Adjustment' : 'Usage';
}

/** The matched resource as the inventory knows it; else the id that the invoice gives. A name alone is no id. */
function resourceOf(line: ExportLine, service: FocusService): FocusRow {
  const { resource } = line;
  if (resource !== null) {
    return {
      ResourceId: resource.externalId,
      ResourceName: resource.name,
      ResourceType: focusResourceType(resource.kind),
      RegionId: resource.region,
      RegionName: resource.region === null ? null : focusRegionName(resource.region),
      Tags: tagsText(resource.tags),
    };
  }
  if (line.providerResourceId === null || line.lineClass !== 'resource') return {};
  return {
    ResourceId: line.providerResourceId,
    ResourceName: line.resourceName,
    ResourceType: line.kind === null ? service.name : focusResourceType(line.kind),
  };
}

function usageOf(line: ExportLine, service: FocusService): FocusRow {
  const hours = toDecimalText(line.hours === null ? hoursCharged(line) : new Decimal(line.hours));
  const sku = skuOf(line, service);
  return {
    ConsumedQuantity: hours,
    ConsumedUnit: 'Hours',
    PricingCategory: 'Standard',
    PricingQuantity: hours,
    PricingUnit: 'Hours',
    SkuId: sku,
    SkuPriceId: sku,
    SkuMeter: service.meter,
  };
}

/** A line without hours is charged for the time that it covers. */
function hoursCharged({ chargeStart, chargeEnd }: ExportLine): Decimal {
  return new Decimal(chargeEnd.getTime() - chargeStart.getTime()).dividedBy(3_600_000).toDecimalPlaces(6);
}

const sizeSlug = /\(([a-z][a-z0-9_.]*(?:-[a-z0-9_.]+)+)\)\s*$/;

/** What is priced: the service, with the size that the description ends with, or with the description where that is the price. */
function skuOf({ description }: ExportLine, service: FocusService): string {
  const part = service.skuInDescription
    ? (description.split('(')[0] ?? '')
    : (sizeSlug.exec(description)?.[1] ?? '');
  const slug = [service.name, part].map(toSlug).filter((text) => text !== '');
  return slug.length === 0 ? service.name : slug.join('/');
}

function toSlug(text: string): string {
  return text
    .toLowerCase()
    .replaceAll(/[^a-z0-9._-]+/g, '-')
    .replaceAll(/^-+|-+$/g, '');
}

/** `key:value` is split at the first colon; a tag without a value is true, and so is the second one of a key. */
function tagsText(tags: readonly string[]): string | null {
  if (tags.length === 0) return null;
  const values = new Map<string, string | true>();
  for (const tag of tags) {
    const colon = tag.indexOf(':');
    const key = tag.slice(0, colon);
    if (colon > 0 && !values.has(key)) values.set(key, tag.slice(colon + 1));
    else values.set(tag, true);
  }
  return JSON.stringify(Object.fromEntries(values));
}

// ---- lines of a FOCUS file

/** What the file said, where it was kept; where it lacks a column that a later version demands, the nearest that it has. */
function ofFocusLine(line: ExportLine, category: ChargeCategory): FocusRow {
  const everyLine = ofEveryLine(line);
  const kept = (name: string) => keptText(line, name);
  const first = (...names: readonly string[]) => names.map(kept).find((value) => value !== null) ?? null;
  const invoice = everyLine['InvoiceIssuerName'] ?? null;
  const id = line.providerResourceId;
  const billed = Object.fromEntries(
    Object.entries(everyLine).map(([name, value]) => [
      name,
      lineDecides.has(name) ? value : (kept(name) ?? value),
    ]),
  );
  const detailId = kept('InvoiceId') === null ? null : (billed['InvoiceDetailId'] ?? null);
  return {
    ...billed,
    // Where the file named no invoice, the id under which we keep its charges is ours alone.
    InvoiceId: kept('InvoiceId'),
    InvoiceDetailId: detailId,
    x_InvoiceDetailId: detailId,
    ChargeCategory: category,
    ChargeFrequency: kept('ChargeFrequency') ?? (category === 'Usage' ? 'Usage-Based' : 'One-Time'),
    ServiceName: line.product,
    ServiceCategory: line.groupDescription,
    ServiceSubcategory: kept('ServiceSubcategory') ?? `Other (${line.groupDescription})`,
    SubAccountId: kept('SubAccountId') ?? line.projectName,
    SubAccountName: line.projectName ?? kept('SubAccountId'),
    ResourceId: id,
    ResourceName: id === null ? null : (kept('ResourceName') ?? line.resourceName),
    ResourceType: id === null ? null : (kept('ResourceType') ?? line.product),
    // 1.3 renamed them: the publisher sold the service, and the provider hosted it.
    ProviderName: first('ProviderName', 'HostProviderName', 'ServiceProviderName') ?? invoice,
    PublisherName: first('PublisherName', 'ServiceProviderName', 'ProviderName') ?? invoice,
    ServiceProviderName: first('ServiceProviderName', 'PublisherName', 'ProviderName') ?? invoice,
    HostProviderName: first('HostProviderName', 'ProviderName', 'PublisherName') ?? invoice,
  };
}

/** Where a file's own words differ from the cost line, the line is right: these were read, checked and added up. */
const lineDecides: ReadonlySet<string> = new Set([
  'BilledCost',
  'BillingCurrency',
  'ChargeDescription',
  'ChargePeriodStart',
  'ChargePeriodEnd',
]);

/** A column that the cost line keeps; null where it has none, and where a file says so by an empty text or the word NULL. */
function keptText({ extra }: ExportLine, name: string): string | null {
  const value = Object.hasOwn(extra, name) ? extra[name] : null;
  if (value === null || value === undefined) return null;
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.trim() === '' || text === 'NULL' ? null : text;
}

// ---- how values are written

function written(value: string | null, type: FocusType): string | null {
  if (value === null) return null;
  if (type === 'decimal') return decimalOrNull(value);
  if (type === 'dateTime') return timeOrNull(value);
  if (type === 'json') return isJson(value) ? value : null;
  return value === '' ? null : value;
}

const numeric = /^-?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE]-?\d+)?$/;
const plain = /^-?\d+\.\d+$/;

/** What is plain already stays as it was written, to the last zero. */
function decimalOrNull(text: string): string | null {
  if (plain.test(text)) return text;
  return numeric.test(text) ? toDecimalText(new Decimal(text)) : null;
}

/** With a decimal point always, by which readers that guess types know a decimal from an integer: `720.0`. */
export function toDecimalText(value: Decimal): string {
  return (value.isZero() ? new Decimal(0) : value).toFixed(Math.max(1, value.decimalPlaces()));
}

/** Files leave out the zone, or write a blank for the `T`; a time without a zone is UTC. */
function timeOrNull(text: string): string | null {
  const iso = text.trim().replace(' ', 'T');
  const date = new Date(/(?:Z|[+-]\d{2}:?\d{2})$/i.test(iso) || !iso.includes('T') ? iso : `${iso}Z`);
  return Number.isNaN(date.getTime()) ? null : toTime(date);
}

function toTime(date: Date): string {
  return date.toISOString().replace(/\.\d{3}Z$/, 'Z');
}

function isJson(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null;
  } catch {
    return false;
  }
}
