import { providerSlug } from '../domain/focus/providerSlug.ts';
import { listedValue, toInstant } from '../domain/focus/values.ts';
import { Decimal } from '../domain/money.ts';
import { type Period, periodOfMonth } from '../domain/period.ts';
import type { FocusRow } from '../providers/focus/focusCsv.ts';
import { findFocusInvoices, recordFocusHeaders } from './focusInvoices.ts';
import type { DatasetReading, ReadingContext } from './takeInFocusFile.ts';

const issueStatuses = ['Open', 'Issued', 'Voided'];

interface Payable {
  readonly provider: string;
  readonly invoiceUuid: string;
  readonly period: Period;
  readonly currency: string;
  readonly firstRow: number;
  readonly issueStatus: string;
  readonly issuedAt: string | null;
  amount: Decimal;
}

/** Reads invoice detail: what each issued invoice asks for. An invoice that was voided asks for nothing. */
export function takeInInvoiceDetail(context: ReadingContext): DatasetReading {
  const { em, fileId, findings, ownApis } = context;
  const payables = new Map<string, Payable>();

  function payableOf(row: FocusRow): Payable {
    const provider = providerSlug(row.get('InvoiceIssuerName') ?? '');
    const invoiceUuid = row.get('InvoiceId') ?? '';
    const key = `${provider} ${invoiceUuid}`;
    const known = payables.get(key);
    if (known !== undefined) return known;
    const start = toInstant(row.get('BillingPeriodStart') ?? '');
    const issued = row.get('InvoiceIssueDate');
    const payable: Payable = {
      provider,
      invoiceUuid,
      period: periodOfMonth((start?.toISOString() ?? '').slice(0, 7)),
      currency: row.get('BillingCurrency') ?? '',
      firstRow: row.row,
      issueStatus: listedValue(row.get('InvoiceIssueStatus') ?? '', issueStatuses),
      issuedAt: issued === null ? null : (toInstant(issued)?.toISOString() ?? null),
      amount: new Decimal(0),
    };
    payables.set(key, payable);
    return payable;
  }

  return {
    async add(row) {
      const payable = payableOf(row);
      const status = listedValue(row.get('InvoiceIssueStatus') ?? '', issueStatuses);
      const asBefore = `as in row ${payable.firstRow} of the invoice ${payable.invoiceUuid},`;
      if (row.get('BillingCurrency') !== payable.currency) {
        findings.fault(
          row.row,
          'BillingCurrency',
          row.get('BillingCurrency'),
          `${payable.currency}, ${asBefore}`,
        );
      }
      if (status !== payable.issueStatus) {
        findings.fault(row.row, 'InvoiceIssueStatus', status, `${payable.issueStatus}, ${asBefore}`);
      }
      if (status !== 'Voided') payable.amount = payable.amount.plus(row.get('BilledCost') ?? '0');
    },
    async finish() {
      const stated = [...payables.values()];
      for (const known of await findFocusInvoices(em, stated)) {
        const payable = payables.get(`${known.provider} ${known.invoiceUuid}`);
        if (payable !== undefined && payable.currency !== known.currency) {
          const asCharged = `${known.currency}, the currency of the invoice's charges,`;
          findings.fault(payable.firstRow, 'BillingCurrency', payable.currency, asCharged);
        }
      }
      for (const { provider, firstRow } of stated) {
        if (!ownApis.has(provider)) continue;
        const elsewhere = `an issuer other than ${provider}, whose invoices are read from its own API,`;
        findings.fault(firstRow, 'InvoiceIssuerName', provider, elsewhere);
      }
    },
    async commit(transaction) {
      const stated = [...payables.values()];
      await transaction.execute(
        `insert into focus_invoices as invoice
           (provider, invoice_uuid, period_start, currency, detail_file_id, payable, issue_status, issued_at)
         select provider, invoice_uuid, period_start, currency, ?::uuid, payable, issue_status, issued_at
         from jsonb_to_recordset(?::jsonb) as stated (provider text, invoice_uuid text, period_start date, currency text,
           payable numeric, issue_status text, issued_at timestamptz)
         on conflict (provider, invoice_uuid) do update
           set detail_file_id = excluded.detail_file_id, payable = excluded.payable, issue_status = excluded.issue_status,
             issued_at = coalesce(excluded.issued_at, invoice.issued_at)`,
        [
          fileId,
          JSON.stringify(
            stated.map((payable) => ({
              provider: payable.provider,
              invoice_uuid: payable.invoiceUuid,
              period_start: payable.period,
              currency: payable.currency,
              payable: payable.amount.toFixed(),
              issue_status: payable.issueStatus,
              issued_at: payable.issuedAt,
            })),
          ),
        ],
      );
      await recordFocusHeaders(transaction, fileId, context.now);
      return { providers: [...new Set(stated.map((payable) => payable.provider))], invoices: stated.length };
    },
  };
}
