import type { Readable } from 'node:stream';
import type { EntityManager, MikroORM } from '@mikro-orm/postgresql';
import { ArcadiaError } from '../domain/errors.ts';
import { allocatedRows } from '../domain/focusAllocation.ts';
import {
  type ExportColumn,
  exportColumns,
  type FocusAllocation,
  type FocusVersion,
} from '../domain/focusColumns.ts';
import { focusFields } from '../domain/focusRow.ts';
import { Decimal } from '../domain/money.ts';
import type { Period } from '../domain/period.ts';
import { forSession, type Session, systemSession } from '../session.ts';
import {
  type ExportedInvoice,
  invoicesToExport,
  keptColumnNames,
  linesOf,
  ownedLinesOf,
  type ProjectIds,
  projectIds,
  unitemisedOf,
} from './exportFocusLines.ts';
import { contentTypeOf, type FocusFormat, focusStream, toCsv, toFileName } from './focusCsv.ts';
import { recordChange } from './recordChange.ts';

/** The export can't be finished as it was announced; what was written before is not a whole file. */
export class FocusExportBroken extends ArcadiaError {
  constructor(invoiceUuid: string, expected: number, found: number) {
    super(
      'focus_export_broken',
      `the invoice ${invoiceUuid} has ${expected} lines, and ${found} could be read: the export is not whole`,
      { context: { invoiceUuid, expected, found } },
    );
  }
}

export interface ExportFocus {
  readonly period: Period;
  readonly version: FocusVersion;
  readonly format: FocusFormat;
  /** All providers where it is absent. */
  readonly provider?: string | undefined;
  /** `owners` where it is absent. */
  readonly allocation?: FocusAllocation | undefined;
  /** For the audit log. */
  readonly actor: Session;
  readonly now: Date;
  readonly requestId?: string;
}

export interface FocusExport {
  readonly fileName: string;
  readonly contentType: string;
  readonly invoices: number;
  /** Cost lines; by owners the file may have more rows. */
  readonly lines: number;
  /** Reads the database as fast as its reader takes it. It fails where the lines end too early: then nothing that came is whole. */
  readonly content: Readable;
}

/**
 * The provider's charges of a period as a FOCUS file, in the order of provider, invoice and line: of each invoice the version in force.
 * Which versions that are is settled here, so a restatement during the download changes nothing. Audited before the first byte.
 *
 * By owners, a line is a row for each of its owners, and what an invoice states beyond its lines is a row too: the rows of an invoice
 * add up to what it states.
 */
export async function exportFocus(orm: MikroORM, request: ExportFocus): Promise<FocusExport> {
  const em = forSession(orm, systemSession);
  const { period, version, format, provider, allocation = 'owners' } = request;
  const invoices = await invoicesToExport(em, { period, provider, allocation });
  const columns = exportColumns(version, await keptColumnNames(em, invoices), allocation);
  const lines = invoices.reduce((total, { lineCount }) => total + lineCount, 0);
  await recordChange(em, request, {
    action: 'cost_lines.export_focus',
    subjectType: 'period',
    subjectId: period,
    after: { version, format, allocation, provider: provider ?? null, invoices: invoices.length, lines },
  });
  return {
    fileName: `focus-${version}-${provider === undefined ? '' : `${toFileName(provider)}-`}${period}.${format}`,
    contentType: contentTypeOf[format],
    invoices: invoices.length,
    lines,
    content: focusStream(csvText(orm, invoices, columns, allocation), format),
  };
}

async function* csvText(
  orm: MikroORM,
  invoices: readonly ExportedInvoice[],
  columns: readonly ExportColumn[],
  allocation: FocusAllocation,
): AsyncGenerator<string> {
  const em = forSession(orm, systemSession);
  const projects = await projectIds(em);
  const recordsOf = allocation === 'owners' ? recordsByOwner : recordsAsBilled;
  yield toCsv([columns.map((column) => column.name)], columns);
  for (const invoice of invoices) {
    for await (const records of recordsOf(em, invoice, projects, columns)) {
      if (records.length > 0) yield toCsv(records, columns);
    }
  }
}

type Records = (string | null)[][];

async function* recordsAsBilled(
  em: EntityManager,
  invoice: ExportedInvoice,
  projects: ProjectIds,
  columns: readonly ExportColumn[],
): AsyncGenerator<Records> {
  let found = 0;
  for await (const lines of linesOf(em, invoice, projects)) {
    found += lines.length;
    yield lines.map((line) => focusFields(line, columns));
  }
  assertWhole(invoice, found);
}

async function* recordsByOwner(
  em: EntityManager,
  invoice: ExportedInvoice,
  projects: ProjectIds,
  columns: readonly ExportColumn[],
): AsyncGenerator<Records> {
  const rows = allocatedRows(columns);
  let found = 0;
  let rest: Decimal = new Decimal(invoice.amount);
  for await (const lines of ownedLinesOf(em, invoice, projects)) {
    found += lines.length;
    for (const { line } of lines) rest = rest.minus(line.billedCost);
    yield lines.flatMap(({ line, owners }) => rows.ofLine(line, owners));
  }
  assertWhole(invoice, found);
  yield (await unitemisedOf(em, invoice, rest.toFixed())).map(rows.ofUnitemised);
}

function assertWhole({ invoiceUuid, lineCount }: ExportedInvoice, found: number): void {
  if (found !== lineCount) throw new FocusExportBroken(invoiceUuid, lineCount, found);
}
