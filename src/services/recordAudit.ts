import type { EntityManager } from '@mikro-orm/postgresql';
import type { JsonValue } from '../domain/errors.ts';
import type { Session } from '../session.ts';

export interface AuditRecord {
  readonly occurredAt: Date;
  /** Subject and verb: `cloud_project.assign_tenant`. */
  readonly action: string;
  readonly subjectType: string;
  readonly subjectId: string;
  readonly reason?: string | undefined;
  readonly before?: JsonValue | undefined;
  readonly after?: JsonValue | undefined;
  readonly requestId?: string | undefined;
  readonly workflowId?: string | undefined;
}

/**
 * Adds one row to the audit log, in the transaction of `em`. Plain SQL without `returning`, which the ORM's own inserts have: who
 * may add need not be able to read.
 */
export async function recordAudit(em: EntityManager, actor: Session, record: AuditRecord): Promise<void> {
  await em.execute(
    `insert into audit_log (occurred_at, actor, role, tenant_id, action, subject_type, subject_id, reason, before, after,
       request_id, workflow_id)
     values (?, ?, ?, nullif(?, ''), ?, ?, ?, ?, ?::jsonb, ?::jsonb, ?, ?)`,
    [
      record.occurredAt,
      actor.subject,
      actor.role,
      actor.tenantId,
      record.action,
      record.subjectType,
      record.subjectId,
      record.reason ?? null,
      asJson(record.before),
      asJson(record.after),
      record.requestId ?? null,
      record.workflowId ?? null,
    ],
  );
}

function asJson(value: JsonValue | undefined): string | null {
  return value === undefined || value === null ? null : JSON.stringify(value);
}
