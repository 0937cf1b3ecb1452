import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import type { MeterKind } from '../domain/meters.ts';
import { readOnceAStatement, tenantReads } from './policies.ts';

/**
 * What one resource of a deployment used of a kind on one UTC day, computed from the resource's own history: metering a day again gives
 * the same rows. No foreign keys: a row for each resource and day is written each hour, deployments and resources are never
 * deleted, and metering takes both ids from their tables.
 */
export const MeteredUsage = defineEntity({
  name: 'MeteredUsage',
  tableName: 'metered_usage',
  rowLevelSecurity: 'force',
  policies: readOnceAStatement(tenantReads),
  indexes: [
    {
      // A month is summed from the index alone, which has what the policies look at too: its rows lie far apart, since they come by day.
      name: 'metered_usage_identity',
      expression: (columns, table, name) =>
        `create unique index "${name}" on ${table} ("${columns.deploymentId}", "${columns.resourceKind}", "${columns.day}", "${columns.resourceId}") include ("${columns.quantity}", "${columns.tenantId}") nulls not distinct`,
    },
    {
      // Rows come in the order of their days, so that a summary of pages finds a day as well as a tree would, and costs nothing to keep.
      name: 'metered_usage_day',
      expression: (columns, table, name) =>
        `create index "${name}" on ${table} using brin ("${columns.day}")`,
    },
  ],
  properties: {
    id: p.bigint().primary().autoincrement(),
    tenantId: p.text(),
    deploymentId: p.uuid(),
    /** Null where the kind is counted for the deployment as a whole. */
    resourceId: p.uuid().nullable(),
    resourceKind: p.text().$type<MeterKind>(),
    day: p.date(),
    /** An integer of the kind's metered unit: seconds, byte-seconds, bytes, tokens, zones. */
    quantity: p.decimal().columnType('numeric'),
    meteredAt: p.datetime(),
  },
});
export type MeteredUsage = InferEntity<typeof MeteredUsage>;
