import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Pool } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';

/** A value of one column; null is SQL NULL. */
export type CopyValue = string | number | null;

/**
 * Loads rows by PostgreSQL's COPY, in one transaction of its own: all of them or none, in bounded memory. Rows that an earlier
 * attempt left under the same key are replaced.
 * @param table a table of ours with a `stage_id` column; its name never comes from outside
 */
export async function replaceByCopy(
  pool: Pool,
  target: { readonly table: string; readonly columns: readonly string[]; readonly stageId: string },
  batches: AsyncIterable<readonly (readonly CopyValue[])[]>,
): Promise<void> {
  const client = await pool.connect();
  let failure: Error | undefined;
  try {
    await client.query('begin');
    await client.query(`delete from ${target.table} where stage_id = $1`, [target.stageId]);
    const copy = client.query(
      copyFrom(`copy ${target.table} (stage_id, ${target.columns.join(', ')}) from stdin`),
    );
    await pipeline(
      Readable.from(textRows(target.stageId, batches), { objectMode: false, highWaterMark: 1 << 16 }),
      copy,
    );
    await client.query('commit');
  } catch (error) {
    failure = error instanceof Error ? error : new Error(String(error));
    throw error;
  } finally {
    // A connection with a broken COPY on it is not fit for the pool: given back with its error, it is closed.
    client.release(failure);
  }
}

async function* textRows(
  stageId: string,
  batches: AsyncIterable<readonly (readonly CopyValue[])[]>,
): AsyncGenerator<string> {
  const prefix = escapeText(stageId);
  for await (const batch of batches) {
    let text = '';
    for (const row of batch) {
      text += prefix;
      for (const value of row) text += `\t${toText(value)}`;
      text += '\n';
    }
    if (text !== '') yield text;
  }
}

function toText(value: CopyValue): string {
  return value === null ? '\\N' : typeof value === 'number' ? String(value) : escapeText(value);
}

const escapes: Readonly<Record<string, string>> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' };

const special = /[\\\t\n\r]/g;
/** Without the flag a test keeps no state; it spares nearly all cells the slower replacement. */
const hasSpecial = /[\\\t\n\r]/;

/** PostgreSQL's COPY text format: backslash, tab, newline and carriage return are the characters that need an escape. */
function escapeText(text: string): string {
  return hasSpecial.test(text) ? text.replace(special, (character) => escapes[character] ?? character) : text;
}
