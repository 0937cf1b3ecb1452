import { databaseActivities, providerActivities } from '../../src/workflows/activityOptions.ts';
import type { IngestInvoiceInput } from '../../src/workflows/messages.ts';

/** The first two steps of the real one in the other order: what no run that is under way would survive. */
export async function ingestInvoice(input: IngestInvoiceInput): Promise<void> {
  const reference = { provider: input.provider, invoiceUuid: input.invoiceUuid };
  await providerActivities.readInvoiceSummary(reference);
  await databaseActivities.readInvoiceHeader(reference);
}
