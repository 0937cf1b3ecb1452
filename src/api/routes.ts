import { auditRoutes } from './audit.ts';
import { billingRoutes } from './billing.ts';
import { billingProfileRoutes } from './billingProfiles.ts';
import { catalogRoutes } from './catalog.ts';
import { deploymentResourceRoutes } from './deploymentResources.ts';
import { deploymentRoutes } from './deployments.ts';
import { docsRoutes } from './docs.ts';
import { estimateRoutes } from './estimate.ts';
import { focusRoutes } from './focus.ts';
import { focusExportRoutes } from './focusExport.ts';
import { healthRoutes } from './health.ts';
import { inventoryRoutes } from './inventory.ts';
import { llmUsageRoutes } from './llmUsage.ts';
import { paymentRoutes } from './payments.ts';
import { planMigrationRoutes } from './planMigrations.ts';
import { processRoutes } from './processes.ts';
import { projectRoutes } from './projects.ts';
import { quoteRoutes } from './quote.ts';
import { receivableRoutes } from './receivables.ts';
import { reportRoutes } from './reports.ts';
import { rollUpRoutes } from './rollups.ts';
import type { Route } from './route.ts';
import { scheduleRoutes } from './schedules.ts';
import { subscriptionRoutes } from './subscriptions.ts';
import { tenantInvoiceRoutes } from './tenantInvoices.ts';
import { usageRoutes } from './usage.ts';

/** Every route of the API: the router serves these and the OpenAPI document describes these. */
export const routes: readonly Route[] = [
  ...healthRoutes,
  ...docsRoutes,
  ...inventoryRoutes,
  ...deploymentRoutes,
  ...deploymentResourceRoutes,
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
  ...tenantInvoiceRoutes,
  ...reportRoutes,
  ...catalogRoutes,
  ...planMigrationRoutes,
  ...processRoutes,
  ...scheduleRoutes,
  ...auditRoutes,
];
