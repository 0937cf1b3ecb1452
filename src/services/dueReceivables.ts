import type { EntityManager } from '@mikro-orm/postgresql';
import { safeCents } from '../domain/money.ts';
import type { ReceivableDocument } from '../integrations/financeClient.ts';

interface DueRow {
  invoice_id: string;
  number: string;
  tenant_id: string;
  period: string;
  issued_at: Date;
  due_on: string;
  currency: string;
  subtotal: string;
  tax: string;
  total: string;
  bill_to: Record<string, string | null> | null;
}

/** What is to be told to the finance system now, longest waiting first. What was voided meanwhile is no receivable any more. */
export async function dueReceivables(
  em: EntityManager,
  { now, limit }: { readonly now: Date; readonly limit: number },
): Promise<ReceivableDocument[]> {
  const rows = await em.execute<DueRow[]>(
    `select invoice.id as invoice_id, invoice.number, invoice.tenant_id, invoice.period_start::text as period,
       invoice.issued_at, invoice.due_on::text as due_on, invoice.currency, invoice.subtotal_cents::text as subtotal,
       invoice.tax_cents::text as tax, invoice.total_cents::text as total, invoice.bill_to
     from receivables receivable
     join tenant_invoices invoice on invoice.id = receivable.invoice_id and invoice.status <> 'void'
     where receivable.state = 'pending' and receivable.next_attempt_at <= ?
     order by receivable.next_attempt_at, receivable.invoice_id limit ?`,
    [now, limit],
  );
  return rows.map(({ issued_at, subtotal, tax, total, bill_to, ...row }) => ({
    ...row,
    issued_at: new Date(issued_at).toISOString(),
    subtotal_cents: safeCents(subtotal),
    tax_cents: safeCents(tax),
    total_cents: safeCents(total),
    bill_to,
  }));
}

/** When the next one that waits is due, null where none waits; and how many wait for an operator. */
export async function receivablesLeft(
  em: EntityManager,
): Promise<{ readonly nextAttemptAt: Date | null; readonly failed: number }> {
  const [row] = await em.execute<{ next: Date | null; failed: number }[]>(
    `select min(receivable.next_attempt_at) filter (where receivable.state = 'pending') as next,
       (count(*) filter (where receivable.state = 'failed'))::int as failed
     from receivables receivable
     join tenant_invoices invoice on invoice.id = receivable.invoice_id and invoice.status <> 'void'
     where receivable.state <> 'acknowledged'`,
  );
  return { nextAttemptAt: row?.next == null ? null : new Date(row.next), failed: row?.failed ?? 0 };
}
