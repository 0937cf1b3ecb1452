import type { EntityManager, MikroORM } from '@mikro-orm/postgresql';
import type { PoolClient } from 'pg';

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

/**
 * Runs statements in one transaction under this session's row level security, on a plain connection of the ORM's pool. For the few that
 * run so often that they are worth being prepared: the ORM writes its values into the text, which is parsed and planned anew each time.
 */
export async function inSession<Result>(
  orm: MikroORM,
  session: Session,
  work: (client: PoolClient) => Promise<Result>,
): Promise<Result> {
  const pool = await orm.em.getConnection().getNativeClient();
  const client = await pool.connect();
  let failure: Error | undefined;
  try {
    const [role, tenantId, subject] = [session.role, session.tenantId, session.subject].map((value) =>
      client.escapeLiteral(value),
    );
    await client.query(
      `begin; select set_config('app.role', ${role}, true), set_config('app.tenant_id', ${tenantId}, true), set_config('app.subject', ${subject}, true)`,
    );
    const result = await work(client);
    await client.query('commit');
    return result;
  } catch (error) {
    failure = error instanceof Error ? error : new Error(String(error));
    throw error;
  } finally {
    // After a failure its transaction may still be open: given back with the error, the connection is closed, and that rolls it back.
    client.release(failure);
  }
}
