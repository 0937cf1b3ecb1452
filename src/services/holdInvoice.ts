import type { EntityManager } from '@mikro-orm/postgresql';

/**
 * Sets an invoice aside with the reason; whatever version was in force stays in force. Where another ingest has put a newer version in
 * force since this one began, this one's complaint is out of date and changes nothing.
 */
export async function holdInvoice(
  em: EntityManager,
  input: {
    readonly provider: string;
    readonly invoiceUuid: string;
    readonly error: { readonly code: string; readonly message: string; readonly context: unknown };
    /** Stated − lines, a decimal string; null where the document could not be read. */
    readonly difference: string | null;
    /** The version in force when the ingest began. */
    readonly heldVersion: number;
  },
): Promise<void> {
  await em.execute(
    `update cloud_invoices set ingest_status = 'held', error = ?::jsonb, held_difference = ?::numeric
     where provider = ? and invoice_uuid = ? and version = ?`,
    [JSON.stringify(input.error), input.difference, input.provider, input.invoiceUuid, input.heldVersion],
  );
}
