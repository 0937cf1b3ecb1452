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
  credited: string;
  status: 'issued' | 'void';
  version: number;
  bill_to: Record<string, string | null> | null;
}

/**
 * What is to be told to the finance system now, longest waiting first, each counted as tried: from here on the finance system may know of
 * it, even where no answer comes.
 */
export async function takeDueReceivables(
  em: EntityManager,
  { now, limit }: { readonly now: Date; readonly limit: number },
): Promise<ReceivableDocument[]> {
  const rows = await em.execute<DueRow[]>(
    `with taken as (
       update receivables set attempts = attempts + 1
       where state = 'pending' and invoice_id in (
         select invoice_id from receivables where state = 'pending' and next_attempt_at <= ?
         order by next_attempt_at, invoice_id limit ?
       )
       returning invoice_id, version, next_attempt_at
     )
     select invoice.id as invoice_id, invoice.number, invoice.tenant_id, invoice.period_start::text as period,
       invoice.issued_at, invoice.due_on::text as due_on, invoice.currency, invoice.subtotal_cents::text as subtotal,
       invoice.tax_cents::text as tax, invoice.total_cents::text as total, invoice.credited_cents::text as credited,
       case when invoice.status = 'void' then 'void' else 'issued' end as status, taken.version, invoice.bill_to
     from taken
     join tenant_invoices invoice on invoice.id = taken.invoice_id
     order by taken.next_attempt_at, taken.invoice_id`,
    [now, limit],
  );
  return rows.map(({ issued_at, subtotal, tax, total, credited, bill_to, ...row }) => ({
    ...row,
    issued_at: new Date(issued_at).toISOString(),
    subtotal_cents: safeCents(subtotal),
    tax_cents: safeCents(tax),
    total_cents: safeCents(total),
    credited_cents: safeCents(credited),
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
     where receivable.state <> 'acknowledged'`,
  );
  return { nextAttemptAt: row?.next == null ? null : new Date(row.next), failed: row?.failed ?? 0 };
}
