import type { EntityManager } from '@mikro-orm/postgresql';
import { Forbidden, type JsonValue } from '../domain/errors.ts';
import type { CloudDeployment } from '../entities/cloudDeployment.ts';
import { recordDeploymentChange } from './deploymentChange.ts';
import { lockDeployment } from './findDeployment.ts';
import type { ChangeRequest } from './recordChange.ts';

/** What a deployment's own data may become; what is absent stays. */
export interface DeploymentUpdate {
  readonly displayName?: string | undefined;
  readonly region?: string | null | undefined;
  readonly llmMode?: string | undefined;
  /** Only admins. */
  readonly billingActionSuspended?: boolean | undefined;
}

const columns = {
  displayName: 'display_name',
  region: 'region',
  llmMode: 'llm_mode',
  billingActionSuspended: 'billing_action_suspended',
} as const;

/**
 * Changes a deployment's own data, with an event and an audit row that say what was and what is.
 * @returns null where there is no such deployment
 * @throws Forbidden where a tenant would suspend billing actions or let them go on
 */
export function updateDeployment(
  em: EntityManager,
  deploymentId: string,
  update: DeploymentUpdate,
  request: ChangeRequest,
): Promise<CloudDeployment | null> {
  return em.transactional(async (transaction) => {
    const deployment = await lockDeployment(transaction, deploymentId, request.actor);
    if (deployment === null) return null;
    if (update.billingActionSuspended !== undefined && request.actor.role === 'tenant') {
      throw new Forbidden('only admins suspend billing actions or let them go on');
    }
    const names = Object.keys(columns) as (keyof typeof columns)[];
    const changed = names.filter((name) => update[name] !== undefined && update[name] !== deployment[name]);
    if (changed.length === 0) return deployment;
    const say = (values: DeploymentUpdate): { [column: string]: JsonValue } =>
      Object.fromEntries(changed.map((name) => [columns[name], values[name] ?? null]));
    const before = say(deployment);
    for (const name of changed) Object.assign(deployment, { [name]: update[name] });
    deployment.updatedAt = request.now;
    await transaction.flush();
    const after = say(deployment);
    await recordDeploymentChange(transaction, deployment, request, {
      type: 'updated',
      details: after,
      action: 'cloud_deployment.update',
      subjectId: deployment.id,
      before,
      after,
    });
    return deployment;
  });
}
