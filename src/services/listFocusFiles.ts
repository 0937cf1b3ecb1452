import type { EntityManager } from '@mikro-orm/postgresql';
import { FocusBillingPeriod } from '../entities/focusBillingPeriod.ts';
import { FocusFile } from '../entities/focusFile.ts';
import type { KeysetPage } from './listInventory.ts';

/** Files that are whole, the last one first. */
export function listFocusFiles(
  em: EntityManager,
  page: KeysetPage<{ readonly receivedAt: Date; readonly id: string }>,
): Promise<FocusFile[]> {
  const { after } = page;
  return em.find(
    FocusFile,
    {
      status: { $ne: 'receiving' },
      ...(after === undefined
        ? {}
        : {
            $or: [
              { receivedAt: { $lt: after.receivedAt } },
              { receivedAt: after.receivedAt, id: { $lt: after.id } },
            ],
          }),
    },
    { orderBy: { receivedAt: 'desc', id: 'desc' }, limit: page.limit + 1 },
  );
}

/** One file that is whole. */
export function readFocusFile(em: EntityManager, id: string): Promise<FocusFile | null> {
  return em.findOne(FocusFile, { id, status: { $ne: 'receiving' } });
}

export interface FocusFileInvoice {
  readonly provider: string;
  readonly invoiceUuid: string;
  readonly period: string;
  readonly currency: string;
  /** What the charges add up to, exactly; null where no file has brought any. */
  readonly linesTotal: string | null;
  /** What the issued invoice asks for, where a file says it. */
  readonly payable: string | null;
}

const mostInvoices = 1000;

/** The invoices that a file says something of, by provider and period; the first thousand. */
export async function invoicesInFocusFile(em: EntityManager, fileId: string): Promise<FocusFileInvoice[]> {
  const rows = await em.execute<
    {
      provider: string;
      invoice_uuid: string;
      period_start: string;
      currency: string;
      lines_total: string | null;
      payable: string | null;
    }[]
  >(
    `select provider, invoice_uuid, period_start::text, currency, lines_total::text, payable::text
     from focus_invoices where lines_file_id = ? or detail_file_id = ?
     order by provider, period_start, invoice_uuid limit ${mostInvoices}`,
    [fileId, fileId],
  );
  return rows.map((row) => ({
    provider: row.provider,
    invoiceUuid: row.invoice_uuid,
    period: row.period_start,
    currency: row.currency,
    linesTotal: row.lines_total,
    payable: row.payable,
  }));
}

/** Billing periods as their issuers last stated them, the newest first. */
export function listFocusBillingPeriods(em: EntityManager): Promise<FocusBillingPeriod[]> {
  return em.find(
    FocusBillingPeriod,
    {},
    { orderBy: { startsAt: 'desc', provider: 'asc', issuer: 'asc' }, limit: 1000 },
  );
}
