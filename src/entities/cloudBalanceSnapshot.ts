import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { platformOnly } from './policies.ts';

/** The account's balance as the provider computed it at `generatedAt`; one row each, however often it is read. */
export const CloudBalanceSnapshot = defineEntity({
  name: 'CloudBalanceSnapshot',
  tableName: 'cloud_balance_snapshots',
  rowLevelSecurity: 'force',
  policies: platformOnly,
  uniques: [{ name: 'cloud_balance_snapshots_identity', properties: ['provider', 'generatedAt'] }],
  properties: {
    id: p.bigint().primary().autoincrement(),
    provider: p.text(),
    generatedAt: p.datetime(),
    monthToDateBalance: p.decimal().columnType('numeric'),
    accountBalance: p.decimal().columnType('numeric'),
    monthToDateUsage: p.decimal().columnType('numeric'),
    currency: p.text(),
    takenAt: p.datetime(),
  },
});
export type CloudBalanceSnapshot = InferEntity<typeof CloudBalanceSnapshot>;
