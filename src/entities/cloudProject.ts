import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { readOnceAStatement, tenantReads } from './policies.ts';

/** A provider's project. Its tenant, if it has one, is the tenant of the standalone resources in it. */
export const CloudProject = defineEntity({
  name: 'CloudProject',
  tableName: 'cloud_projects',
  rowLevelSecurity: 'force',
  policies: readOnceAStatement(tenantReads),
  uniques: [{ name: 'cloud_projects_identity', properties: ['provider', 'externalId'] }],
  indexes: [{ name: 'cloud_projects_tenant', properties: ['tenantId'] }],
  properties: {
    id: p.uuid().primary().defaultRaw('gen_random_uuid()'),
    provider: p.text(),
    externalId: p.text(),
    name: p.text(),
    isDefault: p.boolean().default(false),
    tenantId: p.text().nullable(),
    firstSeenAt: p.datetime(),
    lastSeenAt: p.datetime(),
    goneAt: p.datetime().nullable(),
  },
});
export type CloudProject = InferEntity<typeof CloudProject>;
