import type { z } from 'zod';
import { periodOfMonth } from '../../domain/period.ts';
import type {
  BillingHistoryEntry,
  BillingHistoryType,
  InvoicePeriod,
  InvoiceSummary,
  ProviderBalance,
  ProviderInvoiceItem,
} from '../provider.ts';
import { type DigitalOceanClient, readJson, readPage } from './client.ts';
import { eachPage, listWhole } from './paging.ts';
import { segment } from './pathSegments.ts';
import * as wire from './wire.ts';

/** DigitalOcean bills in US dollars only. */
export const currency = 'USD';

export async function readBalance(
  { json }: DigitalOceanClient,
  signal?: AbortSignal,
): Promise<ProviderBalance> {
  const call = json.GET('/v2/customers/my/balance', { parseAs: 'stream', ...aborting(signal) });
  const balance = await readJson('the balance', call, wire.balance);
  return {
    monthToDateBalance: balance.month_to_date_balance,
    accountBalance: balance.account_balance,
    monthToDateUsage: balance.month_to_date_usage,
    currency,
    generatedAt: balance.generated_at,
  };
}

export async function* readBillingHistory(
  { json }: DigitalOceanClient,
  signal?: AbortSignal,
): AsyncGenerator<BillingHistoryEntry> {
  const entries = await listWhole({
    what: 'the billing history',
    fetchPage: (page, perPage) =>
      readPage(
        'the billing history',
        json.GET('/v2/customers/my/billing_history', {
          // The published document declares no paging here, yet the call pages like every other.
          querySerializer: () => new URLSearchParams({ page: `${page}`, per_page: `${perPage}` }).toString(),
          parseAs: 'stream',
          ...aborting(signal),
        }),
        'billing_history',
        wire.billingHistoryEntry,
      ),
    identityOf: historyIdentity,
    mayRepeat: true,
  });
  for (const entry of entries) {
    yield {
      type: historyTypes.get(entry.type) ?? 'unknown',
      description: entry.description,
      amount: entry.amount,
      currency,
      occurredAt: entry.date,
      invoiceUuid: entry.invoice_uuid,
      invoiceNumber: entry.invoice_id,
    };
  }
}

/** An entry has no id; this is all that tells one from another. */
function historyIdentity(entry: z.infer<typeof wire.billingHistoryEntry>): string {
  return JSON.stringify([
    entry.type,
    entry.date.toISOString(),
    entry.amount.toString(),
    entry.description,
    entry.invoice_uuid,
  ]);
}

const historyTypes: ReadonlyMap<string, BillingHistoryType> = new Map([
  ['ACHFailure', 'ach_failure'],
  ['Adjustment', 'adjustment'],
  ['AttemptFailed', 'attempt_failed'],
  ['Chargeback', 'chargeback'],
  ['Credit', 'credit'],
  ['CreditExpiration', 'credit_expiration'],
  ['Invoice', 'invoice'],
  ['Payment', 'payment'],
  ['Refund', 'refund'],
  ['Reversal', 'reversal'],
]);

/** The issued invoices; the month-to-date preview stands beside the list and is not read. */
export async function* readInvoicePeriods(
  { json }: DigitalOceanClient,
  signal?: AbortSignal,
): AsyncGenerator<InvoicePeriod> {
  const invoices = await listWhole({
    what: 'the invoices',
    fetchPage: (page, perPage) =>
      readPage(
        'the invoices',
        json.GET('/v2/customers/my/invoices', {
          params: { query: { page, per_page: perPage } },
          parseAs: 'stream',
          ...aborting(signal),
        }),
        'invoices',
        wire.invoice,
      ),
    identityOf: (invoice) => invoice.invoice_uuid,
  });
  for (const invoice of invoices) {
    yield {
      invoiceUuid: invoice.invoice_uuid,
      invoiceNumber: invoice.invoice_id,
      period: periodOfMonth(invoice.invoice_period),
      amount: invoice.amount,
      currency,
    };
  }
}

export async function readInvoiceSummary(
  { json }: DigitalOceanClient,
  invoiceUuid: string,
  signal?: AbortSignal,
): Promise<InvoiceSummary> {
  const call = json.GET('/v2/customers/my/invoices/{invoice_uuid}/summary', {
    params: { path: { invoice_uuid: segment('id', 'an invoice id', invoiceUuid) } },
    parseAs: 'stream',
    ...aborting(signal),
  });
  const summary = await readJson(`the summary of invoice ${invoiceUuid}`, call, wire.invoiceSummary);
  return {
    invoiceUuid: summary.invoice_uuid,
    period: periodOfMonth(summary.billing_period),
    amount: summary.amount,
    currency,
  };
}

/** The items of an invoice, a page a batch. @throws PartialListing at the end, where the pages shifted under way */
export async function* readInvoiceItems(
  { json }: DigitalOceanClient,
  invoiceUuid: string,
  signal?: AbortSignal,
): AsyncGenerator<ProviderInvoiceItem[]> {
  const path = { invoice_uuid: segment('id', 'an invoice id', invoiceUuid) };
  const what = `the items of invoice ${invoiceUuid}`;
  const pages = eachPage({
    what,
    fetchPage: (page, perPage) =>
      readPage(
        what,
        json.GET('/v2/customers/my/invoices/{invoice_uuid}', {
          params: { path, query: { page, per_page: perPage } },
          parseAs: 'stream',
          ...aborting(signal),
        }),
        'invoice_items',
        wire.invoiceItem,
      ),
  });
  let position = 0;
  for await (const items of pages) {
    yield items.map((item) => {
      position += 1;
      return {
        position,
        product: item.product,
        groupDescription: item.group_description,
        description: item.description,
        amount: item.amount,
        chargeStart: item.start_time,
        chargeEnd: item.end_time,
        resourceId: item.resource_id,
        resourceUuid: item.resource_uuid,
      };
    });
  }
}

/** An optional signal as an option that is absent rather than undefined. */
export function aborting(signal: AbortSignal | undefined): { signal?: AbortSignal } {
  return signal === undefined ? {} : { signal };
}
