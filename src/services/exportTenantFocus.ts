import type { Readable } from 'node:stream';
import type { MikroORM } from '@mikro-orm/postgresql';
import { ArcadiaError } from '../domain/errors.ts';
import type { FocusVersion } from '../domain/focusColumns.ts';
import type { FocusRow } from '../domain/focusRow.ts';
import { addCents, sumCents } from '../domain/money.ts';
import type { Period } from '../domain/period.ts';
import {
  creditNoteRows,
  invoiceLineRow,
  tenantFocusColumns,
  tenantFocusFields,
} from '../domain/tenantFocusRow.ts';
import { forSession, type Session, systemSession } from '../session.ts';
import {
  countInvoices,
  creditNotesOf,
  type ExportedTenantInvoice,
  invoicesToExport,
  lineRanges,
  linesOf,
} from './exportTenantFocusLines.ts';
import { contentTypeOf, type FocusFormat, focusStream, toCsv, toFileName } from './focusCsv.ts';
import { recordChange } from './recordChange.ts';

/** The lines that were read of an invoice are not all of it; what was written before is not a whole file. */
export class TenantFocusExportBroken extends ArcadiaError {
  constructor({ number, totalCents, currency }: ExportedTenantInvoice, foundCents: number) {
    super(
      'focus_export_broken',
      `the invoice ${number} is over ${totalCents} cents of ${currency}, and its lines add up to ${foundCents}: the export is not whole`,
      { context: { number, total_cents: totalCents, found_cents: foundCents } },
    );
  }
}

export interface ExportTenantFocus {
  readonly period: Period;
  readonly version: FocusVersion;
  readonly format: FocusFormat;
  /** All that the caller may see where it is absent. */
  readonly tenant?: string | undefined;
  /** Who sells, provides and invoices: the name that the invoices have. */
  readonly issuer: string;
  /** Its session decides which invoices there are; for the audit log too. */
  readonly actor: Session;
  readonly now: Date;
  readonly requestId?: string | undefined;
}

export interface TenantFocusExport {
  readonly fileName: string;
  readonly contentType: string;
  /** How many there were when the export began. */
  readonly invoices: number;
  /** Reads the database as fast as its reader takes it. It fails where an invoice is not whole: then nothing that came is. */
  readonly content: Readable;
}

/**
 * What tenants were charged for a period as a FOCUS file: the lines of every issued and paid invoice, and its credit notes, in the order
 * of tenant, line and note. BilledCost adds up to the invoices' totals less what is credited. Audited before the first byte.
 *
 * Each invoice is as it stands when it is read: it comes whole or not at all, also where it is voided or credited during the download.
 */
export async function exportTenantFocus(
  orm: MikroORM,
  request: ExportTenantFocus,
): Promise<TenantFocusExport> {
  const { period, version, format, tenant, actor } = request;
  const invoices = await countInvoices(forSession(orm, actor), request);
  // As the system, since viewers change nothing, the log included.
  await recordChange(forSession(orm, systemSession), request, {
    action: 'tenant_invoices.export_focus',
    subjectType: 'period',
    subjectId: period,
    after: { version, format, tenant: tenant ?? null, invoices },
  });
  const whose = tenant === undefined ? '' : `${toFileName(tenant)}-`;
  return {
    fileName: `focus-${version}-invoices-${whose}${period}.${format}`,
    contentType: contentTypeOf[format],
    invoices,
    content: focusStream(csvText(orm, request), format),
  };
}

async function* csvText(orm: MikroORM, request: ExportTenantFocus): AsyncGenerator<string> {
  const em = forSession(orm, request.actor);
  const columns = tenantFocusColumns(request.version);
  const toText = (rows: readonly FocusRow[]) =>
    toCsv(
      rows.map((row) => tenantFocusFields(row, columns)),
      columns,
    );
  yield toCsv([columns.map(({ name }) => name)], columns);
  for await (const invoices of invoicesToExport(em, request)) {
    const notes = await creditNotesOf(em, invoices);
    let left = 0;
    for (const ranges of lineRanges(invoices)) {
      const lines = await linesOf(em, ranges);
      const rows: FocusRow[] = [];
      for (const { invoice, isLast } of ranges) {
        const own = lines.get(invoice.id) ?? [];
        left = addCents(left, sumCents(own.map(({ amountCents }) => amountCents)));
        rows.push(...own.map((line) => invoiceLineRow(request.issuer, invoice, line)));
        if (!isLast) continue;
        if (left !== invoice.totalCents) throw new TenantFocusExportBroken(invoice, left);
        left = 0;
        const credited = notes.get(invoice.id) ?? [];
        rows.push(...credited.flatMap((note) => creditNoteRows(request.issuer, invoice, note)));
      }
      if (rows.length > 0) yield toText(rows);
    }
  }
}
