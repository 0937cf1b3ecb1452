import type { SyncSpeed } from '../domain/resourceKind.ts';

/** Workflow ids come from business facts, so that one thing is never done twice at once. */
export const workflowIds = {
  syncInventory: (speed: SyncSpeed) => `sync-inventory:${speed}`,
  snapshotBalance: () => 'snapshot-balance',
  estimateMonth: () => 'estimate-month',
  measureSpaces: () => 'measure-spaces',
  measureBandwidth: () => 'measure-bandwidth',
  discoverInvoices: () => 'discover-invoices',
  ingestInvoice: (provider: string, invoiceUuid: string) => `ingest-invoice:${provider}:${invoiceUuid}`,
  /** @param sha256 of the file's content */
  ingestFocusFile: (sha256: string) => `ingest-focus-file:${sha256.slice(0, 16)}`,
  scanFocusFolder: () => 'scan-focus-folder',
} as const;
