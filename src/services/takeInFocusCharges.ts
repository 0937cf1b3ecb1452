import type { EntityManager } from '@mikro-orm/postgresql';
import { Decimal } from '../domain/money.ts';
import {
  createFocusInvoices,
  type FocusInvoices,
  type FocusInvoiceTotal,
  toFocusCharge,
} from '../providers/focus/invoices.ts';
import { createFocusPartWriter, type PartOf } from './focusInvoiceParts.ts';
import { findFocusInvoices, type KnownFocusInvoice, recordFocusHeaders } from './focusInvoices.ts';
import type { DatasetReading, ReadingContext } from './takeInFocusFile.ts';

/** Reads cost and usage: charges are written apart by invoice, and count once the file is committed. */
export function takeInCharges(context: ReadingContext): DatasetReading {
  const { em, fileId, findings } = context;
  const invoices = createFocusInvoices(findings);
  const parts = createFocusPartWriter(em, fileId);
  return {
    async add(row) {
      const invoice = invoices.add(row);
      if (invoice === null) return;
      const charge = toFocusCharge(row, invoice.rows, findings);
      if (!findings.hasFaults()) await parts.add(invoice, charge);
    },
    async finish() {
      await parts.finish();
      await checkAgainstBooks(context, invoices);
    },
    async commit(transaction) {
      const brought = [...invoices.all()];
      await keepTotals(transaction, fileId, brought);
      await emptyReplaced(transaction, fileId, invoices);
      await forgetOlderParts(transaction, fileId);
      await recordFocusHeaders(transaction, fileId, context.now);
      return {
        providers: [...new Set(brought.map((invoice) => invoice.provider))],
        invoices: brought.length,
      };
    },
  };
}

/** What is in the books already decides too: whose invoices they are, and each invoice's month and currency. */
async function checkAgainstBooks(
  { em, findings, ownApis }: ReadingContext,
  invoices: FocusInvoices,
): Promise<void> {
  const brought = [...invoices.all()];
  const known = new Map((await findFocusInvoices(em, brought)).map((invoice) => [keyOf(invoice), invoice]));
  for (const invoice of brought) {
    if (ownApis.has(invoice.provider)) {
      const elsewhere = `an issuer other than ${invoice.provider}, whose invoices are read from its own API,`;
      findings.fault(invoice.firstRow, 'InvoiceIssuerName', invoice.provider, elsewhere);
    }
    checkSame(known.get(keyOf(invoice)), invoice, (column, value, allowed) =>
      findings.fault(
        invoice.firstRow,
        column,
        value,
        `${allowed}, as the invoice ${invoice.invoiceUuid} had before,`,
      ),
    );
  }
}

function checkSame(
  known: KnownFocusInvoice | undefined,
  invoice: FocusInvoiceTotal,
  fault: (column: string, value: string, allowed: string) => void,
): void {
  if (known === undefined) return;
  if (known.currency !== invoice.currency) fault('BillingCurrency', invoice.currency, known.currency);
  if (known.period !== invoice.period) {
    fault('BillingPeriodStart', invoice.period.slice(0, 7), `a time in ${known.period.slice(0, 7)}`);
  }
}

const keyOf = ({ provider, invoiceUuid }: PartOf) => `${provider} ${invoiceUuid}`;

async function keepTotals(
  em: EntityManager,
  fileId: string,
  brought: readonly FocusInvoiceTotal[],
): Promise<void> {
  await em.execute(
    `insert into focus_invoices as invoice
       (provider, invoice_uuid, period_start, currency, lines_file_id, line_count, lines_total, issued_at)
     select provider, invoice_uuid, period_start, currency, ?::uuid, line_count, lines_total, issued_at
     from jsonb_to_recordset(?::jsonb) as brought (provider text, invoice_uuid text, period_start date, currency text,
       line_count int, lines_total numeric, issued_at timestamptz)
     on conflict (provider, invoice_uuid) do update
       set lines_file_id = excluded.lines_file_id, line_count = excluded.line_count, lines_total = excluded.lines_total,
         issued_at = coalesce(invoice.issued_at, excluded.issued_at)`,
    [
      fileId,
      JSON.stringify(
        brought.map((invoice) => ({
          provider: invoice.provider,
          invoice_uuid: invoice.invoiceUuid,
          period_start: invoice.period,
          currency: invoice.currency,
          line_count: invoice.rows,
          lines_total: invoice.total.toFixed(),
          issued_at: invoice.periodEnd.toISOString(),
        })),
      ),
    ],
  );
}

/** Charges that came before their invoice had an id are on the invoice now; where they stood is nothing left. */
async function emptyReplaced(em: EntityManager, fileId: string, invoices: FocusInvoices): Promise<void> {
  await em.execute(
    `update focus_invoices invoice set lines_file_id = ?, line_count = 0, lines_total = ?
     from jsonb_to_recordset(?::jsonb) as replaced (provider text, "invoiceUuid" text)
     where invoice.provider = replaced.provider and invoice.invoice_uuid = replaced."invoiceUuid"
       and invoice.lines_file_id is not null`,
    [fileId, new Decimal(0).toFixed(), JSON.stringify(invoices.replaced())],
  );
}

/** An earlier file's charges of these invoices are in force no more; the file itself is kept. */
async function forgetOlderParts(em: EntityManager, fileId: string): Promise<void> {
  await em.execute(
    `delete from focus_invoice_parts part using focus_invoices invoice
     where invoice.lines_file_id = ? and part.provider = invoice.provider and part.invoice_uuid = invoice.invoice_uuid
       and part.file_id <> invoice.lines_file_id`,
    [fileId],
  );
}
