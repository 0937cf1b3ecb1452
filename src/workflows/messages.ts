import type { ResourceKind, SyncSpeed } from '../domain/resourceKind.ts';
import type { MeteredDays } from '../services/meterDays.ts';
import type { DayRange } from '../services/meteredDays.ts';

/** Inputs and results of every workflow: plain JSON, ids and small summaries; money as decimal strings. */

export interface SyncInventoryInput {
  readonly provider: string;
  readonly speed: SyncSpeed;
}
export interface SyncInventoryResult {
  readonly speed: SyncSpeed;
  readonly kinds: readonly KindSyncResult[];
  /** Cost lines whose resource or outcome changed by what was found. */
  readonly reattributed: number;
}
/** How one kind's listing went. `unknown`: it failed or came partial, and nothing was taken as gone. */
export interface KindSyncResult {
  readonly kind: string;
  readonly state: 'fresh' | 'unknown';
  readonly live: number;
  readonly discovered: number;
  readonly changed: number;
  readonly gone: number;
  readonly problem: string | null;
}

export interface SnapshotBalanceInput {
  readonly provider: string;
}
export interface SnapshotBalanceResult {
  readonly generatedAt: string;
  readonly monthToDateBalance: string;
  readonly currency: string;
  /** False where the provider's figure is the one already stored. */
  readonly stored: boolean;
}

export interface DiscoverInvoicesInput {
  readonly provider: string;
  /** Who asked, for whoever looks at the run; absent where the schedule did. */
  readonly requestedBy?: string;
  /** Carried over by continue-as-new; absent on the first run. */
  readonly carried?: {
    readonly result: DiscoverInvoicesResult;
    readonly before: { readonly id: string; readonly period: string } | null;
  };
}
export interface DiscoverInvoicesResult {
  /** Entries of the billing history, and how many of them are invoices. */
  readonly entries: number;
  readonly invoices: number;
  readonly newInvoices: number;
  /** Invoices of which the amount or the checksum differs from what is stored. */
  readonly restated: number;
  /** History entries of a type that we don't know. */
  readonly unknownTypes: number;
  /** History entries of type invoice that name no invoice, or one whose month the provider does not say yet. */
  readonly unidentified: number;
  readonly ingestsStarted: number;
  readonly ingested: number;
  readonly held: number;
  /** Ingests that somebody else had already started. */
  readonly alreadyRunning: number;
  /** Ingests that failed or were stopped; the next discovery starts them again. */
  readonly failed: number;
  /** Ingests that were not waited for any longer; they go on by themselves. */
  readonly stillRunning: number;
  /** Recent invoices that could not be read again to see whether they were restated. */
  readonly unchecked: number;
}

export interface IngestInvoiceInput {
  readonly provider: string;
  readonly invoiceUuid: string;
  /** Present where an operator accepts what does not add up: exactly this disagreement, amounts as decimal strings. */
  readonly acceptedDifference?: {
    readonly code: string;
    readonly stated: string;
    readonly found: string;
    readonly difference: string;
    readonly reason: string;
    readonly actor: string;
    readonly requestId?: string;
  };
}
export interface IngestInvoiceResult {
  readonly outcome: 'ingested' | 'unchanged' | 'held';
  readonly version: number;
  readonly lines: number;
  readonly total: string;
  readonly currency: string;
  readonly matched: number;
  /** Why it is held. */
  readonly problem: string | null;
}

export interface EstimateMonthInput {
  readonly provider: string;
}
export interface EstimateMonthResult {
  /** Null where the provider has none. */
  readonly estimate: {
    readonly period: string;
    readonly amount: string;
    readonly currency: string;
    /** When the provider computed it. */
    readonly estimatedAt: string;
    /** False where it is the one already stored. */
    readonly stored: boolean;
    /** Lines read; none where it was stored already. */
    readonly lines: number;
  } | null;
}

export interface MeasureSpacesInput {
  readonly provider: string;
  /** The most pages of a bucket's objects that one activity reads; 1,000, which is a million objects, unless given. */
  readonly pagesAtOnce?: number;
  /** Carried over by continue-as-new; absent on the first run. */
  readonly carried?: { readonly day: string; readonly after: string; readonly result: MeasureSpacesResult };
}
export interface MeasureSpacesResult {
  readonly measured: number;
  /** Buckets that could not be measured; the next run tries them again. */
  readonly failed: number;
  /** The code of the first failure. */
  readonly problem: string | null;
}

