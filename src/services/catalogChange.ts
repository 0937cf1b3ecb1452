import type { EntityManager } from '@mikro-orm/postgresql';
import type { JsonValue } from '../domain/errors.ts';
import type { Session } from '../session.ts';
import { recordAudit } from './recordAudit.ts';

/** Who changes the catalog, when and why. */
export interface CatalogRequest {
  readonly actor: Session;
  readonly now: Date;
  readonly reason?: string | undefined;
  readonly requestId?: string | undefined;
}

export interface CatalogChange {
  /** Subject and verb: `plan_version.publish`. */
  readonly action: string;
  readonly subjectId: string;
  readonly before?: JsonValue;
  readonly after: JsonValue;
}

/** Says in the audit log what can be bought from now on; in the transaction of `em`. */
export async function recordCatalogChange(
  em: EntityManager,
  { actor, now, reason, requestId }: CatalogRequest,
  { action, subjectId, before, after }: CatalogChange,
): Promise<void> {
  await recordAudit(em, actor, {
    occurredAt: now,
    action,
    subjectType: action.split('.')[0] ?? '',
    subjectId,
    ...(reason === undefined ? {} : { reason }),
    ...(before === undefined ? {} : { before }),
    after,
    ...(requestId === undefined ? {} : { requestId }),
  });
}
