import type { EntityManager } from '@mikro-orm/postgresql';

/** Invoices are `INV-000001`, credit notes `CN-000001`: each series counts on without a gap. */
export type DocumentSeries = 'INV' | 'CN';

/**
 * Takes the next `count` numbers of a series. Until the caller's transaction ends nobody else gets one, and a transaction that fails
 * gives them back: so there is no gap. Take them last, after every other lock, so that others wait a short time and no two wait for
 * each other.
 * @returns the number before the first one taken
 */
export async function takeDocumentNumbers(
  em: EntityManager,
  series: DocumentSeries,
  count: number,
): Promise<number> {
  const rows = await em.execute<{ before: string }[]>(
    `insert into document_numbers as held (series, last) values (?, ?)
     on conflict (series) do update set last = held.last + excluded.last
     returning (last - ?)::text as before`,
    [series, count, count],
  );
  return Number(rows[0]?.before);
}

/** SQL for the document number of a series that an SQL expression says: six digits, more where they are needed. */
export const documentNumberSql = (series: DocumentSeries, number: string) =>
  `'${series}-' || lpad((${number})::text, greatest(6, length((${number})::text)), '0')`;
