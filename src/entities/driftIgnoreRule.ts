import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import type { ResourceKind } from '../domain/resourceKind.ts';
import { CloudResource } from './cloudResource.ts';
import { platformOnly } from './policies.ts';

/** Which differences nobody wants to hear of, whose word that is, why, and until when. What is null matches everything. */
export const DriftIgnoreRule = defineEntity({
  name: 'DriftIgnoreRule',
  tableName: 'drift_ignore_rules',
  rowLevelSecurity: 'force',
  policies: platformOnly,
  indexes: [
    {
      name: 'drift_ignore_rules_in_force',
      expression: (columns, table, name) =>
        `create index "${name}" on ${table} ("${columns.expiresAt}", "${columns.id}") where "${columns.endedAt}" is null`,
    },
  ],
  checks: [
    {
      name: 'drift_ignore_rules_bounded',
      expression: (columns) => `${columns.kind} is not null or ${columns.resource} is not null`,
    },
  ],
  properties: {
    id: p.uuid().primary().defaultRaw('gen_random_uuid()'),
    provider: p.text().nullable(),
    kind: p.text().$type<ResourceKind>().nullable(),
    resource: p.manyToOne(CloudResource).mapToPk().nullable(),
    /** A field of the spec, or `missing` or `unmanaged` for these. */
    field: p.text().nullable(),
    owner: p.text(),
    reason: p.text(),
    expiresAt: p.datetime(),
    createdAt: p.datetime(),
    createdBy: p.text(),
    /** When an operator ended it before it expired. */
    endedAt: p.datetime().nullable(),
  },
});
export type DriftIgnoreRule = InferEntity<typeof DriftIgnoreRule>;
