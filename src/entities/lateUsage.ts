import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { CloudDeployment } from './cloudDeployment.ts';
import { platformAndGateway } from './policies.ts';

/** A deployment's month whose usage or gateway charges changed after it ended, until an invoice has settled it. */
export const LateUsage = defineEntity({
  name: 'LateUsage',
  tableName: 'late_usage',
  rowLevelSecurity: 'force',
  policies: platformAndGateway,
  indexes: [
    {
      name: 'late_usage_open',
      expression: (columns, table, name) =>
        `create index "${name}" on ${table} ("${columns.tenantId}") where "${columns.settledAt}" is null`,
    },
  ],
  properties: {
    deployment: p.manyToOne(CloudDeployment).mapToPk().primary(),
    usageMonth: p.date().primary(),
    tenantId: p.text(),
    sourceMetered: p.boolean().default(false),
    sourceLlm: p.boolean().default(false),
    noticedAt: p.datetime(),
    settledAt: p.datetime().nullable(),
  },
});
export type LateUsage = InferEntity<typeof LateUsage>;
