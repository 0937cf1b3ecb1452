import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import type { DisagreementCode } from '../domain/invoiceFaults.ts';
import { CloudInvoice } from './cloudInvoice.ts';
import { platformOnly } from './policies.ts';

/** One reading of an invoice. A restated invoice is a new version; the earlier ones stay readable with their lines. */
export const CloudInvoiceVersion = defineEntity({
  name: 'CloudInvoiceVersion',
  tableName: 'cloud_invoice_versions',
  rowLevelSecurity: 'force',
  policies: platformOnly,
  uniques: [{ name: 'cloud_invoice_versions_identity', properties: ['invoice', 'version'] }],
  properties: {
    id: p.uuid().primary().defaultRaw('gen_random_uuid()'),
    invoice: p.manyToOne(CloudInvoice).mapToPk(),
    version: p.integer(),
    amount: p.decimal().columnType('numeric'),
    currency: p.text(),
    lineCount: p.integer(),
    /** SHA-256 over the provider's lines in their order; equal checksums are equal lines. */
    checksum: p.text(),
    /** The same over the items, which carry the resource ids. */
    itemsChecksum: p.text(),
    /** What an operator accepted: which places disagreed, what the other one said, and the part of `amount` that no line explains. */
    acceptedCode: p.text().$type<DisagreementCode>().nullable(),
    acceptedFound: p.decimal().columnType('numeric').nullable(),
    acceptedDifference: p.decimal().columnType('numeric').nullable(),
    ingestedAt: p.datetime(),
    supersededAt: p.datetime().nullable(),
  },
});
export type CloudInvoiceVersion = InferEntity<typeof CloudInvoiceVersion>;
