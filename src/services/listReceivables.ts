import type { EntityManager } from '@mikro-orm/postgresql';
import { safeCents } from '../domain/money.ts';
import type { ReceivableState } from '../entities/receivable.ts';
import type { KeysetPage } from './listInventory.ts';

/** One receivable with what it is for. */
export interface ListedReceivable {
  readonly invoice_id: string;
  readonly number: string;
  readonly tenant_id: string;
  readonly total_cents: number;
  readonly currency: string;
  readonly state: ReceivableState;
  readonly attempts: number;
  readonly next_attempt_at: Date;
  readonly last_error: string | null;
  readonly acknowledged_at: Date | null;
  readonly external_id: string | null;
}

/** Receivables by invoice id; of voided invoices those that the finance system may know of. */
export async function listReceivables(
  em: EntityManager,
  filter: { readonly state?: ReceivableState | undefined },
  page: KeysetPage<string>,
): Promise<ListedReceivable[]> {
  const rows = await em.execute<(Omit<ListedReceivable, 'total_cents'> & { total: string })[]>(
    `select receivable.invoice_id, invoice.number, receivable.tenant_id, invoice.total_cents::text as total, invoice.currency,
       receivable.state, receivable.attempts, receivable.next_attempt_at, receivable.last_error, receivable.acknowledged_at,
       receivable.external_id
     from receivables receivable
     join tenant_invoices invoice on invoice.id = receivable.invoice_id
     where (?::text is null or receivable.state = ?) and (?::uuid is null or receivable.invoice_id > ?::uuid)
     order by receivable.invoice_id limit ?`,
    [filter.state ?? null, filter.state ?? null, page.after ?? null, page.after ?? null, page.limit + 1],
  );
  return rows.map(({ total, ...row }) => ({ ...row, total_cents: safeCents(total) }));
}
