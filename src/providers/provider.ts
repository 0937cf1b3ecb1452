import type { RateSample } from '../domain/bandwidth.ts';
import type { LiveResource } from '../domain/drift/liveValues.ts';
import type { PricedResource, Size, SizeTable } from '../domain/drift/price.ts';
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
  /**
   * What a month of a resource costs by list price, in the provider's currency, before any discount or tax; null where the list has
   * no price for it. Pure. Absent where the provider publishes no prices.
   */
  readonly listPrice?: (resource: PricedResource, sizes: SizeTable) => Decimal | null;
  /** The side that changes things; absent where we only read. */
  readonly operations?: ProviderOperations;
}

/** A size with what else its provider says of it. */
export interface ProviderSize extends Size {
  readonly vcpus: number;
  readonly memoryMib: number;
  readonly currency: string;
}

/**
 * Reads one thing as it is now, and changes it. Nothing here tries again. A call whose answer is lost raises `provider_unavailable`,
 * and may have worked all the same: whoever asked looks (`actions`, `find`, `read`) before asking again.
 */
export interface ProviderOperations {
  readonly sizes: (signal?: AbortSignal) => Promise<ProviderSize[]>;
  /** One resource as it is now; null where there is none. */
  readonly read: (
    kind: ResourceKind,
    externalId: string,
    signal?: AbortSignal,
  ) => Promise<ProviderResource | null>;
  /** The newest actions of a resource, newest first. @throws ProviderError `provider_not_found` */
  readonly actions: (target: ActionTarget, signal?: AbortSignal) => Promise<ProviderAction[]>;
  /**
   * @throws ProviderError `provider_rejected` with the provider's words where the resource can't do it as it is, `provider_busy`
   *   (retryable) while another action runs
   */
  readonly startAction: (
    target: ActionTarget,
    request: ActionRequest,
    signal?: AbortSignal,
  ) => Promise<ProviderAction>;
  readonly readAction: (id: string, signal?: AbortSignal) => Promise<ProviderAction>;
  /** Puts tags on, making those that don't exist; one that it wears already stays. */
  readonly tag: (target: ActionTarget, tags: readonly string[], signal?: AbortSignal) => Promise<void>;
  /** Takes tags off; one that it doesn't wear is done. */
  readonly untag: (target: ActionTarget, tags: readonly string[], signal?: AbortSignal) => Promise<void>;
  /** Droplets that are members already stay. */
  readonly addToFirewall: (
    firewallId: string,
    dropletIds: readonly string[],
    signal?: AbortSignal,
  ) => Promise<void>;
  /** Droplets that aren't members are done. */
  readonly removeFromFirewall: (
    firewallId: string,
    dropletIds: readonly string[],
    signal?: AbortSignal,
  ) => Promise<void>;
  /** Asks once, whatever is there: `find` comes first. What is made may still be on its way when this comes back. */
  readonly create: (wanted: NewResource, signal?: AbortSignal) => Promise<{ readonly externalId: string }>;
  /** What was made for exactly this wish, oldest first: by its identity tag, or by its deterministic name where the kind has no tags. */
  readonly find: (wanted: NewResource, signal?: AbortSignal) => Promise<{ readonly externalId: string }[]>;
  /** What is gone already is done. A volume has to be detached before. */
  readonly destroy: (kind: NewResource['kind'], externalId: string, signal?: AbortSignal) => Promise<void>;
}

/** What takes actions and wears tags. */
export interface ActionTarget {
  readonly kind: 'droplet' | 'volume';
  readonly externalId: string;
}

/** What to do with a droplet, in the words of its documented actions. */
export type DropletActionRequest =
  | { readonly type: 'power_on' | 'power_off' | 'shutdown' | 'enable_backups' | 'disable_backups' }
  /** With `disk` the disk grows too, which can't be undone. */
  | { readonly type: 'resize'; readonly size: string; readonly disk: boolean }
  | { readonly type: 'rename'; readonly name: string };

/** What to do with a volume. It only ever grows. */
export type VolumeActionRequest =
  | { readonly type: 'resize'; readonly size_gigabytes: number; readonly region: string }
  | { readonly type: 'attach' | 'detach'; readonly droplet_id: string; readonly region: string };

export type ActionRequest = DropletActionRequest | VolumeActionRequest;

/** Something that the provider does over a while. */
export interface ProviderAction {
  readonly id: string;
  /** The type that was asked for, in the provider's word. */
  readonly type: string;
  readonly status: 'in_progress' | 'completed' | 'errored';
  readonly startedAt: Date;
}

interface Wish {
  /** The identity tag, the same each time that the same thing is wanted: letters, digits, `:`, `-`, `_`. */
  readonly tag: string;
  /** Deterministic too: the identity of kinds that have no tags. */
  readonly name: string;
}

export interface NewDroplet extends Wish {
  readonly kind: 'droplet';
  readonly region: string;
  readonly sizeSlug: string;
  /** A public image's slug, or an image's number as text. */
  readonly image: string;
  /** Besides the identity tag. */
  readonly tags?: readonly string[];
  /** The region's default VPC unless given. */
  readonly vpcUuid?: string;
  readonly backups?: boolean;
  readonly monitoring?: boolean;
  /** Ids or fingerprints of keys that the account has. */
  readonly sshKeys?: readonly string[];
  readonly userData?: string;
  /** Volumes of its region that it starts with. */
  readonly volumeIds?: readonly string[];
}

export interface NewVolume extends Wish {
  readonly kind: 'volume';
  readonly region: string;
  readonly sizeGigabytes: number;
  readonly filesystemType?: 'ext4' | 'xfs';
  readonly description?: string;
  /** Besides the identity tag. */
  readonly tags?: readonly string[];
}

/** Known by its name and region: a load balancer's tag says which droplets it serves. */
export interface NewLoadBalancer extends Wish {
  readonly kind: 'load_balancer';
  readonly region: string;
  /** Nodes; 1 unless given. */
  readonly sizeUnit?: number;
  readonly forwardingRules: readonly {
    readonly entryProtocol: 'http' | 'https' | 'http2' | 'http3' | 'tcp' | 'udp';
    readonly entryPort: number;
    readonly targetProtocol: 'http' | 'https' | 'http2' | 'tcp' | 'udp';
    readonly targetPort: number;
  }[];
  readonly healthCheck?: {
    readonly protocol: 'http' | 'https' | 'tcp';
    readonly port: number;
    readonly path?: string;
  };
  readonly dropletIds: readonly string[];
  readonly vpcUuid?: string;
}

/** Known by its name, type and data in its domain. Its id is `<domain>/<number>`. */
export interface NewDomainRecord extends Wish {
  readonly kind: 'domain_record';
  readonly domain: string;
  readonly type: 'A' | 'AAAA' | 'CNAME' | 'TXT';
  /** `name` is relative to the domain; `@` is the domain itself. */
  readonly data: string;
  /** Seconds. */
  readonly ttl: number;
}

export type NewResource = NewDroplet | NewVolume | NewLoadBalancer | NewDomainRecord;

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
export interface ProviderResource extends LiveResource {
  readonly createdAt: Date | null;
}
