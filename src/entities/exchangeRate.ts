import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { platformOnly } from './policies.ts';

/** Where a rate came from. */
export const rateSources = ['operator', 'csv', 'ecb', 'rba'] as const;
export type RateSource = (typeof rateSources)[number];

/** What one unit of a currency is worth in another from a day on. It is never inverted: the other way is a rate of its own. */
export const ExchangeRate = defineEntity({
  name: 'ExchangeRate',
  tableName: 'exchange_rates',
  rowLevelSecurity: 'force',
  policies: platformOnly,
  uniques: [{ name: 'exchange_rates_identity', properties: ['fromCurrency', 'toCurrency', 'effectiveFrom'] }],
  checks: [{ name: 'exchange_rates_positive', expression: (columns) => `${columns.rate} > 0` }],
  properties: {
    id: p.uuid().primary().defaultRaw('gen_random_uuid()'),
    fromCurrency: p.text(),
    toCurrency: p.text(),
    /** Units of `toCurrency` for one of `fromCurrency`. */
    rate: p.decimal().columnType('numeric'),
    effectiveFrom: p.date(),
    source: p.text().$type<RateSource>(),
    createdAt: p.datetime(),
    createdBy: p.text(),
  },
});
export type ExchangeRate = InferEntity<typeof ExchangeRate>;
