import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import type { JsonValue } from '../domain/errors.ts';
import { readOnceAStatement, tenantReads } from './policies.ts';
import { TenantInvoice } from './tenantInvoice.ts';

export const invoiceLineTypes = ['plan_base', 'addon', 'overage', 'llm_usage', 'tax', 'adjustment'] as const;
export type InvoiceLineType = (typeof invoiceLineTypes)[number];

/**
 * One line of a tenant's invoice. Lines come, change and go only while the invoice is a draft: a trigger looks, once a statement.
 * `deployment_id` has no foreign key: it would cost a look-up for each of millions of lines, deployments are never deleted, and the lines
 * are made from rows that name one.
 */
export const TenantInvoiceLine = defineEntity({
  name: 'TenantInvoiceLine',
  tableName: 'tenant_invoice_lines',
  rowLevelSecurity: 'force',
  policies: readOnceAStatement(tenantReads),
  uniques: [{ name: 'tenant_invoice_lines_identity', properties: ['invoice', 'lineNumber'] }],
  indexes: [
    { name: 'tenant_invoice_lines_deployment', properties: ['deploymentId', 'servicePeriod'] },
    {
      name: 'tenant_invoice_lines_adjustments',
      expression: (columns, table, name) =>
        `create index "${name}" on ${table} ("${columns.invoice}") where "${columns.type}" = 'adjustment'`,
    },
  ],
  properties: {
    id: p.bigint().primary().autoincrement(),
    invoice: p.manyToOne(TenantInvoice).mapToPk(),
    tenantId: p.text(),
    /** 1-based order on the invoice. */
    lineNumber: p.integer(),
    type: p.text().$type<InvoiceLineType>(),
    /** Null for what the tenant as a whole bears, such as tax. */
    deploymentId: p.uuid().nullable(),
    resourceKind: p.text().nullable(),
    description: p.text(),
    qty: p.decimal().columnType('numeric'),
    unit: p.text(),
    unitPriceCents: p.decimal().columnType('numeric'),
    amountCents: p.bigint('number'),
    /** The month that it is for; late usage names an earlier one than the invoice's. */
    servicePeriod: p.date(),
    meta: p.json().$type<{ [key: string]: JsonValue }>(),
  },
});
export type TenantInvoiceLine = InferEntity<typeof TenantInvoiceLine>;
