import type { EntityManager } from '@mikro-orm/postgresql';
import { Forbidden } from '../domain/errors.ts';
import { assertTransition, type DeploymentState, mayTransition } from '../domain/lifecycle.ts';
import type { CloudDeployment } from '../entities/cloudDeployment.ts';
import { lockDeployment } from './findDeployment.ts';
import type { ChangeRequest } from './recordChange.ts';
import { setDeploymentState } from './setDeploymentState.ts';

/**
 * Brings one deployment into another state.
 * @returns false where there is no such deployment
 * @throws InvalidTransition with what is allowed; Forbidden where the role may not make it
 */
export function transitionDeployment(
  em: EntityManager,
  deploymentId: string,
  to: DeploymentState,
  request: ChangeRequest,
): Promise<boolean> {
  return em.transactional(async (transaction) => {
    const deployment = await lockDeployment(transaction, deploymentId, request.actor);
    if (deployment === null) return false;
    assertTransition(deployment.state, to);
    if (!mayTransition(request.actor.role, deployment.state, to, deployment.pausedBy ?? null)) {
      throw refusal(deployment, to, request.actor.role);
    }
    const { actor, now: at, reason, requestId } = request;
    await setDeploymentState(transaction, {
      deployments: [{ id: deployment.id, from: deployment.state }],
      to,
      at,
      actor,
      reason,
      requestId,
    });
    return true;
  });
}

function refusal(deployment: CloudDeployment, to: DeploymentState, role: string): Forbidden {
  return new Forbidden(
    deployment.pausedBy === 'dunning'
      ? 'the deployment is paused because an invoice is overdue: it goes on when what is overdue is paid'
      : `the role ${role} may not bring a deployment from ${deployment.state} to ${to}`,
  );
}
