import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import type { JsonValue } from '../domain/errors.ts';
import { platformOnly } from './policies.ts';
import { TenantInvoice } from './tenantInvoice.ts';

/** All that an invoice was priced from, so that it can be recomputed at any time. */
export const TenantInvoiceInputs = defineEntity({
  name: 'TenantInvoiceInputs',
  tableName: 'tenant_invoice_inputs',
  rowLevelSecurity: 'force',
  policies: platformOnly,
  properties: {
    invoice: p.manyToOne(TenantInvoice).mapToPk().primary(),
    tenantId: p.text(),
    inputs: p.json().$type<JsonValue>(),
  },
});
export type TenantInvoiceInputs = InferEntity<typeof TenantInvoiceInputs>;
