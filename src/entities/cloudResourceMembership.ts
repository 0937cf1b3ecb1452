import { defineEntity, p } from '@mikro-orm/core';
import { CloudResource } from './cloudResource.ts';
import { platformOnly, readOnceAStatement } from './policies.ts';

/** When a resource belonged to which deployment, half-open; `cloud_resources.deployment_id` is the one of today. */
export const CloudResourceMembership = defineEntity({
  name: 'CloudResourceMembership',
  tableName: 'cloud_resource_memberships',
  rowLevelSecurity: 'force',
  policies: readOnceAStatement(platformOnly),
  indexes: [{ name: 'cloud_resource_memberships_deployment', properties: ['deploymentId', 'startsAt'] }],
  properties: {
    id: p.bigint().primary().autoincrement(),
    resource: p.manyToOne(CloudResource).mapToPk().index(),
    deploymentId: p.uuid(),
    startsAt: p.datetime(),
    endsAt: p.datetime().nullable(),
  },
});
