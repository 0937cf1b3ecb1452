import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { platformOnly } from './policies.ts';
import { TenantInvoice } from './tenantInvoice.ts';

export const receivableStates = ['pending', 'acknowledged', 'failed'] as const;
export type ReceivableState = (typeof receivableStates)[number];

/** An issued invoice on its way to the finance system: written with the issue, pushed until it is acknowledged. */
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
