import pg from 'pg';

export interface DatabaseRoles {
  readonly database: string;
  /** Owns the database and runs migrations; no superuser. */
  readonly ownerRole: string;
  readonly ownerPassword: string;
  /** What the service connects as: owns nothing, so that row level security binds it. */
  readonly appRole: string;
  readonly appPassword: string;
}

export interface DatabaseUrls {
  readonly ownerUrl: string;
  readonly appUrl: string;
}

/** Any number does; it keeps two starters from creating the same role at once. */
const ENSURE_DATABASE_LOCK = 4_005_001;

/**
 * Creates the two roles and the database where they are missing, and sets attributes and passwords where they differ.
 * @param adminUrl connection of a superuser
 */
export async function ensureDatabase(adminUrl: string, roles: DatabaseRoles): Promise<DatabaseUrls> {
  const admin = new pg.Client({ connectionString: adminUrl });
  await admin.connect();
  try {
    await admin.query('SELECT pg_advisory_lock($1)', [ENSURE_DATABASE_LOCK]);
    await ensureRole(admin, roles.ownerRole, roles.ownerPassword);
    await ensureRole(admin, roles.appRole, roles.appPassword);
    const found = await admin.query('SELECT 1 FROM pg_database WHERE datname = $1', [roles.database]);
    if (found.rowCount === 0) {
      await admin.query(
        `CREATE DATABASE ${quote(roles.database)} OWNER ${quote(roles.ownerRole)} ENCODING 'UTF8' TEMPLATE template0`,
      );
    }
    await restrictDatabase(admin, roles.database, roles.appRole);
  } finally {
    await admin.end();
  }
  return {
    ownerUrl: connectionUrl(adminUrl, roles.database, roles.ownerRole, roles.ownerPassword),
    appUrl: connectionUrl(adminUrl, roles.database, roles.appRole, roles.appPassword),
  };
}

/** Only the owner and the app role may connect to the database. */
export async function restrictDatabase(admin: pg.Client, database: string, appRole: string): Promise<void> {
  await admin.query(`REVOKE ALL ON DATABASE ${quote(database)} FROM PUBLIC`);
  await admin.query(`GRANT CONNECT ON DATABASE ${quote(database)} TO ${quote(appRole)}`);
}

/** The same server and options as `serverUrl`, another database and login. */
export function connectionUrl(serverUrl: string, database: string, role: string, password: string): string {
  const url = new URL(serverUrl);
  url.pathname = `/${encodeURIComponent(database)}`;
  url.username = encodeURIComponent(role);
  url.password = encodeURIComponent(password);
  return url.href;
}

async function ensureRole(admin: pg.Client, role: string, password: string): Promise<void> {
  const found = await admin.query('SELECT 1 FROM pg_roles WHERE rolname = $1', [role]);
  const verb = found.rowCount === 0 ? 'CREATE' : 'ALTER';
  const attributes = 'LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION';
  await admin.query(`${verb} ROLE ${quote(role)} ${attributes} PASSWORD ${pg.escapeLiteral(password)}`);
}

function quote(name: string): string {
  return pg.escapeIdentifier(name);
}
