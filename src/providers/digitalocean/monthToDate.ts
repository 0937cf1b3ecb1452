import { periodOfMonth } from '../../domain/period.ts';
import type { MonthToDate, MonthToDateLine } from '../provider.ts';
import { PartialListing } from '../providerErrors.ts';
import { aborting, currency, readInvoiceItems } from './billing.ts';
import { classify } from './classify.ts';
import { type DigitalOceanClient, readJson } from './client.ts';
import * as wire from './wire.ts';

/**
 * The month-to-date invoice. It stands beside the list of invoices with the time at which it was computed, which its summary
 * lacks; its items answer to `preview` in the place of an invoice's uuid.
 */
export async function readMonthToDate(
  client: DigitalOceanClient,
  signal?: AbortSignal,
): Promise<MonthToDate | null> {
  const preview = await readPreview(client, signal);
  if (preview === null) return null;
  return {
    period: periodOfMonth(preview.invoice_period),
    amount: preview.amount,
    currency,
    estimatedAt: preview.updated_at,
    lines: (forLines) => readLines(client, preview.updated_at, forLines),
  };
}

async function readPreview({ json }: DigitalOceanClient, signal: AbortSignal | undefined) {
  const call = json.GET('/v2/customers/my/invoices', {
    params: { query: { page: 1, per_page: 1 } },
    parseAs: 'stream',
    ...aborting(signal),
  });
  const { invoice_preview: preview } = await readJson('the month-to-date invoice', call, wire.invoicePreview);
  return preview ?? null;
}

async function* readLines(
  client: DigitalOceanClient,
  estimatedAt: Date,
  signal: AbortSignal | undefined,
): AsyncGenerator<MonthToDateLine[]> {
  for await (const items of readInvoiceItems(client, 'preview', signal)) {
    yield items.map((item) => {
      const { lineClass, kind } = classify({ ...item, category: null, billedCost: item.amount });
      return { ...item, lineClass, kind };
    });
  }
  const now = await readPreview(client, signal);
  if (now?.updated_at.getTime() !== estimatedAt.getTime()) {
    throw new PartialListing('the month-to-date invoice', 'the provider computed it anew while it was read');
  }
}
