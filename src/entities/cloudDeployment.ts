import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import type { DeploymentState, Pauser } from '../domain/lifecycle.ts';
import { readOnceAStatement, tenantOwnsGatewayReads } from './policies.ts';

/** What dunning last did to a deployment. */
export const dunningStates = ['past_due', 'paused', 'suspended'] as const;
export type DunningState = (typeof dunningStates)[number];

/** The billable unit. It never changes tenant: a trigger refuses it. States and transitions are in src/domain/lifecycle.ts. */
export const CloudDeployment = defineEntity({
  name: 'CloudDeployment',
  tableName: 'cloud_deployments',
  rowLevelSecurity: 'force',
  policies: readOnceAStatement(tenantOwnsGatewayReads),
  uniques: [{ name: 'cloud_deployments_slug', properties: ['tenantId', 'slug'] }],
  indexes: [
    {
      name: 'cloud_deployments_dunning',
      expression: (columns, table, name) =>
        `create index "${name}" on ${table} ("${columns.tenantId}") where "${columns.dunningState}" is not null`,
    },
  ],
  properties: {
    id: p.uuid().primary().defaultRaw('gen_random_uuid()'),
    tenantId: p.text(),
    slug: p.text(),
    displayName: p.text(),
    region: p.text().nullable(),
    state: p.text().$type<DeploymentState>().default('active'),
    llmMode: p.text().default('gateway'),
    /** The operator's override: no automatic billing action touches it. */
    billingActionSuspended: p.boolean().default(false),
    templateCode: p.text().nullable(),
    templateVersion: p.integer().nullable(),
    /** What dunning put it in, and since which day; null where its state is nobody's debt. */
    dunningState: p.text().$type<DunningState>().nullable(),
    dunningSince: p.date().nullable(),
    pausedBy: p.text().$type<Pauser>().nullable(),
    createdAt: p.datetime(),
    updatedAt: p.datetime(),
  },
});
export type CloudDeployment = InferEntity<typeof CloudDeployment>;
