import { defineEntity, p } from '@mikro-orm/core';
import type { ResourceKind } from '../domain/resourceKind.ts';
import { CloudProject } from './cloudProject.ts';
import { platformOnly } from './policies.ts';

/**
 * Which project holds which resource, as the provider's project listing says it. Kept apart from the resources, since the two
 * are listed by different syncs: whichever comes second finds the other.
 */
export const CloudProjectMember = defineEntity({
  name: 'CloudProjectMember',
  tableName: 'cloud_project_members',
  rowLevelSecurity: 'force',
  policies: platformOnly,
  uniques: [{ name: 'cloud_project_members_identity', properties: ['provider', 'kind', 'externalId'] }],
  properties: {
    id: p.bigint().primary().autoincrement(),
    provider: p.text(),
    kind: p.text().$type<ResourceKind>(),
    externalId: p.text(),
    project: p.manyToOne(CloudProject).mapToPk().index(),
  },
});
