import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { freePort } from '../../dev/stack/ports.ts';
import { type Postgres, startPostgres } from '../../dev/stack/postgres.ts';

describe('the embedded PostgreSQL', () => {
  let folder: string;
  let started: Postgres[];

  beforeEach(async () => {
    folder = path.join(tmpdir(), `arcadia-cloud-stack-${randomUUID()}`);
    await mkdir(folder, { mode: 0o755 });
    started = [];
  });

  afterEach(async () => {
    for (const postgres of started) await postgres.stop();
    await rm(folder, { recursive: true, force: true });
  });

  async function start(dataDir = path.join(folder, 'postgres'), port?: number): Promise<Postgres> {
    const postgres = await startPostgres({ dataDir, port: port ?? (await freePort()) });
    started.push(postgres);
    return postgres;
  }

  it('keeps its data from one start to the next, in UTF-8 and UTC, forced to disk', async () => {
    const first = await start();
    await query(first, "CREATE TABLE kept AS SELECT 'Zoë' AS name");
    await first.stop();

    const second = await start();
    expect(await query(second, 'SELECT name FROM kept')).toEqual([{ name: 'Zoë' }]);
    expect(
      await query(
        second,
        "SELECT current_setting('server_encoding') AS encoding, current_setting('timezone') AS zone, current_setting('fsync') AS fsync",
      ),
    ).toEqual([{ encoding: 'UTF8', zone: 'UTC', fsync: 'on' }]);
  }, 60_000);

  it('keeps what was committed when the server is killed, and starts again on what it left', async () => {
    const first = await start();
    await query(first, 'CREATE TABLE kept AS SELECT 7 AS number');
    process.kill(first.pid, 'SIGKILL');
    const crash = await first.crashed;
    expect(crash).toMatchObject({ code: 'program_crashed', context: { name: 'PostgreSQL', end: 'SIGKILL' } });
    expect(crash.message).toContain('database system is ready to accept connections');

    const second = await start();
    expect(await query(second, 'SELECT number FROM kept')).toEqual([{ number: 7 }]);
  }, 60_000);

  it('makes its files anew where a first start was cut off, and deletes nothing that it did not make', async () => {
    const dataDir = path.join(folder, 'postgres');
    await mkdir(path.join(`${dataDir}.unfinished`, 'base'), { recursive: true });
    await writeFile(path.join(`${dataDir}.unfinished`, 'PG_VERSION'), '18\n');
    await mkdir(dataDir);
    await writeFile(path.join(dataDir, 'PG_VERSION'), '18\n');
    await writeFile(path.join(dataDir, 'notes.txt'), 'mine');

    const postgres = await start(dataDir);
    expect(await query(postgres, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    const setAside = (await readdir(folder)).find((name) => name.startsWith('postgres.set-aside-'));
    expect(await readFile(path.join(folder, String(setAside), 'notes.txt'), 'utf8')).toBe('mine');
  }, 60_000);

  it('starts in a folder that only its owner may enter', async () => {
    const privateFolder = await mkdtemp(path.join(folder, 'private-'));
    const dataDir = path.join(privateFolder, 'postgres');
    const first = await start(dataDir);
    await query(first, 'CREATE TABLE kept AS SELECT 7 AS number');
    await first.stop();

    const second = await start(dataDir);
    expect(await query(second, 'SELECT number FROM kept')).toEqual([{ number: 7 }]);
    await second.stop();
    const elsewhere = await readlink(dataDir).catch(() => undefined);
    // Root's PostgreSQL has an account of its own, which may not enter.
    expect(elsewhere !== undefined).toBe(process.getuid?.() === 0);
    if (elsewhere !== undefined) await rm(elsewhere, { recursive: true });
  }, 60_000);

  it('names the port, who wants it and the variable that changes it when the port is in use', async () => {
    const { port } = await start();
    await expect(start(path.join(folder, 'other'), port)).rejects.toMatchObject({
      code: 'port_unavailable',
      message: `Port ${port}, which PostgreSQL needs, is in use by another program. Choose another one with POSTGRES_PORT=<port>.`,
    });
  }, 60_000);

  it('says so at once when the data was made with another password', async () => {
    const first = await start();
    await first.stop();
    const refused = startPostgres({
      dataDir: path.join(folder, 'postgres'),
      port: await freePort(),
      password: 'other',
    });
    await expect(refused).rejects.toMatchObject({
      code: 'postgres_not_ready',
      message: expect.stringContaining('password authentication failed for user "postgres"'),
    });
  }, 60_000);
});

async function query(postgres: Postgres, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: postgres.ownerUrl });
  // A killed server ends the connection before we do.
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}
