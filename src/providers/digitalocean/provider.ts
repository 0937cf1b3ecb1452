import type { ResourceKind } from '../../domain/resourceKind.ts';
import type { Provider } from '../provider.ts';
import { readOutboundBandwidth } from './bandwidth.ts';
import {
  aborting,
  readBalance,
  readBillingHistory,
  readInvoiceItems,
  readInvoicePeriods,
  readInvoiceSummary,
} from './billing.ts';
import { createDigitalOceanClient, type DigitalOceanClientOptions } from './client.ts';
import { listProjects, listResources } from './inventory.ts';
import { readInvoiceCsv } from './invoiceCsv.ts';
import { listPrice } from './listPrices.ts';
import { readMonthToDate } from './monthToDate.ts';
import { operationsOf } from './operations.ts';
import { segment } from './pathSegments.ts';
import { bucketsWithoutKey, openSpaces, type SpacesOptions } from './spaces.ts';

export interface DigitalOceanOptions extends Omit<DigitalOceanClientOptions, 'maxDocumentBytes'> {
  /** The key for buckets; without it their kind raises `spaces_not_configured`. */
  readonly spaces?: SpacesOptions;
  /** The largest invoice CSV that is read; as large as a JSON answer unless given. */
  readonly maxDocumentBytes?: number;
}

/**
 * DigitalOcean behind the words of `Provider`.
 * @throws ProviderError `provider_address_refused` where an address isn't on the list
 */
export function createDigitalOceanProvider(options: DigitalOceanOptions): Provider {
  const { spaces, timeoutMs, allowLoopback = false, maxAnswerBytes } = options;
  const client = createDigitalOceanClient({
    ...options,
    maxDocumentBytes: options.maxDocumentBytes ?? maxAnswerBytes,
  });
  const opened = spaces === undefined ? undefined : openSpaces(spaces, { timeoutMs, allowLoopback });
  const listBuckets = opened?.listBuckets ?? bucketsWithoutKey;
  const listKind = (kind: ResourceKind, signal?: AbortSignal) =>
    kind === 'spaces_bucket' ? listBuckets(signal) : listResources(client, kind, signal);

  return {
    name: 'digitalocean',
    balance: (signal) => readBalance(client, signal),
    billingHistory: (signal) => readBillingHistory(client, signal),
    invoicePeriods: (signal) => readInvoicePeriods(client, signal),
    invoiceSummary: (invoiceUuid, signal) => readInvoiceSummary(client, invoiceUuid, signal),
    invoiceItems: (invoiceUuid, signal) => readInvoiceItems(client, invoiceUuid, signal),
    async *invoiceLines(invoiceUuid, signal) {
      const { response } = await client.documents.GET('/v2/customers/my/invoices/{invoice_uuid}/csv', {
        params: { path: { invoice_uuid: segment('id', 'an invoice id', invoiceUuid) } },
        headers: { accept: 'text/csv' },
        parseAs: 'stream',
        ...aborting(signal),
      });
      yield* readInvoiceCsv(response.body ?? [], { contentType: response.headers.get('content-type') });
    },
    projects: (signal) => listProjects(client, signal),
    resources: listKind,
    monthToDate: (signal) => readMonthToDate(client, signal),
    outboundBandwidth: (externalId, range, signal) =>
      readOutboundBandwidth(client, externalId, range, signal),
    listPrice,
    operations: operationsOf(client, listKind),
    ...(opened === undefined ? {} : { bucketUsage: opened.bucketUsage }),
  };
}
