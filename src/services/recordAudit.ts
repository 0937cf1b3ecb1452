import type { EntityManager } from '@mikro-orm/postgresql';
import type { JsonValue } from '../domain/errors.ts';
import { AuditEntry } from '../entities/auditEntry.ts';
import type { Session } from '../session.ts';

export interface AuditRecord {
  readonly occurredAt: Date;
  /** Subject and verb: `cloud_project.assign_tenant`. */
  readonly action: string;
  readonly subjectType: string;
  readonly subjectId: string;
  readonly reason?: string;
  readonly before?: JsonValue;
  readonly after?: JsonValue;
  readonly requestId?: string;
  readonly workflowId?: string;
}

/**
 * Adds one row to the audit log, in the transaction of `em`. An insert without `returning`: who may add need not be able to
 * read.
 */
export async function recordAudit(em: EntityManager, actor: Session, record: AuditRecord): Promise<void> {
  await em.createQueryBuilder(AuditEntry).insert({
    occurredAt: record.occurredAt,
    actor: actor.subject,
    role: actor.role,
    tenantId: actor.tenantId === '' ? null : actor.tenantId,
    action: record.action,
    subjectType: record.subjectType,
    subjectId: record.subjectId,
    reason: record.reason ?? null,
    before: record.before ?? null,
    after: record.after ?? null,
    requestId: record.requestId ?? null,
    workflowId: record.workflowId ?? null,
  });
}
