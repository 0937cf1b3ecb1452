import type { RateSample } from '../domain/bandwidth.ts';
import type { JsonValue } from '../domain/errors.ts';
import type { Decimal } from '../domain/money.ts';
import type { Period } from '../domain/period.ts';
import type { ChargeableKind, ResourceKind } from '../domain/resourceKind.ts';

/**
 * Where COGS and inventory come from. A provider turns one cloud's wire formats into these words; nothing of its own
 * vocabulary leaks out. Every method raises `ProviderError` (see providerErrors.ts) with `retryable` set truthfully.
 */
export interface Provider {
  /** Short stable name, part of ids and keys: `digitalocean`. */
  readonly name: string;
  readonly balance: (signal?: AbortSignal) => Promise<ProviderBalance>;
  /** Everything that ever moved on the account, newest first, all pages; each entry once. */
  readonly billingHistory: (signal?: AbortSignal) => AsyncIterable<BillingHistoryEntry>;
  /** The invoices with the month that each belongs to (the history's dates do not say it). */
  readonly invoicePeriods: (signal?: AbortSignal) => AsyncIterable<InvoicePeriod>;
  readonly invoiceSummary: (invoiceUuid: string, signal?: AbortSignal) => Promise<InvoiceSummary>;
  /** The invoice's lines in file order, streamed in batches; bounded memory whatever the size. */
  readonly invoiceLines: (invoiceUuid: string, signal?: AbortSignal) => AsyncIterable<ProviderCostLine[]>;
  /** The same invoice's items, which alone carry resource ids; in the provider's order, streamed in batches (pages). */
  readonly invoiceItems: (invoiceUuid: string, signal?: AbortSignal) => AsyncIterable<ProviderInvoiceItem[]>;
  /** All projects of the account. @throws PartialListing where the listing is not whole */
  readonly projects: (signal?: AbortSignal) => Promise<ProviderProject[]>;
  /** All resources of one kind. @throws PartialListing where the listing is not whole */
  readonly resources: (kind: ResourceKind, signal?: AbortSignal) => Promise<ProviderResource[]>;
  /** What the running month has cost so far, null where the provider says nothing of it; absent where it never does. */
  readonly monthToDate?: (signal?: AbortSignal) => Promise<MonthToDate | null>;
  /**
   * Adds up the objects of a bucket, page by page; each page's sums take in the pages before. Goes on after `after`, a page
   * that an earlier reading came to. The page without a token is the last. Absent where the provider has no object store.
   */
  readonly bucketUsage?: (
    bucket: { readonly name: string; readonly region: string },
    after: BucketUsage | null,
    signal?: AbortSignal,
  ) => AsyncIterable<BucketUsage>;
  /** Readings of a droplet's public outbound traffic, a list for each series; absent where the provider has none. */
  readonly outboundBandwidth?: (
    externalId: string,
    range: { readonly from: Date; readonly until: Date },
    signal?: AbortSignal,
  ) => Promise<RateSample[][]>;
}

/** Where an ingest reads an invoice from: all that it asks of a provider. */
export type InvoiceSource = Pick<Provider, 'name' | 'invoiceSummary' | 'invoiceLines' | 'invoiceItems'>;

/** An invoice in the making: an estimate until the month's invoice is there. */
export interface MonthToDate {
  readonly period: Period;
  readonly amount: Decimal;
  readonly currency: string;
  /** When the provider computed it; it does so about once a day. */
  readonly estimatedAt: Date;
  /** Its lines in the provider's order, in batches. @throws PartialListing at the end, where it was computed anew meanwhile */
  readonly lines: (signal?: AbortSignal) => AsyncIterable<MonthToDateLine[]>;
}

export interface MonthToDateLine extends ProviderInvoiceItem {
  readonly lineClass: CostLineClass;
  readonly kind: ChargeableKind | null;
}

/** What stands in a bucket, up to the page that `continuationToken` continues; null after the last page. */
export interface BucketUsage {
  readonly objects: number;
  readonly bytes: bigint;
  readonly continuationToken: string | null;
}