export interface MeasureBandwidthInput {
  readonly provider: string;
  /** Carried over by continue-as-new; absent on the first run. */
  readonly carried?: {
    readonly until: string;
    readonly after: string;
    readonly result: MeasureBandwidthResult;
  };
}
export interface MeasureBandwidthResult {
  /** Droplets read. */
  readonly read: number;
  /** Hours that are new, or that later readings changed. */
  readonly changedHours: number;
  /** Droplets that could not be read; the next run reads the same hours. */
  readonly failed: number;
  readonly problem: string | null;
}
export interface BandwidthBatch extends MeasureBandwidthResult {
  /** The last droplet of the batch; null after the last batch. */
  readonly after: string | null;
}

export interface MeterUsageInput {
  /** Days to meter whether they are closed or not, `until` excluded; absent for those that wait. */
  readonly days?: readonly DayRange[];
  /** Who asked, for whoever looks at the run; absent where the schedule did. */
  readonly requestedBy?: string;
  /** Carried over by continue-as-new; absent on the first run. */
  readonly carried?: { readonly waiting: readonly DayRange[]; readonly result: MeterUsageResult };
}
/** Of all days that were metered. */
export type MeterUsageResult = MeteredDays;

export interface SweepDriftInput {
  readonly provider: string;
  /** The most resources that one activity compares; 5,000 unless given. */
  readonly batchSize?: number;
  /** How old a kind's last whole listing may be; 90 minutes unless given. */
  readonly maxAgeMinutes?: number;
  /** Who asked, for whoever looks at the run; absent where the schedule did. */
  readonly requestedBy?: string;
  /** Carried over by continue-as-new; absent on the first run. */
  readonly carried?: {
    /** The kinds that are done. */
    readonly result: SweepDriftResult;
    /** The one that is not: what it came to so far, and where it goes on. */
    readonly current: {
      readonly kind: ResourceKind;
      readonly swept: SweptKindResult;
      readonly after: string | null;
    };
  };
}
export interface SweepDriftResult {
  /** The sizes that the provider sells; null where it tells of none, or could not be asked: then the earlier prices count. */
  readonly sizes: { readonly listed: number | null; readonly problem: string | null };
  readonly kinds: readonly SweptKindResult[];
}
/** How the sweep of one kind went. `unknown`: its inventory was not whole or too old, and nothing was concluded. */
export interface SweptKindResult {
  readonly kind: ResourceKind;
  readonly state: 'swept' | 'unknown';
  /** Live ones. */
  readonly resources: number;
  /** Differences that are new, whose values or price moved, that went away, and that an ignore rule now covers. */
  readonly opened: number;
  readonly changed: number;
  readonly stale: number;
  readonly ignored: number;
  /** Why it is unknown: the code, and the sentence. */
  readonly problem: string | null;
  readonly reason: string | null;
}

export interface IngestFocusFileInput {
  readonly fileId: string;
  /** Carried over by continue-as-new; absent on the first run. */
  readonly carried?: { readonly result: IngestFocusFileResult; readonly after: string };
}
export interface IngestFocusFileResult {
  /** `unchanged`: the same content was ingested before. `refused`: it breaks the specification, and nothing of it was taken. */
  readonly outcome: 'ingested' | 'unchanged' | 'refused';
  readonly rows: number;
  /** Invoices that the file says something of, and how the ingests of those with charges went. */
  readonly invoices: number;
  readonly ingested: number;
  readonly unchanged: number;
  readonly held: number;
  /** Ingests that an operator stopped, or that something else kept running for minutes. */
  readonly notIngested: number;
  /** Why it is refused. */
  readonly problem: string | null;
}

/** The folder is the worker's to know. */
export type ScanFocusFolderInput = Readonly<Record<string, never>>;
export interface ScanFocusFolderResult {
  /** Files that are whole, and how many of them were not taken in before. */
  readonly files: number;
  readonly newFiles: number;
  /** How the ingests of the new ones went. */
  readonly ingested: number;
  readonly refused: number;
  /** Files that can't be read or are too large, with the reason. */
  readonly problems: readonly string[];
}

