import { z } from 'zod';

/** A keyset cursor is the last row's sort key, named after its list, in base64url: opaque to clients, checked when it returns. */
const envelope = z.tuple([z.string(), z.unknown()]);

/** The cursor of a list after the row with this sort key. */
export const toNextCursor = (list: string, key: unknown) =>
  Buffer.from(JSON.stringify([list, key])).toString('base64url');

function decode(text: string): unknown {
  try {
    return JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
  } catch {
    return undefined;
  }
}

/** The query parameter `cursor` of one list, read into the sort key after which the page starts. */
export function cursorOf<Key>(list: string, key: z.ZodType<Key>) {
  return z
    .string()
    .max(2000, 'expected a cursor that this list gave out')
    .transform((text, issues): Key => {
      const outer = envelope.safeParse(decode(text));
      const inner =
        outer.success && outer.data[0] === list && toNextCursor(list, outer.data[1]) === text
          ? key.safeParse(outer.data[1])
          : undefined;
      if (inner?.success) return inner.data;
      issues.addIssue({ code: 'custom', message: 'expected a cursor that this list gave out' });
      return z.NEVER;
    })
    .optional()
    .meta({ type: 'string', description: '`next_cursor` of the page before.' });
}

/**
 * Cuts a page out of rows of which one more than `limit` was read.
 * @param keyOf the sort key of a row, as `cursorOf` reads it
 */
export function toPage<Row, Item>(
  list: string,
  rows: readonly Row[],
  limit: number,
  keyOf: (row: Row) => unknown,
  toItem: (row: Row) => Item,
): { items: Item[]; next_cursor: string | null } {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  return {
    items: shown.map(toItem),
    next_cursor: rows.length > limit && last !== undefined ? toNextCursor(list, keyOf(last)) : null,
  };
}

/** Ids of tables that count up: digits, as they travel in JSON. */
export const countingId = z
  .string()
  .regex(/^\d{1,18}$/, 'expected an id of 1 to 18 digits')
  .transform(BigInt);