/** Amounts are decimals of the currency's major unit; the account's own sign: what we owe is positive. */
export interface ProviderBalance {
  readonly monthToDateBalance: Decimal;
  readonly accountBalance: Decimal;
  readonly monthToDateUsage: Decimal;
  readonly currency: string;
  /** When the provider computed it; a cached figure, so one snapshot a `generatedAt`. */
  readonly generatedAt: Date;
}

/** The ten types of a billing history, in our words; `unknown` keeps a type that the provider added later. */
export const billingHistoryTypes = [
  'ach_failure',
  'adjustment',
  'attempt_failed',
  'chargeback',
  'credit',
  'credit_expiration',
  'invoice',
  'payment',
  'refund',
  'reversal',
  'unknown',
] as const;
export type BillingHistoryType = (typeof billingHistoryTypes)[number];

export interface BillingHistoryEntry {
  readonly type: BillingHistoryType;
  readonly description: string;
  readonly amount: Decimal;
  readonly currency: string;
  readonly occurredAt: Date;
  readonly invoiceUuid: string | null;
  /** The number that the provider prints on the invoice. */
  readonly invoiceNumber: string | null;
}

export interface InvoicePeriod {
  readonly invoiceUuid: string;
  readonly invoiceNumber: string | null;
  readonly period: Period;
  readonly amount: Decimal;
  readonly currency: string;
}

/** `amount` = charges + overages + taxes + credits, as the provider states it. */
export interface InvoiceSummary {
  readonly invoiceUuid: string;
  readonly period: Period;
  readonly amount: Decimal;
  readonly currency: string;
}

/** What a line charges for, before anybody looks for the resource. */
export const costLineClasses = ['resource', 'shared', 'tax', 'credit'] as const;
export type CostLineClass = (typeof costLineClasses)[number];

/** One charge on a provider's invoice. `billedCost` is as billed: never recomputed, negative for a credit. */
export interface ProviderCostLine {
  /** 1-based position in the file's records, the header not counted. */
  readonly lineNumber: number;
  readonly product: string;
  readonly groupDescription: string;
  readonly description: string;
  readonly hours: Decimal | null;
  readonly chargeStart: Date;
  /** Half-open: an end of :59 means the next second. */
  readonly chargeEnd: Date;
  readonly billedCost: Decimal;
  readonly currency: string;
  readonly projectName: string | null;
  readonly category: string | null;
  readonly lineClass: CostLineClass;
  /** The kind of resource that the line charges for; null where no resource stands behind it, or none that we list. */
  readonly kind: ResourceKind | null;
  /** The resource's name as the line gives it, for the match by name; null where the line names none. */
  readonly resourceName: string | null;
  /** Columns that we don't know, kept raw. */
  readonly extra: Readonly<Record<string, string>>;
}

export interface ProviderInvoiceItem {
  /** 1-based position over all pages. */
  readonly position: number;
  readonly product: string;
  readonly groupDescription: string;
  readonly description: string;
  readonly amount: Decimal;
  readonly chargeStart: Date | null;
  readonly chargeEnd: Date | null;
  readonly resourceId: string | null;
  readonly resourceUuid: string | null;
}

export interface ProviderProject {
  readonly externalId: string;
  readonly name: string;
  readonly isDefault: boolean;
  /** Which resources the project holds. */
  readonly members: readonly { readonly kind: ResourceKind; readonly externalId: string }[];
}

/** A live resource, secrets already dropped. */
export interface ProviderResource {
  readonly kind: ResourceKind;
  /** The id under which project members and invoices name it. */
  readonly externalId: string;
  readonly name: string;
  readonly region: string | null;
  readonly sizeSlug: string | null;
  readonly status: string | null;
  readonly createdAt: Date | null;
  readonly tags: readonly string[];
  /** What a month costs by list price, where the listing says it. */
  readonly priceMonthly: Decimal | null;
  readonly currency: string;
  /** Everything else that drift may compare, plain JSON. */
  readonly attributes: { readonly [key: string]: JsonValue };
}