export interface PushReceivablesInput {
  /** Carried over by continue-as-new; absent on the first run. */
  readonly carried?: { readonly result: PushReceivablesResult; readonly tries: number };
}
export interface PushReceivablesResult {
  /** Handed over and acknowledged, or refused, by this run. */
  readonly acknowledged: number;
  readonly refused: number;
  /** All that wait for an operator, of this run or of earlier ones. */
  readonly failed: number;
}
/** What one request to the finance system came to. */
export interface PushedReceivables {
  readonly acknowledged: number;
  readonly refused: number;
  /** Those of a request that came to nothing; they are tried again. */
  readonly postponed: number;
  /** The code of what was in the way. */
  readonly problem: string | null;
  /** When the next one is due; null where none waits. */
  readonly next: string | null;
  readonly failed: number;
}

/** An evaluation takes no input: it goes by the rules that are stored. */
export type EvaluateAlertsInput = Readonly<Record<string, never>>;
export interface EvaluateAlertsResult {
  /** How many rules were looked at. */
  readonly rules: number;
  readonly opened: number;
  readonly resolved: number;
  /** The first rules that could not be looked at. */
  readonly unevaluated: readonly {
    readonly ruleId: string;
    readonly code: string;
    readonly message: string;
  }[];
}

export interface DeliverWebhooksInput {
  /** Who is told; absent in runs of before each endpoint had one of its own. */
  readonly endpointId?: string;
  /** Carried over by continue-as-new; absent on the first run. */
  readonly carried?: DeliverWebhooksResult;
}
export interface DeliverWebhooksResult {
  readonly delivered: number;
  /** Given up or refused by this run. */
  readonly failed: number;
}
/** What one batch of webhooks came to. */
export interface DeliveredWebhooks extends DeliverWebhooksResult {
  /** Not taken, and tried again. */
  readonly postponed: number;
  /** Why the endpoint was disabled for it; null where it was not. */
  readonly disabled: 'gone' | 'failing' | null;
  /** When the next one is due; null where none waits. */
  readonly next: string | null;
}

/** What one sweep of the webhooks' tables came to. */
export interface SweptWebhooks {
  /** Deliveries that were over and old. */
  readonly removed: number;
  /** Secrets that were encrypted, anew or at all; and those that can't be read with the keys that there are. */
  readonly encrypted: number;
  readonly unreadable: number;
}

export type LifecycleStep = 'restore' | 'suspended' | 'paused' | 'past_due' | 'end_trials' | 'roll_periods';

export interface SweepLifecycleInput {
  /** Carried over by continue-as-new; absent on the first run. */
  readonly carried?: {
    readonly now: string;
    readonly step: LifecycleStep;
    readonly result: SweepLifecycleResult;
  };
}
/** How many deployments, or, where periods are rolled, subscriptions each step changed. */
export interface SweepLifecycleResult extends Readonly<Record<LifecycleStep, number>> {
  /** Cancelled deployments whose decommission nobody had begun. */
  readonly decommission: number;
}

export interface LaunchInput {
  /** The workflow to start, under its own id, so that one of a kind runs at a time whoever starts it. */
  readonly workflow:
    | 'estimateMonth'
    | 'measureSpaces'
    | 'measureBandwidth'
    | 'meterUsage'
    | 'syncInventory'
    | 'snapshotBalance'
    | 'discoverInvoices'
    | 'scanFocusFolder'
    | 'sweepDrift'
    | 'sweepLifecycle'
    | 'pushReceivables'
    | 'evaluateAlerts'
    | 'rollUpPeriod';
  readonly workflowId: string;
  readonly taskQueue: string;
  readonly summary: string;
  readonly input:
    | EstimateMonthInput
    | MeasureSpacesInput
    | MeasureBandwidthInput
    | MeterUsageInput
    | SyncInventoryInput
    | SnapshotBalanceInput
    | DiscoverInvoicesInput
    | ScanFocusFolderInput
    | SweepDriftInput
    | SweepLifecycleInput
    | PushReceivablesInput
    | EvaluateAlertsInput;
  /** Minutes after which a run that hangs is ended, so that it doesn't hold up the ones after it; absent for no limit. */
  readonly timeoutMinutes?: number;
}
export interface LaunchResult {
  /** False where one was running already. */
  readonly started: boolean;
}
