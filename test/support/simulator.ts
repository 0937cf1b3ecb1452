import type { Account } from '../../dev/simulator/account.ts';
import type { Invoice } from '../../dev/simulator/invoice.ts';
import type { Simulator } from '../../dev/simulator/simulator.ts';
import { createDigitalOceanProvider } from '../../src/providers/digitalocean/provider.ts';
import { createMemoryLimiter } from '../../src/providers/limiter.ts';
import type { Provider } from '../../src/providers/provider.ts';

/**
 * The real client in front of a simulator, with a limiter that never closes unless a 429 closes it. `apiUrl` is of what stands in
 * between.
 */
export function simulatedProvider(
  simulator: Simulator,
  options: { timeoutMs?: number; apiUrl?: string } = {},
): Provider {
  return createDigitalOceanProvider({
    apiUrl: options.apiUrl ?? simulator.url,
    token: simulator.token,
    limiter: createMemoryLimiter({ perMinute: 100_000, perHour: 1_000_000, key: simulator.url }),
    timeoutMs: options.timeoutMs ?? 10_000,
    maxAnswerBytes: 16 * 1024 * 1024,
    allowLoopback: true,
    spaces: {
      accessKeyId: simulator.spacesKey,
      secretAccessKey: 'simulator-secret',
      endpointTemplate: `${simulator.spacesUrl}/{region}`,
      regions: ['syd1', 'nyc3'],
    },
  });
}

/** Takes all but the newest invoices from the account, and from its billing history. */
export function keepNewestInvoices(account: Account, count: number): void {
  account.invoices.splice(count);
  const kept = new Set(account.invoices.map((invoice) => invoice.uuid));
  const history = account.billingHistory.filter(
    (entry) => entry.invoice_uuid === undefined || kept.has(entry.invoice_uuid),
  );
  account.billingHistory.splice(0, account.billingHistory.length, ...history);
}

/** The invoice of a month given as `YYYY-MM`. */
export function invoiceOf(account: Account, month: string): Invoice {
  const invoice = account.invoices.find((candidate) => candidate.period === month);
  if (invoice === undefined) throw new RangeError(`the simulated account has no invoice for ${month}`);
  return invoice;
}
