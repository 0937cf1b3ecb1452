import { cancellationSignal } from '@temporalio/activity';
import { toAmountText } from '../domain/money.ts';
import type { ProviderCostLine } from '../providers/provider.ts';
import { InvalidInvoiceDocument, ProviderError } from '../providers/providerErrors.ts';
import { recordBalance } from '../services/recordBalance.ts';
import {
  type DiscoveryCounts,
  type InvoiceCursor,
  invoicesToIngest,
  markRestated,
  type RecentInvoice,
  recentInvoices,
  recordDiscovery,
  type WaitingInvoice,
} from '../services/recordDiscovery.ts';
import { discardAbandonedStages, summariseInvoiceLines } from '../services/stageInvoice.ts';
import type { SnapshotBalanceResult } from '../workflows/messages.ts';
import { type ActivityDependencies, providerNamed, systemEntityManager } from './dependencies.ts';
import { reportProgress } from './keepAlive.ts';

export function createBillingActivities(dependencies: ActivityDependencies) {
  return {
    async snapshotBalance(input: { provider: string }): Promise<SnapshotBalanceResult> {
      const balance = await providerNamed(dependencies, input.provider).balance(cancellationSignal());
      const stored = await recordBalance(
        systemEntityManager(dependencies),
        input.provider,
        balance,
        new Date(),
      );
      return {
        generatedAt: balance.generatedAt.toISOString(),
        monthToDateBalance: toAmountText(balance.monthToDateBalance),
        currency: balance.currency,
        stored,
      };
    },

    /** Reads the whole billing history and the invoices' months, and records a header for each invoice; tidies the stage. */
    async recordBillingHistory(input: {
      provider: string;
    }): Promise<DiscoveryCounts & { entries: number; unknownTypes: number }> {
      const provider = providerNamed(dependencies, input.provider);
      const signal = cancellationSignal();
      const history = await gather(provider.billingHistory(signal));
      const periods = await gather(provider.invoicePeriods(signal));
      const counts = await recordDiscovery(systemEntityManager(dependencies), {
        provider: input.provider,
        discoveredAt: new Date(),
        history,
        periods,
      });
      await discardAbandonedStages(dependencies.pool);
      return {
        entries: history.length,
        unknownTypes: history.filter((entry) => entry.type === 'unknown').length,
        ...counts,
      };
    },

    /** The ingested invoices of the newest two periods that this run has not just ingested. */
    async listRecentInvoices(input: { provider: string; ingestedBefore: string }): Promise<RecentInvoice[]> {
      return recentInvoices(
        systemEntityManager(dependencies),
        input.provider,
        new Date(input.ingestedBefore),
      );
    },

    /** Reads an invoice again, and has it wait for an ingest where its lines are not what is stored, or no longer read. */
    async markIfRestated(input: {
      provider: string;
      invoiceUuid: string;
      checksum: string;
    }): Promise<boolean> {
      const provider = providerNamed(dependencies, input.provider);
      const lines = provider.invoiceLines(input.invoiceUuid, cancellationSignal());
      if ((await checksumOf(input.invoiceUuid, lines)) === input.checksum) return false;
      await markRestated(systemEntityManager(dependencies), input.provider, input.invoiceUuid);
      return true;
    },

    async listInvoicesToIngest(input: {
      provider: string;
      limit: number;
      before: InvoiceCursor | null;
    }): Promise<WaitingInvoice[]> {
      return invoicesToIngest(systemEntityManager(dependencies), input);
    },
  };
}

/** Null where the document no longer reads: its ingest holds it with the reason, and the discovery goes on with the others. */
async function checksumOf(
  invoiceUuid: string,
  lines: AsyncIterable<readonly ProviderCostLine[]>,
): Promise<string | null> {
  try {
    const { checksum } = await summariseInvoiceLines(lines, (rows) =>
      reportProgress({ invoice: invoiceUuid, rows }),
    );
    return checksum;
  } catch (error) {
    const isUnreadable =
      error instanceof InvalidInvoiceDocument ||
      (error instanceof ProviderError && error.code === 'provider_not_found');
    if (isUnreadable) return null;
    throw error;
  }
}

async function gather<Entry>(entries: AsyncIterable<Entry>): Promise<Entry[]> {
  const gathered: Entry[] = [];
  for await (const entry of entries) {
    gathered.push(entry);
    if (gathered.length % 200 === 0) reportProgress({ read: gathered.length });
  }
  return gathered;
}
