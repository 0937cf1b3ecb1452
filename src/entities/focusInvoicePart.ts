import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { FocusFile } from './focusFile.ts';
import { platformOnly } from './policies.ts';

/**
 * Some of one invoice's charges out of a file, read and checked: lines of JSON, gzip. A file may hold many invoices in any order;
 * with the parts, each is ingested without reading the file again.
 */
export const FocusInvoicePart = defineEntity({
  name: 'FocusInvoicePart',
  tableName: 'focus_invoice_parts',
  rowLevelSecurity: 'force',
  policies: platformOnly,
  properties: {
    file: p.manyToOne(FocusFile).mapToPk().primary().deleteRule('cascade'),
    provider: p.text().primary(),
    invoiceUuid: p.text().primary(),
    /** From 0, in the file's order. */
    position: p.integer().primary(),
    content: p.blob(),
  },
});
export type FocusInvoicePart = InferEntity<typeof FocusInvoicePart>;
