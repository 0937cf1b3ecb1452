import { AuditEntry } from './auditEntry.ts';
import { CloudAttributionChange } from './cloudAttributionChange.ts';
import { CloudBalanceSnapshot } from './cloudBalanceSnapshot.ts';
import { CloudBandwidthHour } from './cloudBandwidthHour.ts';
import { CloudCostEstimate } from './cloudCostEstimate.ts';
import { CloudCostEstimateLine } from './cloudCostEstimateLine.ts';
import { CloudCostLine } from './cloudCostLine.ts';
import { CloudInventoryListing } from './cloudInventoryListing.ts';
import { CloudInvoice } from './cloudInvoice.ts';
import { CloudInvoiceVersion } from './cloudInvoiceVersion.ts';
import { CloudProject } from './cloudProject.ts';
import { CloudProjectMember } from './cloudProjectMember.ts';
import { CloudResource } from './cloudResource.ts';
import { CloudResourceEvent } from './cloudResourceEvent.ts';
import { CloudResourceMembership } from './cloudResourceMembership.ts';
import { CloudResourceName } from './cloudResourceName.ts';
import { CloudSpacesUsage } from './cloudSpacesUsage.ts';
import { FocusBillingPeriod } from './focusBillingPeriod.ts';
import { FocusFile } from './focusFile.ts';
import { FocusFileChunk } from './focusFileChunk.ts';
import { FocusFolderFile } from './focusFolderFile.ts';
import { FocusInvoice } from './focusInvoice.ts';
import { FocusInvoicePart } from './focusInvoicePart.ts';
import { IdempotencyKey } from './idempotencyKey.ts';

/** Every table that MikroORM knows; the staging tables and `rate_limits` are made by migrations alone. */
export const entities = [
  CloudProject,
  CloudProjectMember,
  CloudResource,
  CloudResourceName,
  CloudResourceMembership,
  CloudResourceEvent,
  CloudInventoryListing,
  CloudBalanceSnapshot,
  CloudInvoice,
  CloudInvoiceVersion,
  CloudCostLine,
  CloudCostEstimate,
  CloudCostEstimateLine,
  CloudBandwidthHour,
  CloudSpacesUsage,
  CloudAttributionChange,
  FocusFile,
  FocusFileChunk,
  FocusInvoice,
  FocusInvoicePart,
  FocusBillingPeriod,
  FocusFolderFile,
  AuditEntry,
  IdempotencyKey,
];
