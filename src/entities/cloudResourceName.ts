import { defineEntity, p } from '@mikro-orm/core';
import { CloudResource } from './cloudResource.ts';
import { platformOnly } from './policies.ts';

/**
 * Every name that a resource ever had, half-open in time: invoices of earlier months still name the earlier one.
 * `validFrom` null means since it exists, `validTo` null means still.
 */
export const CloudResourceName = defineEntity({
  name: 'CloudResourceName',
  tableName: 'cloud_resource_names',
  rowLevelSecurity: 'force',
  policies: platformOnly,
  properties: {
    id: p.bigint().primary().autoincrement(),
    resource: p.manyToOne(CloudResource).mapToPk().index(),
    name: p.text(),
    validFrom: p.datetime().nullable(),
    validTo: p.datetime().nullable(),
  },
});
