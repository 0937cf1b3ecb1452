import type { EntityManager } from '@mikro-orm/postgresql';
import { UnknownInvoice } from './storeInvoice.ts';

export interface FoundInvoice {
  readonly periodStart: string;
  readonly amount: string;
  readonly currency: string;
  /** The version in force; null before the first ingest. */
  readonly current: { readonly checksum: string; readonly amount: string } | null;
}

/** @throws UnknownInvoice where no discovery has found it */
export async function findInvoice(
  em: EntityManager,
  reference: { readonly provider: string; readonly invoiceUuid: string },
): Promise<FoundInvoice> {
  const [row] = await em.execute<
    {
      period_start: string;
      amount: string;
      currency: string;
      checksum: string | null;
      version_amount: string | null;
    }[]
  >(
    `select invoice.period_start::text, invoice.amount::text, invoice.currency, version.checksum,
       version.amount::text as version_amount
     from cloud_invoices invoice
     left join cloud_invoice_versions version on version.invoice_id = invoice.id and version.version = invoice.version
     where invoice.provider = ? and invoice.invoice_uuid = ?`,
    [reference.provider, reference.invoiceUuid],
  );
  if (row === undefined) throw new UnknownInvoice(reference.provider, reference.invoiceUuid);
  return {
    periodStart: row.period_start,
    amount: row.amount,
    currency: row.currency,
    current:
      row.checksum === null || row.version_amount === null
        ? null
        : { checksum: row.checksum, amount: row.version_amount },
  };
}
