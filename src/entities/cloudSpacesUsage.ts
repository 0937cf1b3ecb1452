import { defineEntity, p } from '@mikro-orm/core';
import { CloudResource } from './cloudResource.ts';
import { platformOnly } from './policies.ts';

/** What stood in a bucket when it was measured, once a day in UTC. Bytes and objects are exact sums of a whole listing. */
export const CloudSpacesUsage = defineEntity({
  name: 'CloudSpacesUsage',
  tableName: 'cloud_spaces_usage',
  rowLevelSecurity: 'force',
  policies: platformOnly,
  uniques: [{ name: 'cloud_spaces_usage_identity', properties: ['resource', 'measuredOn'] }],
  properties: {
    id: p.bigint().primary().autoincrement(),
    resource: p.manyToOne(CloudResource).mapToPk(),
    /** The day that the measurement began on. */
    measuredOn: p.date(),
    /** When its last page came: the size holds from here until the next. */
    measuredAt: p.datetime(),
    bytes: p.bigint(),
    objects: p.bigint(),
  },
});
