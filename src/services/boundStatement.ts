import { randomUUID } from 'node:crypto';
import type { EntityManager } from '@mikro-orm/postgresql';

/**
 * Runs a statement whose values (`$1`, `$2`, …) go to PostgreSQL beside its text, in the transaction of `em`. `em.execute` writes them
 * into the text: a batch's rows would be quoted, sent and parsed as SQL first. For statements that carry whole batches.
 * @param em in a transaction: its session decides which rows are visible
 * @throws what `em.execute` throws
 */
export async function executeBound<Row>(
  em: EntityManager,
  text: string,
  values: readonly (string | number | Date | null)[],
): Promise<Row[]> {
  if (!em.isInTransaction()) throw new Error('a bound statement needs a transaction');
  try {
    const result = await em.getKysely<unknown>().executeQuery<Row>({
      sql: text,
      parameters: values,
      query: { kind: 'RawNode', sqlFragments: [text], parameters: [] },
      queryId: { queryId: randomUUID() },
    });
    return result.rows;
  } catch (error) {
    throw error instanceof Error ? em.getDriver().convertException(error) : error;
  }
}
