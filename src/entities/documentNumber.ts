import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { platformOnly } from './policies.ts';

/**
 * The last number given in a series. Taken by an update in the transaction that issues the document, so that a failed one leaves no gap;
 * a sequence would.
 */
export const DocumentNumber = defineEntity({
  name: 'DocumentNumber',
  tableName: 'document_numbers',
  rowLevelSecurity: 'force',
  policies: platformOnly,
  properties: {
    series: p.text().$type<'INV' | 'CN'>().primary(),
    last: p.bigint('number'),
  },
});
export type DocumentNumber = InferEntity<typeof DocumentNumber>;
