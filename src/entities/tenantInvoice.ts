import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { readOnceAStatement, tenantReads } from './policies.ts';

export const invoiceStatuses = ['draft', 'issued', 'paid', 'void'] as const;
export type InvoiceStatus = (typeof invoiceStatuses)[number];

/** The customer's side of an issued invoice. */
export interface BillTo {
  readonly legal_name: string | null;
  readonly tax_number: string | null;
  readonly address: string | null;
  readonly email: string | null;
  readonly country: string;
}

/**
 * What a tenant is charged for a month: one that is not void a tenant and month. Amounts are in cents of `currency`. Once it is issued, a
 * trigger refuses every change of what was billed and to whom, and its delete.
 */
export const TenantInvoice = defineEntity({
  name: 'TenantInvoice',
  tableName: 'tenant_invoices',
  rowLevelSecurity: 'force',
  policies: readOnceAStatement(tenantReads),
  uniques: [{ name: 'tenant_invoices_number', properties: ['number'] }],
  checks: [
    {
      name: 'tenant_invoices_total',
      expression: (columns) => `${columns.totalCents} = ${columns.subtotalCents} + ${columns.taxCents}`,
    },
    {
      name: 'tenant_invoices_due_amount',
      expression: (columns) =>
        `${columns.status} = 'void' or ${columns.dueCents} = ${columns.totalCents} - ${columns.creditedCents} - ${columns.paidCents}`,
    },
    {
      name: 'tenant_invoices_numbered',
      expression: (columns) =>
        `(${columns.status} = 'draft') = (${columns.number} is null) and (${columns.status} = 'draft') = (${columns.issuedAt} is null)`,
    },
  ],
  indexes: [
    {
      name: 'tenant_invoices_identity',
      expression: (columns, table, name) =>
        `create unique index "${name}" on ${table} ("${columns.tenantId}", "${columns.periodStart}") where "${columns.status}" <> 'void'`,
    },
    { name: 'tenant_invoices_period', properties: ['periodStart', 'tenantId'] },
    { name: 'tenant_invoices_tenant', properties: ['tenantId', 'periodStart'] },
    {
      name: 'tenant_invoices_due',
      expression: (columns, table, name) =>
        `create index "${name}" on ${table} ("${columns.dueOn}") where "${columns.status}" = 'issued'`,
    },
    {
      name: 'tenant_invoices_issued',
      expression: (columns, table, name) =>
        `create index "${name}" on ${table} ("${columns.issuedAt}") where "${columns.issuedAt}" is not null`,
    },
  ],
  properties: {
    id: p.uuid().primary().defaultRaw('gen_random_uuid()'),
    tenantId: p.text(),
    periodStart: p.date(),
    /** `INV-000001`, given at issue and kept when void. */
    number: p.text().nullable(),
    status: p.text().$type<InvoiceStatus>(),
    currency: p.text(),
    subtotalCents: p.bigint('number'),
    taxCents: p.bigint('number'),
    totalCents: p.bigint('number'),
    paidCents: p.bigint('number').default(0),
    /** The total of its credit notes, tax included. */
    creditedCents: p.bigint('number').default(0),
    /** Total − credited − paid; below zero it is owed to the tenant. */
    dueCents: p.bigint('number'),
    taxName: p.text().nullable(),
    /** A fraction; 0 where nothing is taxed. */
    taxRate: p.decimal().columnType('numeric'),
    /** Whom it is made out to, as the billing profile said when it was issued. */
    billTo: p.json().$type<BillTo>().nullable(),
    /** Goes up each time that the draft is computed anew. */
    revision: p.integer().default(1),
    /** The void one that it stands in for. */
    replacesInvoiceId: p.uuid().nullable(),
    issuedAt: p.datetime().nullable(),
    dueOn: p.date().nullable(),
    paidAt: p.datetime().nullable(),
    voidedAt: p.datetime().nullable(),
    voidReason: p.text().nullable(),
    createdAt: p.datetime(),
    updatedAt: p.datetime(),
  },
});
export type TenantInvoice = InferEntity<typeof TenantInvoice>;
