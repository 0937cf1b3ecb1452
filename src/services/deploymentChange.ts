import type { EntityManager } from '@mikro-orm/postgresql';
import type { JsonValue } from '../domain/errors.ts';
import type { CloudDeployment } from '../entities/cloudDeployment.ts';
import type { DeploymentEventType } from '../entities/cloudDeploymentEvent.ts';
import { type ChangeRequest, type RecordedChange, recordChange } from './recordChange.ts';

export interface DeploymentChange extends RecordedChange {
  readonly type: DeploymentEventType;
  /** Shown in the deployment's events, to its tenant too. */
  readonly details: { readonly [key: string]: JsonValue };
  /** The state that it was created in. */
  readonly toState?: string;
}

/** Writes down what was done to a deployment, in its events and in the audit log; in the transaction of `em`. */
export async function recordDeploymentChange(
  em: EntityManager,
  deployment: Pick<CloudDeployment, 'id' | 'tenantId'>,
  request: ChangeRequest,
  change: DeploymentChange,
): Promise<void> {
  const { actor, now, reason } = request;
  await em.execute(
    `insert into cloud_deployment_events (deployment_id, tenant_id, type, to_state, actor, role, reason, details, occurred_at)
     values (?, ?, ?, ?, ?, ?, ?, ?::jsonb, ?)`,
    [
      deployment.id,
      deployment.tenantId,
      change.type,
      change.toState ?? null,
      actor.subject,
      actor.role,
      reason ?? null,
      JSON.stringify(change.details),
      now,
    ],
  );
  await recordChange(em, request, change);
}
