import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { platformOnly } from './policies.ts';
import { TenantInvoice } from './tenantInvoice.ts';

export const receivableStates = ['pending', 'acknowledged', 'failed'] as const;
export type ReceivableState = (typeof receivableStates)[number];

/**
 * An issued invoice on its way to the finance system: written with the issue, pushed until it is acknowledged, and again when the invoice
 * is credited or voided after that.
 */
export const Receivable = defineEntity({
  name: 'Receivable',
  tableName: 'receivables',
  rowLevelSecurity: 'force',
  policies: platformOnly,
  indexes: [
    {
      name: 'receivables_open',
      expression: (columns, table, name) =>
        `create index "${name}" on ${table} ("${columns.nextAttemptAt}") where "${columns.state}" <> 'acknowledged'`,
    },
  ],
  properties: {
    invoice: p.manyToOne(TenantInvoice).mapToPk().primary(),
    tenantId: p.text(),
    state: p.text().$type<ReceivableState>().default('pending'),
    /** Goes up with each credit note and with the void: what was said of an earlier version does not acknowledge a later one. */
    version: p.integer().default(1),
    /** Counted before each: above zero the finance system may know of it, whatever became of the answer. */
    attempts: p.integer().default(0),
    nextAttemptAt: p.datetime(),
    lastError: p.text().nullable(),
    acknowledgedAt: p.datetime().nullable(),
    /** What the finance system calls it. */
    externalId: p.text().nullable(),
    createdAt: p.datetime(),
  },
});
export type Receivable = InferEntity<typeof Receivable>;
