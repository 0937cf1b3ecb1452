import { setTimeout as delay } from 'node:timers/promises';
import type { Connection } from '@temporalio/client';
import { ArcadiaError } from '../../src/domain/errors.ts';

/** Numbers of Temporal's `IndexedValueType`, by the names that its CLI and documentation use. */
const VALUE_TYPES = { Text: 1, Keyword: 2, Int: 3, Double: 4, Bool: 5, Datetime: 6, KeywordList: 7 } as const;

export type SearchAttributeTypes = Readonly<Record<string, keyof typeof VALUE_TYPES>>;

const VISIBLE_WITHIN_MS = 20_000;

/**
 * Adds to a namespace the search attributes that it lacks, and waits until they are known. Throws `search_attribute_conflict`
 * when one is there under another type: a type can't be changed while workflows use it.
 */
export async function ensureSearchAttributes(
  connection: Connection,
  namespace: string,
  table: SearchAttributeTypes,
): Promise<void> {
  const missing = await missingAttributes(connection, namespace, table);
  if (missing.length === 0) return;
  await connection.operatorService.addSearchAttributes({
    namespace,
    searchAttributes: Object.fromEntries(missing.map(([name, type]) => [name, VALUE_TYPES[type]])),
  });
  const deadline = Date.now() + VISIBLE_WITHIN_MS;
  while ((await missingAttributes(connection, namespace, table)).length > 0) {
    if (Date.now() > deadline) {
      throw new ArcadiaError(
        'search_attributes_not_ready',
        `Temporal took the search attributes of namespace "${namespace}", but does not list them after 20 seconds`,
      );
    }
    await delay(100);
  }
}

async function missingAttributes(connection: Connection, namespace: string, table: SearchAttributeTypes) {
  const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
  const wanted = Object.entries(table);
  for (const [name, type] of wanted) {
    const known = customAttributes?.[name];
    if (known === undefined || known === VALUE_TYPES[type]) continue;
    const knownName =
      Object.entries(VALUE_TYPES).find(([, number]) => number === known)?.[0] ?? String(known);
    throw new ArcadiaError(
      'search_attribute_conflict',
      `Search attribute ${name} of namespace "${namespace}" is a ${knownName}; this program needs a ${type}. ` +
        'Remove it (temporal operator search-attribute remove) or use another namespace.',
      { context: { name, namespace, known: knownName, wanted: type } },
    );
  }
  return wanted.filter(([name]) => customAttributes?.[name] === undefined);
}
