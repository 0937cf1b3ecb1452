import { defineEntity, p } from '@mikro-orm/core';
import type { JsonValue } from '../domain/errors.ts';
import { CloudResource } from './cloudResource.ts';
import { platformOnly } from './policies.ts';

/** What the inventory saw happen to a resource, kept for ever. Only these change what it is, was called, or belongs to. */
export const inventoryEventTypes = ['discovered', 'changed', 'renamed', 'gone', 'returned', 'moved'] as const;

/** What was asked of a resource, and what differed from it. Written as attributed already: no cost line moves because of it. */
export const driftEventTypes = ['provisioned', 'drift_detected', 'drift_accepted', 'drift_reverted'] as const;

export const resourceEventTypes = [...inventoryEventTypes, ...driftEventTypes] as const;
export type ResourceEventType = (typeof resourceEventTypes)[number];

export const CloudResourceEvent = defineEntity({
  name: 'CloudResourceEvent',
  tableName: 'cloud_resource_events',
  rowLevelSecurity: 'force',
  policies: platformOnly,
  indexes: [
    { name: 'cloud_resource_events_history', properties: ['resource', 'occurredAt'] },
    {
      name: 'cloud_resource_events_unattributed',
      expression: (columns, table, name) =>
        `create index "${name}" on ${table} ("${columns.resource}") where "${columns.attributedAt}" is null`,
    },
  ],
  properties: {
    id: p.bigint().primary().autoincrement(),
    resource: p.manyToOne(CloudResource).mapToPk(),
    type: p.text().$type<ResourceEventType>(),
    occurredAt: p.datetime(),
    /** When stored cost lines were matched again because of it; null while that is still to be done. */
    attributedAt: p.datetime().nullable(),
    /** The columns that changed: `{ name: { from, to } }`. */
    changes: p.json().$type<{ [column: string]: { from: JsonValue; to: JsonValue } }>(),
  },
});
