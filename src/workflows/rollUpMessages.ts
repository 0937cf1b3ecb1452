import type { Period } from '../domain/period.ts';

/** Inputs, results and messages of the month-end workflows: plain JSON, ids and small summaries. */

/** An operator's request, as the audit log keeps it. */
export interface OperatorRequest {
  readonly subject: string;
  readonly role: string;
  readonly reason: string;
  readonly requestId?: string;
}

export interface RollUpPeriodInput {
  readonly period: Period;
  /** Computes the drafts anew that are there; only with who asked for it. */
  readonly force?: OperatorRequest;
  /** Who asked, for whoever looks at the run; absent where the schedule did. */
  readonly requestedBy?: string;
  /** How many tenants one transaction takes; 250 unless given. */
  readonly batchSize?: number;
  /** Carried over by continue-as-new, which only happens once no tenant is to do but the exceptions. */
  readonly carried?: { readonly invoiced: number };
}
export interface RollUpPeriodResult extends RollUpCounts {
  readonly period: Period;
  readonly tenants: number;
  /** Left out by an operator. */
  readonly skipped: number;
}
/** What became of tenants: got an invoice, have one that stays, or could not be priced. */
export interface RollUpCounts {
  readonly invoiced: number;
  readonly existing: number;
  readonly failed: number;
}

/** How far a rollup is; what the query `progress` answers. */
export interface RollUpProgress {
  readonly phase: string;
  readonly tenants: number;
  /** Invoiced now or before, or skipped. */
  readonly done: number;
  readonly failed: number;
  readonly left: number;
  /** The first of those that failed. */
  readonly exceptions: readonly RollUpException[];
}
export interface RollUpException {
  readonly tenantId: string;
  readonly problem: string | null;
  readonly message: string | null;
}

/** What the whole worklist of a period has come to. */
export interface RollUpSummary {
  readonly tenants: number;
  readonly pending: number;
  readonly invoiced: number;
  readonly existing: number;
  readonly failed: number;
  readonly skipped: number;
  /** Counted as invoiced, but without an invoice: always none. */
  readonly uninvoiced: number;
  readonly exceptions: readonly RollUpException[];
}

/** The messages that a rollup takes while it runs. */
export const rollUpMessages = {
  progressQuery: 'progress',
  retryTenantUpdate: 'retryTenant',
  skipTenantUpdate: 'skipTenant',
  retryFailedUpdate: 'retryFailed',
  shardProgressSignal: 'shardProgress',
} as const;

export interface TenantUpdate {
  readonly tenantId: string;
  readonly request: OperatorRequest;
}
/** What the tenant is after the update. */
export interface TenantUpdateResult {
  readonly tenantId: string;
  readonly state: 'pending' | 'done' | 'existing' | 'failed' | 'skipped';
  readonly problem: string | null;
  readonly message: string | null;
}
export interface RetryFailedUpdate {
  readonly request: OperatorRequest;
}
export interface ShardProgress {
  readonly shard: number;
  readonly counts: RollUpCounts;
}

export interface RollUpShardInput {
  readonly period: Period;
  readonly shard: number;
  /** Positions of the worklist, `until` excluded. */
  readonly from: number;
  readonly until: number;
  readonly batchSize: number;
  readonly force: boolean;
  /** Carried over by continue-as-new; absent on the first run. */
  readonly carried?: { readonly next: number; readonly counts: RollUpCounts };
}

export interface CheckPeriodInput {
  readonly period: Period;
  /** Carried over by continue-as-new; absent on the first run. */
  readonly carried?: { readonly next: number; readonly totals: CheckTotals };
}
/** Sums in cents, as text: a run's may be larger than a number holds exactly. */
export interface CheckTotals {
  readonly invoices: number;
  readonly lines: number;
  readonly subtotalCents: string;
  readonly taxCents: string;
  readonly totalCents: string;
}
export interface CheckPeriodResult extends CheckTotals {
  readonly period: Period;
}

export interface IssuePeriodInput {
  readonly period: Period;
  /** Carried over by continue-as-new; absent on the first run. */
  readonly carried?: {
    readonly step: 'reprice' | 'issue';
    readonly after: string | null;
    readonly repriced: number;
    readonly issued: number;
  };
}
export interface IssuePeriodResult {
  readonly period: Period;
  /** Drafts whose usage had changed. */
  readonly repriced: number;
  readonly issued: number;
  /** Exceptions that stay drafts. */
  readonly held: number;
}

/** The messages that the issue of a period takes while it runs. */
export const issueMessages = {
  /** Waits for the grace time no longer. */
  issueNowSignal: 'issueNow',
  /** Drafts came after it began. */
  draftsAddedSignal: 'draftsAdded',
} as const;
