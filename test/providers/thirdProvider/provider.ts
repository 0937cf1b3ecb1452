import { z } from 'zod';
import { Decimal } from '../../../src/domain/money.ts';
import { periodOfMonth } from '../../../src/domain/period.ts';
import type { ProviderLimiter } from '../../../src/providers/limiter.ts';
import type { Provider } from '../../../src/providers/provider.ts';
import { ProviderError } from '../../../src/providers/providerErrors.ts';
import { type Charge, readBill } from './billCsv.ts';

const bills = z.array(
  z.object({ id: z.string(), month: z.string(), issued: z.coerce.date(), euro: z.string() }),
);
const servers = z.array(
  z.object({ id: z.string(), name: z.string(), type: z.string(), created: z.coerce.date() }),
);

/** A small cloud with servers only: bills as CSV, servers as JSON, prices in euro. */
export function createThirdProvider(options: {
  readonly url: string;
  readonly limiter: ProviderLimiter;
}): Provider {
  async function get(path: string, signal?: AbortSignal): Promise<Response> {
    await options.limiter.acquire(signal);
    const response = await fetch(`${options.url}${path}`, {
      redirect: 'error',
      signal: AbortSignal.any([AbortSignal.timeout(30_000), ...(signal === undefined ? [] : [signal])]),
    });
    if (response.ok) return response;
    const isOurs = response.status < 500;
    throw new ProviderError(
      isOurs ? 'provider_rejected' : 'provider_unavailable',
      `${path} answered ${response.status}`,
      { retryable: !isOurs },
    );
  }
  const listBills = async (signal?: AbortSignal) => bills.parse(await (await get('/bills', signal)).json());
  async function* charges(uuid: string, signal?: AbortSignal): AsyncGenerator<Charge[]> {
    const { body } = await get(`/bills/${encodeURIComponent(uuid)}.csv`, signal);
    yield* readBill(body ?? []);
  }
  const header = (bill: z.output<typeof bills>[number]) => ({
    invoiceUuid: bill.id,
    invoiceNumber: bill.id,
    period: periodOfMonth(bill.month),
    amount: new Decimal(bill.euro),
    currency: 'EUR',
  });

  return {
    name: 'third',
    balance: () => Promise.reject(new ProviderError('provider_rejected', 'this cloud shows no balance')),
    async *billingHistory(signal) {
      for (const bill of await listBills(signal)) {
        yield { ...header(bill), type: 'invoice', description: bill.month, occurredAt: bill.issued };
      }
    },
    async *invoicePeriods(signal) {
      yield* (await listBills(signal)).map(header);
    },
    async invoiceSummary(invoiceUuid, signal) {
      const bill = (await listBills(signal)).find(({ id }) => id === invoiceUuid);
      if (bill === undefined)
        throw new ProviderError('provider_not_found', `there is no bill ${invoiceUuid}`);
      return header(bill);
    },
    async *invoiceLines(uuid, signal) {
      for await (const batch of charges(uuid, signal)) yield batch.map(({ line }) => line);
    },
    async *invoiceItems(uuid, signal) {
      for await (const batch of charges(uuid, signal)) {
        yield batch.map(({ line, serverId }) => ({
          ...line,
          position: line.lineNumber,
          amount: line.billedCost,
          resourceId: serverId,
          resourceUuid: null,
        }));
      }
    },
    projects: () => Promise.resolve([]),
    async resources(kind, signal) {
      if (kind !== 'droplet') return [];
      const listed = servers.parse(await (await get('/servers', signal)).json());
      return listed.map(({ id, name, type, created }) => ({
        ...{ kind, externalId: id, name, region: null, sizeSlug: type, status: null, createdAt: created },
        ...{ tags: [], priceMonthly: null, currency: 'EUR', attributes: {} },
      }));
    },
  };
}
