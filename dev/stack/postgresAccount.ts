import { execFile } from 'node:child_process';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { ArcadiaError } from '../../src/domain/errors.ts';

const run = promisify(execFile);

/** A system account. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

/**
 * The account that PostgreSQL runs as when we are root, which it refuses to run as: `postgres`, created where it is missing.
 * `undefined` for everybody else: it runs as the user.
 */
export async function postgresAccount(): Promise<Account | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const existing = await findAccount();
  if (existing !== undefined) return existing;
  try {
    await run('useradd', [
      '--system',
      '--user-group',
      '--no-create-home',
      '--shell',
      '/bin/false',
      'postgres',
    ]);
  } catch (cause) {
    throw new ArcadiaError(
      'postgres_account_missing',
      'PostgreSQL does not run as root, and the system account "postgres" for it could not be created (useradd). ' +
        'Create it, run the command as another user, or set DATABASE_URL to a PostgreSQL that runs already.',
      { cause },
    );
  }
  const created = await findAccount();
  if (created === undefined)
    throw new ArcadiaError('postgres_account_missing', 'useradd created no account "postgres"');
  return created;
}

/** Whether the account may enter a folder: every folder on the way must let it through. Access lists are not looked at. */
export async function canEnter(account: Account, folder: string): Promise<boolean> {
  for (let current = path.resolve(folder); ; current = path.dirname(current)) {
    const { uid, gid, mode } = await stat(current);
    const executeBit = uid === account.uid ? 0o100 : gid === account.gid ? 0o010 : 0o001;
    if ((mode & executeBit) === 0) return false;
    if (current === path.dirname(current)) return true;
  }
}

async function findAccount(): Promise<Account | undefined> {
  try {
    const [uid, gid] = await Promise.all([run('id', ['-u', 'postgres']), run('id', ['-g', 'postgres'])]);
    return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
  } catch {
    return undefined;
  }
}
