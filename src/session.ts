import type { EntityManager, MikroORM } from '@mikro-orm/postgresql';

/** Who the database is told is asking; row level security answers by it. `system` is the service's own workers. */
export const sessionRoles = [
  'system',
  'platform_admin',
  'platform_viewer',
  'tenant',
  'gateway',
  'finance',
] as const;
export type SessionRole = (typeof sessionRoles)[number];

export interface Session {
  readonly role: SessionRole;
  /** Empty for everybody but tenants. */
  readonly tenantId: string;
  /** Who, for the audit log: a token's `sub`, or `workflow`. */
  readonly subject: string;
}

export const systemSession: Session = { role: 'system', tenantId: '', subject: 'workflow' };

/** A fresh EntityManager whose every query runs under this session's row level security. One for each request or attempt. */
export function forSession(orm: MikroORM, session: Session): EntityManager {
  return orm.em.fork({
    session: {
      variables: {
        'app.role': session.role,
        'app.tenant_id': session.tenantId,
        'app.subject': session.subject,
      },
    },
  });
}
