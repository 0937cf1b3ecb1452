import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { connectionUrl, ensureDatabase } from '../dev/stack/databaseRoles.ts';
import { freePort } from '../dev/stack/ports.ts';
import { startPostgres } from '../dev/stack/postgres.ts';
import { migrateDatabase } from '../src/services/migrateDatabase.ts';

export interface BenchDatabase {
  /** What the service itself connects as; row level security binds it. */
  readonly appUrl: string;
  /** A superuser in the same database. */
  readonly adminUrl: string;
  /** The server's settings that bear on the figures. */
  readonly settings: Readonly<Record<string, string>>;
  /** Removes the database, and the server where it is our own. */
  close(): Promise<void>;
}

/** A common small server's settings; both sides of a benchmark run under the same. */
const serverSettings = { shared_buffers: '2GB', max_wal_size: '8GB', checkpoint_timeout: '30min' };

const reported = ['server_version', 'fsync', 'synchronous_commit', 'full_page_writes', 'shared_buffers'];

/**
 * A migrated database on a durable PostgreSQL of its own, in a temporary folder.
 * @param serverUrl a superuser's connection to a server that is there already; its settings stay as they are
 * @param settings further ones of a server of its own
 */
export async function openBenchDatabase(
  serverUrl: string | undefined,
  settings: Readonly<Record<string, string>> = {},
): Promise<BenchDatabase> {
  const server =
    serverUrl === undefined ? await startServer(settings) : { url: serverUrl, stop: async () => undefined };
  const database = `arcadia_bench_${randomUUID().replaceAll('-', '')}`;
  try {
    const { ownerUrl, appUrl } = await ensureDatabase(server.url, {
      database,
      ownerRole: 'arcadia_owner',
      ownerPassword: 'arcadia-bench',
      appRole: 'arcadia_app',
      appPassword: 'arcadia-bench',
    });
    await migrateDatabase(ownerUrl, 'arcadia_app');
    const admin = new URL(server.url);
    return {
      appUrl,
      adminUrl: connectionUrl(
        server.url,
        database,
        decodeURIComponent(admin.username),
        decodeURIComponent(admin.password),
      ),
      settings: await readSettings(server.url),
      async close() {
        await withClient(server.url, (client) =>
          client.query(`drop database if exists ${database} with (force)`),
        );
        await server.stop();
      },
    };
  } catch (error) {
    await server.stop();
    throw error;
  }
}

/** Runs some work on a connection of its own. */
export async function withClient<Result>(
  url: string,
  work: (client: pg.Client) => Promise<Result>,
): Promise<Result> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

async function startServer(
  settings: Readonly<Record<string, string>>,
): Promise<{ url: string; stop: () => Promise<void> }> {
  const folder = path.join(tmpdir(), `arcadia-cloud-bench-${randomUUID()}`);
  const options = { dataDir: path.join(folder, 'data'), port: await freePort() };
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    const first = await startPostgres(options);
    await withClient(first.ownerUrl, async (client) => {
      for (const [name, value] of Object.entries({ ...serverSettings, ...settings })) {
        await client.query(`alter system set ${name} = '${value}'`);
      }
    });
    await first.stop();
    const server = await startPostgres(options);
    return {
      url: server.ownerUrl,
      async stop() {
        await server.stop();
        await remove();
      },
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

function readSettings(url: string): Promise<Record<string, string>> {
  return withClient(url, async (client) => {
    const { rows } = await client.query<{ name: string; value: string }>(
      'select name, current_setting(name) as value from pg_settings where name = any($1)',
      [[...reported, ...Object.keys(serverSettings)]],
    );
    return Object.fromEntries(rows.map(({ name, value }) => [name, value]));
  });
}
