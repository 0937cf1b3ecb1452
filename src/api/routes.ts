import { accrualRoutes } from './accrual.ts';
import { alertRuleRoutes } from './alertRules.ts';
import { alertRoutes } from './alerts.ts';
import { auditRoutes } from './audit.ts';
import { billingRoutes } from './billing.ts';
import { billingProfileRoutes } from './billingProfiles.ts';
import { catalogRoutes } from './catalog.ts';
import { catalogPriceRoutes } from './catalogPrices.ts';
import { dashboardRoutes } from './dashboard.ts';
import { decommissionRoutes } from './decommissions.ts';
import { deploymentResourceRoutes } from './deploymentResources.ts';
import { deploymentRoutes } from './deployments.ts';
import { docsRoutes } from './docs.ts';
import { draftInvoiceRoutes } from './draftInvoices.ts';
import { driftRoutes } from './drift.ts';
import { driftIgnoreRuleRoutes } from './driftIgnoreRules.ts';
import { driftRevertRoutes } from './driftReverts.ts';
import { estimateRoutes } from './estimate.ts';
import { exchangeRateRoutes } from './exchangeRates.ts';
import { explainRoutes } from './explain.ts';
import { focusRoutes } from './focus.ts';
import { focusExportRoutes } from './focusExport.ts';
import { healthRoutes } from './health.ts';
import { inventoryRoutes } from './inventory.ts';
import { issuedInvoiceRoutes } from './issuedInvoices.ts';
import { llmUsageRoutes } from './llmUsage.ts';
import { paymentRoutes } from './payments.ts';
import { planMigrationRoutes } from './planMigrations.ts';
import { processRoutes } from './processes.ts';
import { projectRoutes } from './projects.ts';
import { provisionedRoutes } from './provisioned.ts';
import { provisioningRoutes } from './provisioning.ts';
import { quoteRoutes } from './quote.ts';
import { receivableRoutes } from './receivables.ts';
import { reportRoutes } from './reports.ts';
import { rollUpOperationRoutes } from './rollUpOperations.ts';
import { rollUpRoutes } from './rollups.ts';
import type { Route } from './route.ts';
import { scheduleRoutes } from './schedules.ts';
import { sharedCostPolicyRoutes } from './sharedCostPolicies.ts';
import { subscriptionRoutes } from './subscriptions.ts';
import { tenantFocusExportRoutes } from './tenantFocusExport.ts';
import { tenantInvoiceRoutes } from './tenantInvoices.ts';
import { usageRoutes } from './usage.ts';
import { webhookEndpointRoutes } from './webhookEndpoints.ts';

/** Every route of the API: the router serves these and the OpenAPI document describes these. */
export const routes: readonly Route[] = [
  ...healthRoutes,
  ...docsRoutes,
  ...inventoryRoutes,
  ...provisionedRoutes,
  ...driftIgnoreRuleRoutes,
  ...driftRoutes,
  ...driftRevertRoutes,
  ...deploymentRoutes,
  ...deploymentResourceRoutes,
  ...provisioningRoutes,
  ...decommissionRoutes,
  ...subscriptionRoutes,
  ...usageRoutes,
  ...billingProfileRoutes,
  ...projectRoutes,
  ...billingRoutes,
  ...estimateRoutes,
  ...focusExportRoutes,
  ...focusRoutes,
  ...quoteRoutes,
  ...llmUsageRoutes,
  ...paymentRoutes,
  ...receivableRoutes,
  ...rollUpRoutes,
  ...rollUpOperationRoutes,
  ...tenantFocusExportRoutes,
  ...tenantInvoiceRoutes,
  ...draftInvoiceRoutes,
  ...issuedInvoiceRoutes,
  ...dashboardRoutes,
  ...explainRoutes,
  ...accrualRoutes,
  ...exchangeRateRoutes,
  ...sharedCostPolicyRoutes,
  ...alertRuleRoutes,
  ...alertRoutes,
  ...webhookEndpointRoutes,
  ...reportRoutes,
  ...catalogRoutes,
  ...catalogPriceRoutes,
  ...planMigrationRoutes,
  ...processRoutes,
  ...scheduleRoutes,
  ...auditRoutes,
];
