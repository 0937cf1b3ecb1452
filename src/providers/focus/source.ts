import { Decimal } from '../../domain/money.ts';
import type { Period } from '../../domain/period.ts';
import type { InvoiceSource, ProviderInvoiceItem } from '../provider.ts';
import { ProviderError } from '../providerErrors.ts';
import type { FocusCharge } from './invoices.ts';

/** What files say of one invoice, and its charges. */
export interface StoredFocusInvoice {
  readonly period: Period;
  readonly currency: string;
  /** The payable amount of the invoice detail where there is one, else the sum of the charges. */
  readonly amount: string;
  /** Its charges in the file's order, in batches. */
  readonly charges: () => AsyncIterable<FocusCharge[]>;
}

/** Finds an invoice in the files that were taken in; null where none brought it. */
export type FindFocusInvoice = (provider: string, invoiceUuid: string) => Promise<StoredFocusInvoice | null>;

/** The invoices of a provider that sends FOCUS files: to an ingest they are like any other provider's. */
export function createFocusSource(provider: string, find: FindFocusInvoice): InvoiceSource {
  async function found(invoiceUuid: string): Promise<StoredFocusInvoice> {
    const invoice = await find(provider, invoiceUuid);
    if (invoice !== null) return invoice;
    throw new ProviderError(
      'provider_not_found',
      `no FOCUS file has brought the invoice ${invoiceUuid} of ${provider}, and no provider of that name is configured`,
      { context: { provider, invoiceUuid } },
    );
  }

  return {
    name: provider,
    async invoiceSummary(invoiceUuid) {
      const { period, amount, currency } = await found(invoiceUuid);
      return { invoiceUuid, period, amount: new Decimal(amount), currency };
    },
    async *invoiceLines(invoiceUuid) {
      const { charges } = await found(invoiceUuid);
      for await (const batch of charges()) yield batch.map((charge) => charge.line);
    },
    async *invoiceItems(invoiceUuid) {
      const { charges } = await found(invoiceUuid);
      for await (const batch of charges()) yield batch.map(toItem);
    },
  };
}

/** Charge and item are one row, so that the join of lines and items finds each line's own resource. */
function toItem({ line, resourceId }: FocusCharge): ProviderInvoiceItem {
  return {
    position: line.lineNumber,
    product: line.product,
    groupDescription: line.groupDescription,
    description: line.description,
    amount: line.billedCost,
    chargeStart: line.chargeStart,
    chargeEnd: line.chargeEnd,
    resourceId,
    resourceUuid: null,
  };
}
