import { Unprocessable } from './errors.ts';

/** The states of a deployment, and where each may go. */
export const transitions = {
  trial: ['active', 'cancelled'],
  active: ['past_due', 'paused', 'cancelled'],
  past_due: ['active', 'paused', 'suspended', 'cancelled'],
  paused: ['active', 'suspended', 'cancelled'],
  suspended: ['active', 'cancelled'],
  cancelled: ['archived'],
  archived: [],
} as const satisfies Record<string, readonly string[]>;

export type DeploymentState = keyof typeof transitions;
export const deploymentStates = Object.keys(transitions) as DeploymentState[];

/** Who put a deployment into its pause. */
export const pausers = ['tenant', 'operator', 'dunning'] as const;
export type Pauser = (typeof pausers)[number];

/** A state that can't be reached from where the deployment is. */
export class InvalidTransition extends Unprocessable {
  constructor(from: DeploymentState, to: DeploymentState) {
    const allowed = transitions[from];
    super(
      'invalid_transition',
      `a deployment can't go from ${from} to ${to}: ${
        allowed.length === 0 ? `${from} is its last state` : `allowed are ${allowed.join(', ')}`
      }`,
      { context: { from, to, allowed: [...allowed] } },
    );
  }
}

/** @throws InvalidTransition with what is allowed instead */
export function assertTransition(from: DeploymentState, to: DeploymentState): void {
  if (!(transitions[from] as readonly DeploymentState[]).includes(to)) throw new InvalidTransition(from, to);
}

/**
 * Whether a role may make a transition that the table has. Admins and the system make any. A tenant pauses what is active, resumes
 * unless dunning paused it, and cancels; it may not pause what is past due, since its resume would undo the dunning.
 */
export function mayTransition(
  role: string,
  from: DeploymentState,
  to: DeploymentState,
  pausedBy: Pauser | null,
): boolean {
  if (role === 'system' || role === 'platform_admin') return true;
  if (role !== 'tenant') return false;
  if (to === 'cancelled') return true;
  if (from === 'active') return to === 'paused';
  return from === 'paused' && to === 'active' && pausedBy !== 'dunning';
}

/** The subscription's status that goes with a deployment's state: past due stays active, suspended is paused. */
export const subscriptionStatuses = {
  trial: 'active',
  active: 'active',
  past_due: 'active',
  paused: 'paused',
  suspended: 'paused',
  cancelled: 'cancelled',
  archived: 'cancelled',
} as const satisfies Record<DeploymentState, string>;
export type SubscriptionStatus = (typeof subscriptionStatuses)[DeploymentState];
