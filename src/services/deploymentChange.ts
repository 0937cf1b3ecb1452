import type { EntityManager } from '@mikro-orm/postgresql';
import type { JsonValue } from '../domain/errors.ts';
import type { CloudDeployment } from '../entities/cloudDeployment.ts';
import type { DeploymentEventType } from '../entities/cloudDeploymentEvent.ts';
import type { Session } from '../session.ts';
import { recordAudit } from './recordAudit.ts';

/** Who asks for a change, when and why. */
export interface ChangeRequest {
  readonly actor: Session;
  readonly now: Date;
  readonly reason?: string | undefined;
  readonly requestId?: string | undefined;
}

export interface DeploymentChange {
  readonly type: DeploymentEventType;
  /** Shown in the deployment's events, to its tenant too. */
  readonly details: { readonly [key: string]: JsonValue };
  /** The state that it was created in. */
  readonly toState?: string;
  /** What the audit log names: subject and verb, and which row. */
  readonly action: string;
  readonly subjectId: string;
  readonly before?: JsonValue;
  readonly after?: JsonValue;
}

/** Writes down what was done to a deployment, in its events and in the audit log; in the transaction of `em`. */
export async function recordDeploymentChange(
  em: EntityManager,
  deployment: Pick<CloudDeployment, 'id' | 'tenantId'>,
  request: ChangeRequest,
  change: DeploymentChange,
): Promise<void> {
  const { actor, now, reason, requestId } = request;
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
  await recordAudit(em, actor, {
    occurredAt: now,
    action: change.action,
    subjectType: change.action.split('.')[0] ?? '',
    subjectId: change.subjectId,
    ...(reason === undefined ? {} : { reason }),
    ...(change.before === undefined ? {} : { before: change.before }),
    ...(change.after === undefined ? {} : { after: change.after }),
    ...(requestId === undefined ? {} : { requestId }),
  });
}
