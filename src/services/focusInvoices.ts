import type { EntityManager } from '@mikro-orm/postgresql';
import { ArcadiaError } from '../domain/errors.ts';
import { Decimal } from '../domain/money.ts';
import type { Period } from '../domain/period.ts';
import type { FocusCharge } from '../providers/focus/invoices.ts';
import type { FindFocusInvoice } from '../providers/focus/source.ts';
import { type PartOf, readFocusParts } from './focusInvoiceParts.ts';
import { recordDiscovery } from './recordDiscovery.ts';

export interface KnownFocusInvoice extends PartOf {
  readonly period: Period;
  readonly currency: string;
}

/** Which of some invoices earlier files have named, and what they said of them. */
export async function findFocusInvoices(
  em: EntityManager,
  named: readonly PartOf[],
): Promise<KnownFocusInvoice[]> {
  const rows = await em.execute<
    { provider: string; invoice_uuid: string; period_start: string; currency: string }[]
  >(
    `select invoice.provider, invoice.invoice_uuid, invoice.period_start::text, invoice.currency
     from jsonb_to_recordset(?::jsonb) as named (provider text, "invoiceUuid" text)
     join focus_invoices invoice on invoice.provider = named.provider and invoice.invoice_uuid = named."invoiceUuid"`,
    [JSON.stringify(named.map(({ provider, invoiceUuid }) => ({ provider, invoiceUuid })))],
  );
  return rows.map((row) => ({
    provider: row.provider,
    invoiceUuid: row.invoice_uuid,
    period: row.period_start,
    currency: row.currency,
  }));
}

/**
 * Makes the invoices that a file names known to the ingest, as a discovery does: a header each, with the payable amount of the
 * invoice detail where there is one, else what the charges add up to.
 */
export async function recordFocusHeaders(em: EntityManager, fileId: string, now: Date): Promise<void> {
  const rows = await em.execute<
    {
      provider: string;
      invoice_uuid: string;
      period_start: string;
      currency: string;
      amount: string;
      issued_at: string;
    }[]
  >(
    `select provider, invoice_uuid, period_start::text, currency, coalesce(payable, lines_total, 0)::text as amount,
       to_json(coalesce(issued_at, period_start + interval '1 month')) #>> '{}' as issued_at
     from focus_invoices where lines_file_id = ? or detail_file_id = ?`,
    [fileId, fileId],
  );
  const byProvider = Map.groupBy(rows, (row) => row.provider);
  for (const [provider, invoices] of byProvider) {
    await recordDiscovery(em, {
      provider,
      discoveredAt: now,
      history: invoices.map((row) => ({
        type: 'invoice',
        description: 'FOCUS file',
        amount: new Decimal(row.amount),
        currency: row.currency,
        occurredAt: new Date(row.issued_at),
        invoiceUuid: row.invoice_uuid,
        invoiceNumber: numberOf(row.invoice_uuid, row.period_start),
      })),
      periods: invoices.map((row) => ({
        invoiceUuid: row.invoice_uuid,
        invoiceNumber: numberOf(row.invoice_uuid, row.period_start),
        period: row.period_start,
        amount: new Decimal(row.amount),
        currency: row.currency,
      })),
    });
  }
}

/** The issuer's own number; charges that name no invoice yet stand under one of our making. */
function numberOf(invoiceUuid: string, period: Period): string | null {
  return invoiceUuid.endsWith(`:${period.slice(0, 7)}`) ? null : invoiceUuid;
}

/** Reads invoices out of the files that were taken in, for the ingest. */
export function focusInvoiceFinder(em: EntityManager): FindFocusInvoice {
  return async (provider, invoiceUuid) => {
    const [row] = await em.execute<
      { period_start: string; currency: string; amount: string; lines_file_id: string; line_count: number }[]
    >(
      `select period_start::text, currency, coalesce(payable, lines_total)::text as amount, lines_file_id, line_count
       from focus_invoices where provider = ? and invoice_uuid = ? and lines_file_id is not null`,
      [provider, invoiceUuid],
    );
    if (row === undefined) return null;
    return {
      period: row.period_start,
      currency: row.currency,
      amount: row.amount,
      charges: () => wholeOf(em, row.lines_file_id, { provider, invoiceUuid }, row.line_count),
    };
  };
}

/** A newer file may put other charges in force while these are read: then they are to be read again. */
async function* wholeOf(
  em: EntityManager,
  fileId: string,
  invoice: PartOf,
  lineCount: number,
): AsyncGenerator<FocusCharge[]> {
  let read = 0;
  for await (const batch of readFocusParts(em, fileId, invoice)) {
    read += batch.length;
    yield batch;
  }
  if (read === lineCount) return;
  throw new ArcadiaError(
    'focus_charges_replaced',
    `${read} of the ${lineCount} charges of the invoice ${invoice.invoiceUuid} of ${invoice.provider} are there: a newer file replaced them`,
    { retryable: true, context: { ...invoice } },
  );
}
