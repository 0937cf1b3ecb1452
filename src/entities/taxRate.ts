import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { everyoneReads } from './policies.ts';

/** The tax of a country from a day on. A country without a row is not taxed: its tenants are exports. */
export const TaxRate = defineEntity({
  name: 'TaxRate',
  tableName: 'tax_rates',
  rowLevelSecurity: 'force',
  policies: everyoneReads,
  uniques: [{ name: 'tax_rates_identity', properties: ['country', 'effectiveFrom'] }],
  properties: {
    id: p.bigint().primary().autoincrement(),
    /** ISO 3166-1, two letters. */
    country: p.text(),
    /** As the invoice names it: `GST`. */
    name: p.text(),
    /** A fraction: 0.10 is ten per cent. */
    rate: p.decimal().columnType('numeric'),
    effectiveFrom: p.date(),
  },
});
export type TaxRate = InferEntity<typeof TaxRate>;
