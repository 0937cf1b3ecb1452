import type { RevertPlan } from '../domain/drift/revertPlan.ts';
import type { RevertState } from '../services/drift/recordRevert.ts';
import type { OperatorRequest } from './rollUpMessages.ts';

/** Inputs, results and messages of the revert of a drift: plain JSON. */

/** How long the parts of a revert may take, in milliseconds. */
export interface RevertTimes {
  /** Between two looks at a resource while something happens to it. */
  readonly pollMs: number;
  /** A step, from its first try on, whatever it waits for. */
  readonly stepMs: number;
  /** Taking one step back. */
  readonly undoMs: number;
  /** How long a droplet may take to shut down by itself before its power is cut. */
  readonly shutdownMs: number;
  /** How long the provider may take to show what it says that it has done. */
  readonly settleMs: number;
}

export interface RevertDriftInput {
  readonly driftId: string;
  readonly resourceId: string;
  /** Who asked for the plan. */
  readonly request: OperatorRequest;
  /** Lets the disk grow with the size, which can't be undone. */
  readonly resizeDisk?: boolean;
  /** Those of production unless given. */
  readonly times?: Partial<RevertTimes>;
}

/** What is wrong, by its code and in a sentence. */
export interface RevertProblem {
  readonly code: string;
  readonly message: string;
}

export interface RevertDriftResult {
  /** Null where it never began, since the drift is not open or another revert holds the resource. */
  readonly revertId: string | null;
  readonly state: RevertState | 'not_begun';
  readonly problem: RevertProblem | null;
}

/** The messages that a revert takes while it runs. */
export const revertMessages = {
  /** Answers once the plan is made, or there can be none. */
  planUpdate: 'plan',
  approveUpdate: 'approveRevert',
  cancelUpdate: 'cancelRevert',
  progressQuery: 'revertProgress',
} as const;

/** What became of the planning. */
export interface PlannedRevert {
  readonly revertId: string;
  readonly state: RevertState;
}

export interface ApproveRevertUpdate {
  /** The plan that was looked at: another one is not approved by it. */
  readonly revertId: string;
  readonly request: OperatorRequest;
}

export interface CancelRevertUpdate {
  readonly revertId: string;
  readonly request: OperatorRequest;
}

/** What a revert is after an update. */
export interface RevertUpdateResult {
  readonly revertId: string;
  readonly state: RevertState;
}

/** How far a revert is; what the query answers. */
export interface RevertProgress {
  readonly phase: RevertPhase;
  readonly revertId: string | null;
  readonly plan: RevertPlan | null;
  /** The step that runs or is taken back; null between them. */
  readonly step: string | null;
  readonly done: readonly string[];
  readonly undone: readonly string[];
  readonly problem: RevertProblem | null;
}

export type RevertPhase =
  | 'planning'
  | 'waiting_for_approval'
  | 'rereading'
  | 'running'
  | 'verifying'
  | 'undoing'
  | 'done'
  | 'ended';
