import type { EntityManager } from '@mikro-orm/postgresql';
import { ArcadiaError } from '../domain/errors.ts';

export class UnknownInvoice extends ArcadiaError {
  constructor(provider: string, invoiceUuid: string) {
    super('unknown_invoice', `no invoice ${invoiceUuid} of ${provider} was discovered`, {
      context: { provider, invoiceUuid },
    });
  }
}

/** Amounts as decimal strings. */
export interface FoundInvoice {
  readonly periodStart: string;
  readonly amount: string;
  readonly currency: string;
  /** 0 before the first ingest. */
  readonly version: number;
  /** The version in force; null before the first ingest. */
  readonly current: {
    readonly checksum: string;
    readonly amount: string;
    /** What an operator accepted for it. */
    readonly accepted: { readonly code: string; readonly found: string; readonly difference: string } | null;
  } | null;
}

interface Row {
  period_start: string;
  amount: string;
  currency: string;
  version: number;
  checksum: string | null;
  version_amount: string | null;
  accepted_code: string | null;
  accepted_found: string | null;
  accepted_difference: string | null;
}

/** @throws UnknownInvoice where no discovery has found it */
export async function findInvoice(
  em: EntityManager,
  reference: { readonly provider: string; readonly invoiceUuid: string },
): Promise<FoundInvoice> {
  const [row] = await em.execute<Row[]>(
    `select invoice.period_start::text, invoice.amount::text, invoice.currency, invoice.version, current.checksum,
       current.amount::text as version_amount, current.accepted_code, current.accepted_found::text,
       current.accepted_difference::text
     from cloud_invoices invoice
     left join cloud_invoice_versions current on current.invoice_id = invoice.id and current.version = invoice.version
     where invoice.provider = ? and invoice.invoice_uuid = ?`,
    [reference.provider, reference.invoiceUuid],
  );
  if (row === undefined) throw new UnknownInvoice(reference.provider, reference.invoiceUuid);
  const { accepted_code: code, accepted_found: found, accepted_difference: difference } = row;
  return {
    periodStart: row.period_start,
    amount: row.amount,
    currency: row.currency,
    version: row.version,
    current:
      row.checksum === null || row.version_amount === null
        ? null
        : {
            checksum: row.checksum,
            amount: row.version_amount,
            accepted:
              code === null || found === null || difference === null ? null : { code, found, difference },
          },
  };
}
