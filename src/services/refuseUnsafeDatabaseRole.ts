import type { MikroORM } from '@mikro-orm/postgresql';
import { ArcadiaError } from '../domain/errors.ts';

/** The database user could see past row level security. */
export class UnsafeDatabaseRole extends ArcadiaError {
  constructor(user: string, why: string) {
    super(
      'unsafe_database_role',
      `the database user "${user}" ${why}, so row level security would not bind it; DATABASE_URL must name the application role`,
      { context: { user } },
    );
  }
}

interface RoleFacts {
  readonly name: string;
  readonly is_super: boolean;
  readonly bypasses: boolean;
  readonly owned: number;
}

/**
 * Refuses a database user that owns a table, is a superuser or may bypass row level security, itself or by a role that it is
 * a member of.
 * @throws UnsafeDatabaseRole
 */
export async function refuseUnsafeDatabaseRole(orm: MikroORM): Promise<void> {
  const [facts] = await orm.em.getConnection().execute<RoleFacts[]>(
    `select session_user as name,
            bool_or(r.rolsuper) as is_super,
            bool_or(r.rolbypassrls) as bypasses,
            (select count(*)::int from pg_class c join pg_namespace n on n.oid = c.relnamespace
              where n.nspname = 'public' and pg_has_role(session_user, c.relowner, 'MEMBER')) as owned
     from pg_roles r
     where pg_has_role(session_user, r.oid, 'MEMBER')`,
  );
  if (facts === undefined) return;
  if (facts.is_super) throw new UnsafeDatabaseRole(facts.name, 'is a superuser');
  if (facts.bypasses) throw new UnsafeDatabaseRole(facts.name, 'may bypass row level security');
  if (facts.owned > 0) throw new UnsafeDatabaseRole(facts.name, `owns ${facts.owned} tables or sequences`);
}
