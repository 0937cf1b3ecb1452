import type { SyncSpeed } from '../domain/resourceKind.ts';

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

export interface LaunchInput {
  /** The workflow to start, under its own id, so that one of a kind runs at a time whoever starts it. */
  readonly workflow: 'syncInventory' | 'snapshotBalance' | 'discoverInvoices';
  readonly workflowId: string;
  readonly taskQueue: string;
  readonly summary: string;
  readonly input: SyncInventoryInput | SnapshotBalanceInput | DiscoverInvoicesInput;
  /** Minutes after which a run that hangs is ended, so that it doesn't hold up the ones after it; absent for no limit. */
  readonly timeoutMinutes?: number;
}
export interface LaunchResult {
  /** False where one was running already. */
  readonly started: boolean;
}
