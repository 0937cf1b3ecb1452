import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import type { JsonValue } from '../domain/errors.ts';
import { CloudResource } from './cloudResource.ts';
import { platformOnly } from './policies.ts';
import { ProvisioningRun } from './provisioningRun.ts';

/** One thing that a template asks for, written before it is created, so that nothing created is ever forgotten. */
export const ProvisionedItem = defineEntity({
  name: 'ProvisionedItem',
  tableName: 'provisioned_items',
  rowLevelSecurity: 'force',
  policies: platformOnly,
  uniques: [{ name: 'provisioned_items_identity', properties: ['run', 'key'] }],
  indexes: [{ name: 'provisioned_items_deployment', properties: ['deploymentId', 'id'] }],
  properties: {
    id: p.bigint().primary().autoincrement(),
    run: p.manyToOne(ProvisioningRun).mapToPk(),
    deploymentId: p.uuid(),
    tenantId: p.text(),
    /** The order of creation; what is destroyed goes the other way. */
    position: p.integer(),
    /** Its name in the template: `app-1`. */
    key: p.text(),
    /** A resource kind, or `domain_record`. */
    kind: p.text(),
    provider: p.text(),
    /** By which it is found again at the provider, whatever became of the answer to its creation. */
    tag: p.text(),
    wanted: p.json().$type<{ [key: string]: JsonValue }>(),
    externalId: p.text().nullable(),
    resource: p.manyToOne(CloudResource).mapToPk().nullable(),
    /** `left`: it could not be destroyed, and an operator let it stand. */
    state: p.text().$type<'planned' | 'created' | 'destroyed' | 'left'>().default('planned'),
    createdAt: p.datetime().nullable(),
    destroyedAt: p.datetime().nullable(),
  },
});
export type ProvisionedItem = InferEntity<typeof ProvisionedItem>;
