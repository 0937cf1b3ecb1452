import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import type { JsonValue } from '../domain/errors.ts';
import type { ResourceKind } from '../domain/resourceKind.ts';
import { CloudProject } from './cloudProject.ts';
import { readOnceAStatement, tenantReads } from './policies.ts';

/**
 * A resource at a provider, live or gone. `tenantId` is its project's tenant where it stands alone.
 * `createdAt` is the provider's; null where the provider does not say. `goneAt` is when we saw that it is no longer there.
 */
export const CloudResource = defineEntity({
  name: 'CloudResource',
  tableName: 'cloud_resources',
  rowLevelSecurity: 'force',
  policies: readOnceAStatement(tenantReads),
  uniques: [{ name: 'cloud_resources_identity', properties: ['provider', 'kind', 'externalId'] }],
  indexes: [
    { name: 'cloud_resources_tenant', properties: ['tenantId', 'id'] },
    { name: 'cloud_resources_project', properties: ['project'] },
    { name: 'cloud_resources_deployment', properties: ['deploymentId'] },
  ],
  properties: {
    id: p.uuid().primary().defaultRaw('gen_random_uuid()'),
    provider: p.text(),
    kind: p.text().$type<ResourceKind>(),
    externalId: p.text(),
    name: p.text(),
    region: p.text().nullable(),
    sizeSlug: p.text().nullable(),
    status: p.text().nullable(),
    tags: p.json().$type<string[]>(),
    priceMonthly: p.decimal().columnType('numeric').nullable(),
    currency: p.text(),
    attributes: p.json().$type<{ [key: string]: JsonValue }>(),
    project: p.manyToOne(CloudProject).mapToPk().nullable(),
    tenantId: p.text().nullable(),
    deploymentId: p.uuid().nullable(),
    createdAt: p.datetime().nullable(),
    firstSeenAt: p.datetime(),
    lastSeenAt: p.datetime(),
    goneAt: p.datetime().nullable(),
  },
});
export type CloudResource = InferEntity<typeof CloudResource>;
