import type { JsonValue } from '../domain/errors.ts';
import type { OperatorRequest } from './rollUpMessages.ts';

/** Inputs, results and messages of the workflows that create a deployment's resources and destroy them: plain JSON. */

/** How long the parts may take, in milliseconds. */
export interface ProvisioningTimes {
  /** Creating one item and seeing it run, from its first try on. */
  readonly stepMs: number;
  /** For how long after a request whose answer was lost it may still take effect. */
  readonly settleMs: number;
  /** Between two looks at something that is on its way. */
  readonly pollMs: number;
  /** Destroying one item and seeing it gone; what takes longer is set aside. */
  readonly destroyMs: number;
}

/** What is wrong, by its code and in a sentence. */
export interface ProvisioningProblem {
  readonly code: string;
  readonly message: string;
}

/** An item that could not be destroyed: it waits for an operator. */
export interface SetAsideItem extends ProvisioningProblem {
  readonly key: string;
}

export interface ProvisionDeploymentInput {
  readonly deploymentId: string;
  readonly template: { readonly code: string; readonly version: number };
  readonly parameters: { readonly [name: string]: JsonValue };
  readonly request: OperatorRequest;
  /** Those of production unless given. */
  readonly times?: Partial<ProvisioningTimes>;
}
export interface ProvisionDeploymentResult {
  readonly provisioningId: string;
  /** `done`: all items are there. Else none is: what had been created was destroyed again. */
  readonly state: 'done' | 'failed' | 'cancelled';
  readonly items: number;
  readonly problem: ProvisioningProblem | null;
  /** Items that an operator left standing though they could not be destroyed. */
  readonly left: readonly string[];
}

export interface DecommissionDeploymentInput {
  readonly deploymentId: string;
  /** How long nothing is destroyed; 7 days unless given. */
  readonly graceMs?: number;
  readonly request: OperatorRequest;
  /** Those of production unless given. */
  readonly times?: Partial<ProvisioningTimes>;
  /** Carried over by continue-as-new, which only happens in the grace time. */
  readonly carried?: { readonly plan: PlannedDecommission; readonly isHeld: boolean };
}
/** What a decommission is to do; what it found when it began. */
export interface PlannedDecommission {
  readonly provisioningId: string;
  /** In the order of destruction. */
  readonly items: readonly ItemReference[];
  readonly notBefore: string;
  /** Resources of the deployment that no template made: they stay. */
  readonly attachedByHand: readonly AttachedResource[];
}
export interface DecommissionDeploymentResult {
  readonly provisioningId: string;
  readonly state: 'done' | 'cancelled';
  readonly destroyed: number;
  readonly left: readonly string[];
  readonly attachedByHand: readonly AttachedResource[];
}

/** One item of a deployment. */
export interface ItemReference {
  readonly itemId: string;
  readonly key: string;
  readonly kind: string;
}
export interface AttachedResource {
  readonly resourceId: string;
  readonly kind: string;
  readonly name: string;
}

/** The messages that both take while they run. */
export const provisioningMessages = {
  progressQuery: 'provisioningProgress',
  /** Takes back what was created, or, in the grace time, leaves all as it is. */
  cancelUpdate: 'cancelProvisioning',
  /** Stops a decommission in its grace time from going on, or lets it go on. */
  holdUpdate: 'holdDecommission',
  /** Tries to destroy items again that were set aside, or leaves them standing. */
  retryItemsUpdate: 'retryItems',
} as const;

export interface CancelProvisioningUpdate {
  readonly request: OperatorRequest;
}
export interface HoldDecommissionUpdate {
  readonly held: boolean;
  readonly request: OperatorRequest;
}
export interface RetryItemsUpdate {
  /** All that are set aside unless given. */
  readonly keys?: readonly string[];
  /** True where they are to stay as they are and are the deployment's no longer. */
  readonly leave?: boolean;
  readonly request: OperatorRequest;
}

export type ProvisioningPhase =
  | 'planning'
  | 'waiting'
  | 'held'
  | 'creating'
  | 'verifying'
  | 'undoing'
  | 'destroying'
  | 'done'
  | 'failed'
  | 'cancelled';

/** How far a run is; what the query and every update answer. */
export interface ProvisioningProgress {
  readonly phase: ProvisioningPhase;
  readonly provisioningId: string | null;
  /** The item in hand; null between them. */
  readonly item: string | null;
  readonly created: readonly string[];
  readonly destroyed: readonly string[];
  readonly setAside: readonly SetAsideItem[];
  readonly problem: ProvisioningProblem | null;
}
