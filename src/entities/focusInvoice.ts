import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { FocusFile } from './focusFile.ts';
import { platformOnly } from './policies.ts';

/** What files say of one invoice: its charges by the newest cost and usage file, what is payable by the newest invoice detail. */
export const FocusInvoice = defineEntity({
  name: 'FocusInvoice',
  tableName: 'focus_invoices',
  rowLevelSecurity: 'force',
  policies: platformOnly,
  uniques: [{ name: 'focus_invoices_identity', properties: ['provider', 'invoiceUuid'] }],
  properties: {
    id: p.uuid().primary().defaultRaw('gen_random_uuid()'),
    provider: p.text(),
    invoiceUuid: p.text(),
    periodStart: p.date(),
    currency: p.text(),
    /** Whose charges are in force; null while only its detail is known. */
    linesFile: p.manyToOne(FocusFile).mapToPk().nullable().index('focus_invoices_lines_file'),
    lineCount: p.integer().default(0),
    linesTotal: p.decimal().columnType('numeric').nullable(),
    detailFile: p.manyToOne(FocusFile).mapToPk().nullable().index('focus_invoices_detail_file'),
    /** What the issued invoice asks for; zero where it was voided. */
    payable: p.decimal().columnType('numeric').nullable(),
    issueStatus: p.text().$type<'Open' | 'Issued' | 'Voided'>().nullable(),
    issuedAt: p.datetime().nullable(),
  },
});
export type FocusInvoice = InferEntity<typeof FocusInvoice>;
