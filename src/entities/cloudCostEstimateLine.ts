import { defineEntity, p } from '@mikro-orm/core';
import type { ChargeableKind } from '../domain/resourceKind.ts';
import { CloudCostEstimate } from './cloudCostEstimate.ts';
import { platformOnly, readOnceAStatement } from './policies.ts';

/** One line of an estimate; its resource is looked up by the provider's ids when it is asked for. */
export const CloudCostEstimateLine = defineEntity({
  name: 'CloudCostEstimateLine',
  tableName: 'cloud_cost_estimate_lines',
  rowLevelSecurity: 'force',
  policies: readOnceAStatement(platformOnly),
  uniques: [{ name: 'cloud_cost_estimate_lines_identity', properties: ['estimate', 'position'] }],
  properties: {
    id: p.bigint().primary().autoincrement(),
    estimate: p.manyToOne(CloudCostEstimate).mapToPk(),
    /** 1-based order at the provider. */
    position: p.integer(),
    product: p.text(),
    groupDescription: p.text(),
    description: p.text(),
    /** In the estimate's currency. */
    amount: p.decimal().columnType('numeric'),
    lineClass: p.text().$type<'resource' | 'shared' | 'tax' | 'credit'>(),
    kind: p.text().$type<ChargeableKind>().nullable(),
    providerResourceId: p.text().nullable(),
    providerResourceUuid: p.text().nullable(),
  },
});
