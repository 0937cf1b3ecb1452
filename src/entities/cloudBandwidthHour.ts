import { defineEntity, p } from '@mikro-orm/core';
import { CloudResource } from './cloudResource.ts';
import { platformOnly } from './policies.ts';

/**
 * The public outbound traffic of a droplet in one hour, by the look-back rule (src/domain/bandwidth.ts). Readings that come late
 * change it for as long as the hour is read again.
 */
export const CloudBandwidthHour = defineEntity({
  name: 'CloudBandwidthHour',
  tableName: 'cloud_bandwidth_hours',
  rowLevelSecurity: 'force',
  policies: platformOnly,
  uniques: [{ name: 'cloud_bandwidth_hours_identity', properties: ['resource', 'hourStart'] }],
  indexes: [{ name: 'cloud_bandwidth_hours_time', properties: ['hourStart'] }],
  properties: {
    id: p.bigint().primary().autoincrement(),
    resource: p.manyToOne(CloudResource).mapToPk(),
    hourStart: p.datetime(),
    bytes: p.bigint(),
    /** Of the hour's 3,600 seconds, how many readings stand for. */
    coveredSeconds: p.integer(),
    readAt: p.datetime(),
  },
});
