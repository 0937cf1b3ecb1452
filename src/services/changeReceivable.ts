import type { EntityManager } from '@mikro-orm/postgresql';

/**
 * After a credit note: the finance system is told anew of an invoice that it knows. What it refused, and never took before, goes on
 * waiting for an operator. In the transaction that holds the invoice.
 */
export async function reviseReceivable(em: EntityManager, invoiceId: string, now: Date): Promise<void> {
  await em.execute(
    `update receivables set version = version + 1,
       state = case when state = 'failed' and external_id is null then 'failed' else 'pending' end,
       next_attempt_at = case when state = 'pending' then next_attempt_at else ?::timestamptz end
     where invoice_id = ?`,
    [now, invoiceId],
  );
}

/**
 * After the void of an invoice: a receivable that the finance system can't know of is withdrawn, of any other one it is told anew. One
 * that was handed over without an answer counts as known. In the transaction that holds the invoice.
 */
export async function withdrawReceivable(em: EntityManager, invoiceId: string, now: Date): Promise<void> {
  await em.execute(
    `delete from receivables
     where invoice_id = ? and (attempts = 0 or state = 'failed' and external_id is null)`,
    [invoiceId],
  );
  await reviseReceivable(em, invoiceId, now);
}
