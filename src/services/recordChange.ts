import type { EntityManager } from '@mikro-orm/postgresql';
import type { JsonValue } from '../domain/errors.ts';
import type { Session } from '../session.ts';
import { recordAudit } from './recordAudit.ts';

/** Who asks for a change, when and why. */
export interface ChangeRequest {
  readonly actor: Session;
  readonly now: Date;
  readonly reason?: string | undefined;
  readonly requestId?: string | undefined;
  /** Where a process does it. */
  readonly workflowId?: string | undefined;
}

/** One that says why, always. */
export interface ReasonedRequest extends ChangeRequest {
  readonly reason: string;
}

/** By whom: the process where it is one, else the operator's subject. */
export const requesterOf = ({ actor, workflowId }: ChangeRequest): string => workflowId ?? actor.subject;

export interface RecordedChange {
  /** Subject and verb: `plan_version.publish`. */
  readonly action: string;
  /** That of the action unless given. */
  readonly subjectType?: string;
  readonly subjectId: string;
  readonly before?: JsonValue | undefined;
  readonly after?: JsonValue | undefined;
}

/** Says in the audit log what was changed by request; in the transaction of `em`. */
export function recordChange(
  em: EntityManager,
  { actor, now, reason, requestId, workflowId }: ChangeRequest,
  { action, subjectType = action.split('.')[0] ?? '', subjectId, before, after }: RecordedChange,
): Promise<void> {
  return recordAudit(em, actor, {
    occurredAt: now,
    action,
    subjectType,
    subjectId,
    reason,
    before,
    after,
    requestId,
    workflowId,
  });
}
