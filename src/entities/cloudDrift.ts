import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import type { DriftType } from '../domain/drift/price.ts';
import type { JsonValue } from '../domain/errors.ts';
import type { ResourceKind } from '../domain/resourceKind.ts';
import { CloudResource } from './cloudResource.ts';
import { DriftIgnoreRule } from './driftIgnoreRule.ts';
import { platformOnly } from './policies.ts';

/** `stale`: the difference went away by itself. All but `open` are final; a difference that comes back is a row of its own. */
export const driftStates = ['open', 'accepted', 'reverted', 'stale', 'ignored'] as const;
export type DriftState = (typeof driftStates)[number];

/** One difference between what was asked for and what is there. Resolved ones stay as history. */
export const CloudDrift = defineEntity({
  name: 'CloudDrift',
  tableName: 'cloud_drift',
  rowLevelSecurity: 'force',
  policies: platformOnly,
  indexes: [
    {
      name: 'cloud_drift_open',
      expression: (columns, table, name) =>
        `create unique index "${name}" on ${table} ("${columns.resource}", "${columns.field}") nulls not distinct where "${columns.state}" = 'open'`,
    },
    { name: 'cloud_drift_inbox', properties: ['state', 'detectedAt', 'id'] },
    { name: 'cloud_drift_resource', properties: ['resource', 'detectedAt'] },
  ],
  checks: [
    {
      name: 'cloud_drift_field',
      expression: (columns) => `(${columns.type} = 'field') = (${columns.field} is not null)`,
    },
    {
      name: 'cloud_drift_resolved',
      expression: (columns) => `(${columns.state} = 'open') = (${columns.resolvedAt} is null)`,
    },
  ],
  properties: {
    id: p.uuid().primary().defaultRaw('gen_random_uuid()'),
    resource: p.manyToOne(CloudResource).mapToPk(),
    provider: p.text(),
    kind: p.text().$type<ResourceKind>(),
    type: p.text().$type<DriftType>(),
    /** The field of the spec that differs; null where the whole resource does. */
    field: p.text().nullable(),
    desired: p.json().$type<JsonValue>().nullable(),
    actual: p.json().$type<JsonValue>().nullable(),
    state: p.text().$type<DriftState>().default('open'),
    /** The version of the spec that it was compared with; null where there is none. */
    specVersion: p.integer().nullable(),
    /** What the difference costs more (+) or less (−) a month; null where nothing says it. */
    priceMonthly: p.decimal().columnType('numeric').nullable(),
    currency: p.text(),
    priceSource: p.text().$type<'list_price' | 'cost_lines'>().nullable(),
    /** What the resource's own cost lines came to in the provider's last ingested month, `billedPeriod`. */
    billedCost: p.decimal().columnType('numeric').nullable(),
    billedPeriod: p.date().nullable(),
    /** Costs money that nobody is billed for: unmanaged and of no deployment, or gone and still charged. */
    unbilled: p.boolean().default(false),
    detectedAt: p.datetime(),
    lastSeenAt: p.datetime(),
    resolvedAt: p.datetime().nullable(),
    resolvedBy: p.text().nullable(),
    reason: p.text().nullable(),
    /** The process that resolved it. */
    workflowId: p.text().nullable(),
    ignoreRule: p.manyToOne(DriftIgnoreRule).mapToPk().nullable(),
    /** What the last revert that did not succeed came to. */
    problem: p.json().$type<{ code: string; message: string }>().nullable(),
  },
});
export type CloudDrift = InferEntity<typeof CloudDrift>;
