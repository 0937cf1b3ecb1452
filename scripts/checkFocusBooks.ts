import type { MikroORM } from '@mikro-orm/postgresql';
import type { Simulator } from '../dev/simulator/simulator.ts';
import { parseDecimal } from '../src/domain/money.ts';
import { reconcile } from '../src/domain/reconciliation.ts';
import type { ResourceKind } from '../src/domain/resourceKind.ts';
import { createDigitalOceanProvider } from '../src/providers/digitalocean/provider.ts';
import { createMemoryLimiter } from '../src/providers/limiter.ts';
import type { Provider } from '../src/providers/provider.ts';
import { recordProjects } from '../src/services/applyProjects.ts';
import { recordDiscovery } from '../src/services/recordDiscovery.ts';
import { recordInventory } from '../src/services/recordInventory.ts';
import { stageInvoiceItems, stageInvoiceLines } from '../src/services/stageInvoice.ts';
import { storeInvoice } from '../src/services/storeInvoice.ts';
import { forSession, systemSession } from '../src/session.ts';

/** What the account's invoice lines may match. */
const billedKinds: readonly ResourceKind[] = [
  'droplet',
  'volume',
  'snapshot',
  'backup',
  'load_balancer',
  'reserved_ip',
  'database',
  'kubernetes_cluster',
  'spaces_bucket',
];

/**
 * Fills a database with what the simulated account has: its inventory, its projects, and its invoices with every line, each
 * reconciled. The workflows' own steps, one after the other and without a Temporal server.
 * @returns the periods of the invoices, oldest first
 */
export async function fillBooks(orm: MikroORM, simulator: Simulator, onlyPeriod?: string): Promise<string[]> {
  const provider = providerOf(simulator);
  const listedAt = new Date();
  for (const kind of billedKinds) {
    const resources = await provider.resources(kind);
    await recordInventory(entityManager(orm), { provider: provider.name, kind, listedAt, resources });
  }
  const projects = await provider.projects();
  await recordProjects(entityManager(orm), { provider: provider.name, listedAt, projects });
  const periods = await Array.fromAsync(provider.invoicePeriods());
  await recordDiscovery(entityManager(orm), {
    provider: provider.name,
    discoveredAt: listedAt,
    history: await Array.fromAsync(provider.billingHistory()),
    periods,
  });
  const wanted = periods
    .filter(({ period }) => onlyPeriod === undefined || period === onlyPeriod)
    .toSorted((left, right) => left.period.localeCompare(right.period));
  for (const { invoiceUuid } of wanted) await ingest(orm, provider, invoiceUuid);
  return [...new Set(wanted.map(({ period }) => period))];
}

async function ingest(orm: MikroORM, provider: Provider, invoiceUuid: string): Promise<void> {
  const pool = await orm.em.getConnection().getNativeClient();
  const stageId = `check ${invoiceUuid}`;
  const silent = () => undefined;
  const staged = await stageInvoiceLines(pool, stageId, provider.invoiceLines(invoiceUuid), silent);
  const stagedItems = await stageInvoiceItems(pool, stageId, provider.invoiceItems(invoiceUuid), silent);
  const summary = await provider.invoiceSummary(invoiceUuid);
  const verdict = reconcile({
    stated: summary.amount,
    summary: summary.amount,
    lines: parseDecimal(staged.total),
    items: parseDecimal(stagedItems.total),
    currency: summary.currency,
    otherCurrencies: [staged.currency],
  });
  if (!verdict.agrees) throw new Error(`the invoice ${invoiceUuid} does not add up: ${verdict.message}`);
  await storeInvoice(entityManager(orm), {
    provider: provider.name,
    invoiceUuid,
    stageId,
    staged,
    stagedItems,
    stated: summary.amount.toFixed(),
    now: new Date(),
    accepted: null,
  });
}

const entityManager = (orm: MikroORM) => forSession(orm, systemSession);

function providerOf(simulator: Simulator): Provider {
  return createDigitalOceanProvider({
    apiUrl: simulator.url,
    token: simulator.token,
    limiter: createMemoryLimiter({ perMinute: 100_000, perHour: 1_000_000, key: simulator.url }),
    timeoutMs: 30_000,
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
