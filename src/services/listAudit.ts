import type { EntityManager } from '@mikro-orm/postgresql';
import { AuditEntry } from '../entities/auditEntry.ts';
import type { KeysetPage } from './listInventory.ts';

export interface AuditFilter {
  readonly subjectType?: string | undefined;
  readonly subjectId?: string | undefined;
  readonly action?: string | undefined;
}

/** Rows of the audit log, newest first. */
export function listAudit(
  em: EntityManager,
  filter: AuditFilter,
  page: KeysetPage<bigint>,
): Promise<AuditEntry[]> {
  return em.find(
    AuditEntry,
    {
      ...(filter.subjectType === undefined ? {} : { subjectType: filter.subjectType }),
      ...(filter.subjectId === undefined ? {} : { subjectId: filter.subjectId }),
      ...(filter.action === undefined ? {} : { action: filter.action }),
      ...(page.after === undefined ? {} : { id: { $lt: page.after } }),
    },
    { orderBy: { id: 'desc' }, limit: page.limit + 1 },
  );
}
