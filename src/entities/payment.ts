import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { tenantReads } from './policies.ts';
import { TenantInvoice } from './tenantInvoice.ts';

/** Money that came in for an invoice, once a reference. Append-only: a trigger refuses the rest. */
export const Payment = defineEntity({
  name: 'Payment',
  tableName: 'payments',
  rowLevelSecurity: 'force',
  policies: tenantReads,
  uniques: [{ name: 'payments_reference', properties: ['reference'] }],
  indexes: [{ name: 'payments_invoice', properties: ['invoice'] }],
  properties: {
    id: p.uuid().primary().defaultRaw('gen_random_uuid()'),
    invoice: p.manyToOne(TenantInvoice).mapToPk(),
    tenantId: p.text(),
    amountCents: p.bigint('number'),
    currency: p.text(),
    paidOn: p.date(),
    reference: p.text(),
    /** Who told us. */
    source: p.text(),
    receivedAt: p.datetime(),
  },
});
export type Payment = InferEntity<typeof Payment>;
