import { createHash } from 'node:crypto';
import { pipeline as chain, Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import type { EntityManager } from '@mikro-orm/postgresql';
import { ArcadiaError } from '../domain/errors.ts';
import type { FocusDataset, FocusVersion } from '../domain/focus/columns.ts';

export class FocusFileTooLarge extends ArcadiaError {
  constructor(limit: number) {
    super('focus_file_too_large', `the file has more than ${limit} bytes, unpacked`, { context: { limit } });
  }
}

export class FocusFileUnreadable extends ArcadiaError {
  constructor(what: string, cause?: unknown) {
    super('focus_file_unreadable', what, { cause });
  }
}

export interface NewFocusFile {
  readonly name: string;
  readonly dataset?: FocusDataset | undefined;
  readonly version?: FocusVersion | undefined;
  readonly uploadedBy: string;
  readonly now: Date;
  /** The most bytes that it may have, unpacked. */
  readonly limit: number;
}

export interface StoredFocusFile {
  readonly id: string;
  readonly sha256: string;
  /** False where the same content was there already. */
  readonly isNew: boolean;
}

const chunkBytes = 1024 * 1024;

/**
 * Keeps a file's content, CSV plain or gzip, while it arrives, in bounded memory and without one long transaction: it counts only
 * once it is whole. Content that is known already, by its checksum, is the file that is there.
 * @throws FocusFileTooLarge, FocusFileUnreadable; whatever the body raises, as it is. Then nothing of it is left.
 */
export async function storeFocusFile(
  em: EntityManager,
  file: NewFocusFile,
  body: AsyncIterable<Uint8Array>,
): Promise<StoredFocusFile> {
  await forgetBrokenOff(em, file.now);
  const id = await beginFile(em, file);
  try {
    const hash = createHash('sha256');
    let bytes = 0;
    const measure = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        bytes += chunk.length;
        hash.update(chunk);
        if (bytes > file.limit) done(new FocusFileTooLarge(file.limit));
        else done(null, chunk);
      },
    });
    const { isGzip, content } = await peek(body);
    await pipeline(
      Readable.from(isGzip ? unpacked(content) : content, { objectMode: false }),
      measure,
      createGzip(),
      async (packed: AsyncIterable<Buffer>) => {
        let position = 0;
        for await (const chunk of inChunks(packed)) {
          await em.execute(`insert into focus_file_chunks (file_id, position, content) values (?, ?, ?)`, [
            id,
            position,
            chunk,
          ]);
          position += 1;
        }
      },
    );
    if (bytes === 0) throw new FocusFileUnreadable('the file is empty');
    return await finishFile(em, id, file, hash.digest('hex'), bytes);
  } catch (error) {
    await em.execute(`delete from focus_files where id = ?`, [id]);
    throw isUnpackError(error)
      ? new FocusFileUnreadable('the file starts as gzip does, but can not be unpacked whole', error)
      : error;
  }
}

/** A file's content, unpacked, while it is read from the database. */
export function readFocusContent(em: EntityManager, fileId: string): AsyncIterable<Uint8Array> {
  return unpacked(chunksOf(em, fileId));
}

function unpacked(packed: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  // Whoever reads it meets every failure; there is nobody else to tell.
  return chain(Readable.from(packed, { objectMode: false }), createGunzip(), () => undefined);
}

async function* chunksOf(em: EntityManager, fileId: string): AsyncGenerator<Buffer> {
  for (let position = 0; ; position += 1) {
    const [chunk] = await em.execute<{ content: Buffer }[]>(
      `select content from focus_file_chunks where file_id = ? and position = ?`,
      [fileId, position],
    );
    if (chunk === undefined) return;
    yield chunk.content;
  }
}

/** What was cut off with its process a day ago will not go on. */
async function forgetBrokenOff(em: EntityManager, now: Date): Promise<void> {
  await em.execute(
    `delete from focus_files where status = 'receiving' and received_at < ?::timestamptz - interval '1 day'`,
    [now],
  );
}

async function beginFile(em: EntityManager, file: NewFocusFile): Promise<string> {
  const [row] = await em.execute<{ id: string }[]>(
    `insert into focus_files (name, dataset, version, providers, status, notes, uploaded_by, received_at)
     values (?, ?, ?, '[]', 'receiving', '[]', ?, ?) returning id`,
    [file.name, file.dataset ?? null, file.version ?? null, file.uploadedBy, file.now],
  );
  if (row === undefined) throw new Error('the inserted file has no id');
  return row.id;
}

/** Two of one content at the same time: the unique key lets one be it, and the other's copy goes. */
async function finishFile(
  em: EntityManager,
  id: string,
  file: NewFocusFile,
  sha256: string,
  bytes: number,
): Promise<StoredFocusFile> {
  return em.transactional(async (transaction) => {
    await transaction.execute(`select pg_advisory_xact_lock(hashtext(?))`, [sha256]);
    const [known] = await transaction.execute<{ id: string }[]>(
      `select id from focus_files where sha256 = ?`,
      [sha256],
    );
    if (known !== undefined) {
      await transaction.execute(`delete from focus_files where id = ?`, [id]);
      // It may have been refused for what was declared of it.
      await transaction.execute(
        `update focus_files set dataset = ?, version = ? where id = ? and status = 'refused'`,
        [file.dataset ?? null, file.version ?? null, known.id],
      );
      return { id: known.id, sha256, isNew: false };
    }
    await transaction.execute(
      `update focus_files set sha256 = ?, byte_size = ?, status = 'received' where id = ?`,
      [sha256, bytes, id],
    );
    return { id, sha256, isNew: true };
  });
}

/** Whatever its name says, content that starts with gzip's two bytes is gzip. */
async function peek(
  body: AsyncIterable<Uint8Array>,
): Promise<{ isGzip: boolean; content: AsyncIterable<Uint8Array> }> {
  const chunks = body[Symbol.asyncIterator]();
  let start = Buffer.alloc(0);
  for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) {
    start = Buffer.concat([start, next.value]);
    if (start.length >= 2) break;
  }
  const isGzip = start[0] === 0x1f && start[1] === 0x8b;
  async function* content(): AsyncGenerator<Uint8Array> {
    if (start.length > 0) yield start;
    yield* { [Symbol.asyncIterator]: () => chunks };
  }
  return { isGzip, content: content() };
}

function isUnpackError(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && /^Z_/.test(String(error.code));
}

async function* inChunks(packed: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let waiting: Buffer[] = [];
  let bytes = 0;
  for await (const piece of packed) {
    waiting.push(piece);
    bytes += piece.length;
    if (bytes < chunkBytes) continue;
    yield Buffer.concat(waiting);
    waiting = [];
    bytes = 0;
  }
  if (bytes > 0) yield Buffer.concat(waiting);
}
