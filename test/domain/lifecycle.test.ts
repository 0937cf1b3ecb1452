import { describe, expect, it } from '@jest/globals';
import {
  assertTransition,
  type DeploymentState,
  deploymentStates,
  InvalidTransition,
  mayTransition,
  subscriptionStatuses,
} from '../../src/domain/lifecycle.ts';

/** The whole table, as the specification words it. */
const allowed: Readonly<Record<DeploymentState, readonly DeploymentState[]>> = {
  trial: ['active', 'cancelled'],
  active: ['past_due', 'paused', 'cancelled'],
  past_due: ['active', 'paused', 'suspended', 'cancelled'],
  paused: ['active', 'suspended', 'cancelled'],
  suspended: ['active', 'cancelled'],
  cancelled: ['archived'],
  archived: [],
};
const pairs = deploymentStates.flatMap((from) => deploymentStates.map((to) => [from, to] as const));

describe('a transition', () => {
  it.each(pairs)('from %s to %s is what the table says', (from, to) => {
    const attempt = () => assertTransition(from, to);
    if (allowed[from].includes(to)) expect(attempt).not.toThrow();
    else expect(attempt).toThrow(InvalidTransition);
  });

  it('that is invalid says what is allowed', () => {
    expect(() => assertTransition('paused', 'archived')).toThrow(
      expect.objectContaining({
        code: 'invalid_transition',
        message: "a deployment can't go from paused to archived: allowed are active, suspended, cancelled",
        context: { from: 'paused', to: 'archived', allowed: ['active', 'suspended', 'cancelled'] },
      }),
    );
    expect(() => assertTransition('archived', 'active')).toThrow('archived is its last state');
  });

  it.each(pairs)(
    'from %s to %s is open to admins and the system, and to no other role but tenants',
    (from, to) => {
      expect(['system', 'platform_admin'].map((role) => mayTransition(role, from, to, null))).toEqual([
        true,
        true,
      ]);
      const others = ['platform_viewer', 'gateway', 'finance', 'nobody'];
      expect(others.map((role) => mayTransition(role, from, to, null))).toEqual([false, false, false, false]);
    },
  );

  it('is open to tenants where they pause, resume or cancel', () => {
    const open = pairs
      .filter(([from, to]) => allowed[from].includes(to) && mayTransition('tenant', from, to, null))
      .map((pair) => pair.join(' → '));
    expect(open).toEqual([
      'trial → cancelled',
      'active → paused',
      'active → cancelled',
      'past_due → cancelled',
      'paused → active',
      'paused → cancelled',
      'suspended → cancelled',
    ]);
  });

  it('from a pause that dunning made is closed to tenants, but for a cancel', () => {
    expect(mayTransition('tenant', 'paused', 'active', 'dunning')).toBe(false);
    expect(mayTransition('tenant', 'paused', 'cancelled', 'dunning')).toBe(true);
    expect(mayTransition('system', 'paused', 'active', 'dunning')).toBe(true);
    expect(mayTransition('tenant', 'paused', 'active', 'tenant')).toBe(true);
    expect(mayTransition('tenant', 'paused', 'active', 'operator')).toBe(true);
  });
});

describe("a subscription's status", () => {
  it('follows the state: past due is still active, suspended is paused', () => {
    expect(subscriptionStatuses).toEqual({
      trial: 'active',
      active: 'active',
      past_due: 'active',
      paused: 'paused',
      suspended: 'paused',
      cancelled: 'cancelled',
      archived: 'cancelled',
    });
  });
});
