import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { tenantReads } from './policies.ts';
import { TenantInvoice } from './tenantInvoice.ts';

/** What is taken back of an issued invoice; positive cents. Append-only: a trigger refuses the rest. */
export const CreditNote = defineEntity({
  name: 'CreditNote',
  tableName: 'credit_notes',
  rowLevelSecurity: 'force',
  policies: tenantReads,
  uniques: [{ name: 'credit_notes_number', properties: ['number'] }],
  indexes: [
    { name: 'credit_notes_invoice', properties: ['invoice'] },
    { name: 'credit_notes_issued', properties: ['issuedAt'] },
  ],
  properties: {
    id: p.uuid().primary().defaultRaw('gen_random_uuid()'),
    invoice: p.manyToOne(TenantInvoice).mapToPk(),
    tenantId: p.text(),
    /** `CN-000001`. */
    number: p.text(),
    subtotalCents: p.bigint('number'),
    taxCents: p.bigint('number'),
    totalCents: p.bigint('number'),
    currency: p.text(),
    reason: p.text(),
    actor: p.text(),
    issuedAt: p.datetime(),
  },
});
export type CreditNote = InferEntity<typeof CreditNote>;
