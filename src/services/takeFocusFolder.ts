import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { EntityManager } from '@mikro-orm/postgresql';
import { ArcadiaError } from '../domain/errors.ts';
import { storeFocusFile } from './storeFocusFile.ts';

export interface TakenFolder {
  /** Files that are whole. */
  readonly files: number;
  /** Those that wait to be ingested: taken in now, or left waiting by a run before. */
  readonly waiting: readonly { readonly fileId: string; readonly sha256: string; readonly name: string }[];
  readonly problems: readonly string[];
}

const mostAtOnce = 100;
const isFocusFile = /\.csv(?:\.gz)?$/i;

/**
 * Takes in the finished files of a folder, each once by its content; a file that still changes waits for the next time. Nothing is
 * deleted or moved. One that can't be taken is named and holds up no other.
 * @param quietMs how long a file's size and time must stay the same
 * @throws ArcadiaError `focus_folder_unreadable`
 */
export async function takeFocusFolder(
  em: EntityManager,
  options: {
    readonly folder: string;
    readonly now: Date;
    readonly limit: number;
    readonly quietMs: number;
    readonly onProgress: (files: number) => void;
  },
): Promise<TakenFolder> {
  const files = await finishedFiles(options.folder, options.quietMs);
  const waiting = new Map<string, { fileId: string; sha256: string; name: string }>();
  const problems: string[] = [];
  let seen = 0;
  for (const file of files) {
    if (waiting.size === mostAtOnce) break;
    try {
      const taken = (await takenBefore(em, file)) ?? (await take(em, file, options));
      if (taken.status === 'received') waiting.set(taken.sha256, { ...taken, name: file.name });
    } catch (error) {
      if (error instanceof ArcadiaError) problems.push(`${file.name}: ${error.message}`);
      else if (isFileError(error)) problems.push(`${file.name}: it can't be read`);
      else throw error;
    }
    seen += 1;
    options.onProgress(seen);
  }
  return { files: files.length, waiting: [...waiting.values()], problems };
}

interface FolderFile {
  readonly name: string;
  readonly path: string;
  readonly size: number;
  readonly modifiedAt: Date;
}

async function finishedFiles(folder: string, quietMs: number): Promise<FolderFile[]> {
  const before = await filesOf(folder);
  await delay(quietMs);
  const after = new Map((await filesOf(folder)).map((file) => [file.name, file]));
  return before.filter((file) => {
    const later = after.get(file.name);
    return later?.size === file.size && later.modifiedAt.getTime() === file.modifiedAt.getTime();
  });
}

async function filesOf(folder: string): Promise<FolderFile[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    const names = entries
      .filter((entry) => entry.isFile() && isFocusFile.test(entry.name))
      .map((entry) => entry.name);
    return await Promise.all(
      names.toSorted().map(async (name) => {
        const file = path.join(folder, name);
        const { size, mtimeMs } = await stat(file);
        return { name, path: file, size, modifiedAt: new Date(Math.floor(mtimeMs)) };
      }),
    );
  } catch (error) {
    throw new ArcadiaError('focus_folder_unreadable', `the folder "${folder}" can't be read`, {
      retryable: true,
      cause: error,
    });
  }
}

interface Taken {
  readonly fileId: string;
  readonly sha256: string;
  readonly status: string;
}

async function takenBefore(em: EntityManager, file: FolderFile): Promise<Taken | null> {
  const [row] = await em.execute<{ id: string; sha256: string; status: string }[]>(
    `select file.id, file.sha256, file.status from focus_folder_files taken join focus_files file on file.id = taken.file_id
     where taken.name = ? and taken.byte_size = ? and taken.modified_at = ?`,
    [file.name, file.size, file.modifiedAt],
  );
  return row === undefined ? null : { fileId: row.id, sha256: row.sha256, status: row.status };
}

async function take(
  em: EntityManager,
  file: FolderFile,
  { now, limit }: { readonly now: Date; readonly limit: number },
): Promise<Taken> {
  const stored = await storeFocusFile(
    em,
    { name: file.name, uploadedBy: 'folder', now, limit },
    createReadStream(file.path),
  );
  const [row] = await em.execute<{ status: string }[]>(
    `with taken as (
       insert into focus_folder_files (name, byte_size, modified_at, file_id) values (?, ?, ?, ?)
       on conflict (name) do update
         set byte_size = excluded.byte_size, modified_at = excluded.modified_at, file_id = excluded.file_id
     )
     select status from focus_files where id = ?`,
    [file.name, file.size, file.modifiedAt, stored.id, stored.id],
  );
  return { fileId: stored.id, sha256: stored.sha256, status: row?.status ?? '' };
}

/** It went away or may not be read: the operator's to see, and no reason to stop. */
function isFileError(error: unknown): boolean {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return ['ENOENT', 'EACCES', 'EPERM', 'EISDIR'].includes(String(code));
}
