import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import type { JsonValue } from '../domain/errors.ts';
import { platformOnly } from './policies.ts';

/** `discovered`: known, no lines yet. `ingested`: reconciled to the cent. `held`: an operator has to look; see `error`. */
export const ingestStatuses = ['discovered', 'ingested', 'held'] as const;
export type IngestStatus = (typeof ingestStatuses)[number];

/** What the provider charged us for one month: the header. Lines hang on its versions; the current one counts. */
export const CloudInvoice = defineEntity({
  name: 'CloudInvoice',
  tableName: 'cloud_invoices',
  rowLevelSecurity: 'force',
  policies: platformOnly,
  uniques: [{ name: 'cloud_invoices_identity', properties: ['provider', 'invoiceUuid'] }],
  indexes: [
    { name: 'cloud_invoices_period', properties: ['periodStart', 'id'] },
    { name: 'cloud_invoices_status', properties: ['ingestStatus', 'periodStart'] },
  ],
  properties: {
    id: p.uuid().primary().defaultRaw('gen_random_uuid()'),
    provider: p.text(),
    invoiceUuid: p.text(),
    invoiceNumber: p.text().nullable(),
    periodStart: p.date(),
    issuedAt: p.datetime(),
    /** As the billing history states it. */
    amount: p.decimal().columnType('numeric'),
    currency: p.text(),
    ingestStatus: p.text().$type<IngestStatus>(),
    /** Why it is held: code, message and context of the error. */
    error: p
      .json()
      .$type<{ code: string; message: string; context: { [key: string]: JsonValue } }>()
      .nullable(),
    /** Stated amount − sum of lines, where that is why it is held. */
    heldDifference: p.decimal().columnType('numeric').nullable(),
    /** The number of the current version; 0 before the first ingest. */
    version: p.integer().default(0),
    lineCount: p.integer().nullable(),
    checksum: p.text().nullable(),
    discoveredAt: p.datetime(),
    ingestedAt: p.datetime().nullable(),
  },
});
export type CloudInvoice = InferEntity<typeof CloudInvoice>;
