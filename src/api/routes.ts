import { auditRoutes } from './audit.ts';
import { billingRoutes } from './billing.ts';
import { docsRoutes } from './docs.ts';
import { estimateRoutes } from './estimate.ts';
import { focusRoutes } from './focus.ts';
import { focusExportRoutes } from './focusExport.ts';
import { healthRoutes } from './health.ts';
import { inventoryRoutes } from './inventory.ts';
import { processRoutes } from './processes.ts';
import { projectRoutes } from './projects.ts';
import type { Route } from './route.ts';
import { scheduleRoutes } from './schedules.ts';

/** Every route of the API: the router serves these and the OpenAPI document describes these. */
export const routes: readonly Route[] = [
  ...healthRoutes,
  ...docsRoutes,
  ...inventoryRoutes,
  ...projectRoutes,
  ...billingRoutes,
  ...estimateRoutes,
  ...focusExportRoutes,
  ...focusRoutes,
  ...processRoutes,
  ...scheduleRoutes,
  ...auditRoutes,
];
