import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import type { JsonValue } from '../domain/errors.ts';
import type { MatchOutcome } from '../domain/matching.ts';
import type { ResourceKind } from '../domain/resourceKind.ts';
import { CloudInvoice } from './cloudInvoice.ts';
import { CloudInvoiceVersion } from './cloudInvoiceVersion.ts';
import { CloudResource } from './cloudResource.ts';
import { platformOnly, readOnceAStatement } from './policies.ts';

/** One charge of one version of a cloud invoice, and the resource it belongs to, with the reason. */
export const CloudCostLine = defineEntity({
  name: 'CloudCostLine',
  tableName: 'cloud_cost_lines',
  rowLevelSecurity: 'force',
  policies: readOnceAStatement(platformOnly),
  uniques: [{ name: 'cloud_cost_lines_identity', properties: ['version', 'lineNumber'] }],
  indexes: [
    { name: 'cloud_cost_lines_resource', properties: ['resource'] },
    {
      name: 'cloud_cost_lines_provider_id',
      expression: (columns, table, name) =>
        `create index "${name}" on ${table} ("${columns.providerResourceId}") where "${columns.providerResourceId}" is not null`,
    },
    {
      name: 'cloud_cost_lines_provider_uuid',
      expression: (columns, table, name) =>
        `create index "${name}" on ${table} ("${columns.providerResourceUuid}") where "${columns.providerResourceUuid}" is not null`,
    },
    {
      name: 'cloud_cost_lines_name',
      expression: (columns, table, name) =>
        `create index "${name}" on ${table} ("${columns.resourceNameLower}") where "${columns.resourceNameLower}" is not null`,
    },
  ],
  properties: {
    id: p.bigint().primary().autoincrement(),
    invoice: p.manyToOne(CloudInvoice).mapToPk(),
    version: p.manyToOne(CloudInvoiceVersion).mapToPk(),
    /** 1-based order on the invoice. */
    lineNumber: p.integer(),
    periodStart: p.date(),
    product: p.text(),
    groupDescription: p.text(),
    description: p.text(),
    hours: p.decimal().columnType('numeric').nullable(),
    chargeStart: p.datetime(),
    chargeEnd: p.datetime(),
    billedCost: p.decimal().columnType('numeric'),
    currency: p.text(),
    projectName: p.text().nullable(),
    category: p.text().nullable(),
    lineClass: p.text().$type<'resource' | 'shared' | 'tax' | 'credit' | 'unexplained'>(),
    kind: p.text().$type<ResourceKind>().nullable(),
    resourceName: p.text().nullable(),
    /** A column of its own, since under row level security no index on an expression with lower() can be used. */
    resourceNameLower: p
      .text()
      .generated((columns) => `(lower("${columns['resourceName']}")) stored`)
      .nullable()
      .lazy(),
    /** The ids that the invoice's items name: a number or a name, and a UUID where there is one. */
    providerResourceId: p.text().nullable(),
    providerResourceUuid: p.text().nullable(),
    resource: p.manyToOne(CloudResource).mapToPk().nullable(),
    matchOutcome: p.text().$type<MatchOutcome>(),
    matchReason: p.text(),
    /** The ids of the resources that an ambiguous line may belong to. */
    matchCandidates: p.json().$type<string[]>().nullable(),
    /** Columns that the provider sent and we don't know, as sent. */
    extra: p.json().$type<{ [column: string]: JsonValue }>(),
  },
});
export type CloudCostLine = InferEntity<typeof CloudCostLine>;
