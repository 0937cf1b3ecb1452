import type { Period } from '../domain/period.ts';
import type { SyncSpeed } from '../domain/resourceKind.ts';

/** Workflow ids come from business facts, so that one thing is never done twice at once. */
export const workflowIds = {
  syncInventory: (speed: SyncSpeed) => `sync-inventory:${speed}`,
  snapshotBalance: () => 'snapshot-balance',
  estimateMonth: () => 'estimate-month',
  measureSpaces: () => 'measure-spaces',
  measureBandwidth: () => 'measure-bandwidth',
  meterUsage: () => 'meter-usage',
  sweepDrift: () => 'sweep-drift',
  discoverInvoices: () => 'discover-invoices',
  ingestInvoice: (provider: string, invoiceUuid: string) => `ingest-invoice:${provider}:${invoiceUuid}`,
  /** @param sha256 of the file's content */
  ingestFocusFile: (sha256: string) => `ingest-focus-file:${sha256.slice(0, 16)}`,
  scanFocusFolder: () => 'scan-focus-folder',
  sweepLifecycle: () => 'sweep-lifecycle',
  pushReceivables: () => 'push-receivables',
  evaluateAlerts: () => 'evaluate-alerts',
  deliverWebhooks: (endpointId: string) => `deliver-webhooks:${endpointId}`,
  rollUpPeriod: (period: Period) => `roll-up:${period}`,
  rollUpShard: (period: Period, shard: number) => `roll-up:${period}:${shard}`,
  /** A check that an operator asked for; a rollup and an issue have their own, with `:check` after their id. */
  checkPeriod: (period: Period) => `check:${period}`,
  checkClosure: (period: Period) => `check-closure:${period}`,
  issuePeriod: (period: Period) => `issue:${period}`,
  /** @param resourceId of the inventory: at most one revert a resource runs */
  revertDrift: (resourceId: string) => `revert-drift:${resourceId}`,
  provisionDeployment: (deploymentId: string) => `provision:${deploymentId}`,
  decommissionDeployment: (deploymentId: string) => `decommission:${deploymentId}`,
} as const;
