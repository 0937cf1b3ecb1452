import type { SyncSpeed } from '../domain/resourceKind.ts';

/** Workflow ids come from business facts, so that one thing is never done twice at once. */
export const workflowIds = {
  syncInventory: (speed: SyncSpeed) => `sync-inventory:${speed}`,
  snapshotBalance: () => 'snapshot-balance',
  discoverInvoices: () => 'discover-invoices',
  ingestInvoice: (provider: string, invoiceUuid: string) => `ingest-invoice:${provider}:${invoiceUuid}`,
} as const;
