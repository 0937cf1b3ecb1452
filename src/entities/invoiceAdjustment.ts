import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { CloudDeployment } from './cloudDeployment.ts';
import { tenantReads } from './policies.ts';
import { TenantInvoice } from './tenantInvoice.ts';

/** A line that an operator put on a draft. A forced rollup computes the rest anew and keeps it. */
export const InvoiceAdjustment = defineEntity({
  name: 'InvoiceAdjustment',
  tableName: 'invoice_adjustments',
  rowLevelSecurity: 'force',
  policies: tenantReads,
  indexes: [{ name: 'invoice_adjustments_invoice', properties: ['invoice'] }],
  properties: {
    id: p.uuid().primary().defaultRaw('gen_random_uuid()'),
    invoice: p.manyToOne(TenantInvoice).mapToPk(),
    tenantId: p.text(),
    deployment: p.manyToOne(CloudDeployment).mapToPk().nullable(),
    description: p.text(),
    /** Before tax; negative is in the tenant's favour. */
    amountCents: p.bigint('number'),
    reason: p.text(),
    actor: p.text(),
    createdAt: p.datetime(),
  },
});
export type InvoiceAdjustment = InferEntity<typeof InvoiceAdjustment>;
