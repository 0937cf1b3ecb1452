import { Addon } from './addon.ts';
import { Alert } from './alert.ts';
import { AlertRule } from './alertRule.ts';
import { AuditEntry } from './auditEntry.ts';
import { BillingProfile } from './billingProfile.ts';
import { CloudAttributionChange } from './cloudAttributionChange.ts';
import { CloudBalanceSnapshot } from './cloudBalanceSnapshot.ts';
import { CloudBandwidthHour } from './cloudBandwidthHour.ts';
import { CloudCostEstimate } from './cloudCostEstimate.ts';
import { CloudCostEstimateLine } from './cloudCostEstimateLine.ts';
import { CloudCostLine } from './cloudCostLine.ts';
import { CloudDeployment } from './cloudDeployment.ts';
import { CloudDeploymentEvent } from './cloudDeploymentEvent.ts';
import { CloudDrift } from './cloudDrift.ts';
import { CloudDriftKind } from './cloudDriftKind.ts';
import { CloudDriftRevert } from './cloudDriftRevert.ts';
import { CloudInventoryListing } from './cloudInventoryListing.ts';
import { CloudInvoice } from './cloudInvoice.ts';
import { CloudInvoiceVersion } from './cloudInvoiceVersion.ts';
import { CloudProject } from './cloudProject.ts';
import { CloudProjectMember } from './cloudProjectMember.ts';
import { CloudProvisioned } from './cloudProvisioned.ts';
import { CloudResource } from './cloudResource.ts';
import { CloudResourceEvent } from './cloudResourceEvent.ts';
import { CloudResourceMembership } from './cloudResourceMembership.ts';
import { CloudResourceName } from './cloudResourceName.ts';
import { CloudSpacesUsage } from './cloudSpacesUsage.ts';
import { CostOwnerChange } from './costOwnerChange.ts';
import { CreditNote } from './creditNote.ts';
import { DocumentNumber } from './documentNumber.ts';
import { DriftIgnoreRule } from './driftIgnoreRule.ts';
import { ExchangeRate } from './exchangeRate.ts';
import { FocusBillingPeriod } from './focusBillingPeriod.ts';
import { FocusFile } from './focusFile.ts';
import { FocusFileChunk } from './focusFileChunk.ts';
import { FocusFolderFile } from './focusFolderFile.ts';
import { FocusInvoice } from './focusInvoice.ts';
import { FocusInvoicePart } from './focusInvoicePart.ts';
import { IdempotencyKey } from './idempotencyKey.ts';
import { InvoiceAdjustment } from './invoiceAdjustment.ts';
import { LateUsage } from './lateUsage.ts';
import { LlmUsageEvent } from './llmUsageEvent.ts';
import { ManualUsage } from './manualUsage.ts';
import { MeteredDay } from './meteredDay.ts';
import { MeteredUsage } from './meteredUsage.ts';
import { Payment } from './payment.ts';
import { PeriodLedger } from './periodLedger.ts';
import { Plan } from './plan.ts';
import { PlanItem } from './planItem.ts';
import { PlanMigration } from './planMigration.ts';
import { PlanVersion } from './planVersion.ts';
import { ProviderSize } from './providerSize.ts';
import { ProvisionedItem } from './provisionedItem.ts';
import { ProvisioningRun } from './provisioningRun.ts';
import { Receivable } from './receivable.ts';
import { ResourcePrice } from './resourcePrice.ts';
import { RollupWorklist } from './rollupWorklist.ts';
import { SharedCostPolicy } from './sharedCostPolicy.ts';
import { Subscription } from './subscription.ts';
import { SubscriptionAddon } from './subscriptionAddon.ts';
import { SubscriptionPause } from './subscriptionPause.ts';
import { SubscriptionVersion } from './subscriptionVersion.ts';
import { TaxRate } from './taxRate.ts';
import { TenantInvoice } from './tenantInvoice.ts';
import { TenantInvoiceInputs } from './tenantInvoiceInputs.ts';
import { TenantInvoiceLine } from './tenantInvoiceLine.ts';
import { WebhookDelivery } from './webhookDelivery.ts';
import { WebhookEndpoint } from './webhookEndpoint.ts';
import { WebhookSecret } from './webhookSecret.ts';

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
  CloudProvisioned,
  DriftIgnoreRule,
  CloudDrift,
  CloudDriftKind,
  CloudDriftRevert,
  ProviderSize,
  FocusFile,
  FocusFileChunk,
  FocusInvoice,
  FocusInvoicePart,
  FocusBillingPeriod,
  FocusFolderFile,
  Plan,
  PlanVersion,
  PlanItem,
  Addon,
  ResourcePrice,
  TaxRate,
  CloudDeployment,
  CloudDeploymentEvent,
  Subscription,
  SubscriptionVersion,
  SubscriptionPause,
  SubscriptionAddon,
  PlanMigration,
  ProvisioningRun,
  ProvisionedItem,
  BillingProfile,
  MeteredUsage,
  ManualUsage,
  MeteredDay,
  LateUsage,
  LlmUsageEvent,
  PeriodLedger,
  RollupWorklist,
  TenantInvoice,
  TenantInvoiceLine,
  TenantInvoiceInputs,
  InvoiceAdjustment,
  CreditNote,
  Payment,
  DocumentNumber,
  Receivable,
  ExchangeRate,
  SharedCostPolicy,
  CostOwnerChange,
  AlertRule,
  Alert,
  WebhookEndpoint,
  WebhookSecret,
  WebhookDelivery,
  AuditEntry,
  IdempotencyKey,
];
