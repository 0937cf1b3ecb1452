import { pipeline, Readable } from 'node:stream';
import { createGzip } from 'node:zlib';
import type { MikroORM } from '@mikro-orm/postgresql';
import { stringify } from 'csv-stringify/sync';
import { ArcadiaError } from '../domain/errors.ts';
import { type ExportColumn, exportColumns, type FocusVersion } from '../domain/focusColumns.ts';
import { focusFields } from '../domain/focusRow.ts';
import type { Period } from '../domain/period.ts';
import { forSession, type Session, systemSession } from '../session.ts';
import {
  type ExportedVersion,
  keptColumnNames,
  linesOfVersion,
  projectIds,
  versionsInForce,
} from './exportFocusLines.ts';
import { recordAudit } from './recordAudit.ts';

export const focusFormats = ['csv', 'csv.gz'] as const;
export type FocusFormat = (typeof focusFormats)[number];

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
  /** For the audit log. */
  readonly actor: Session;
  readonly now: Date;
  readonly requestId?: string;
}

export interface FocusExport {
  readonly fileName: string;
  readonly contentType: string;
  readonly invoices: number;
  readonly lines: number;
  /** Reads the database as fast as its reader takes it. It fails where the lines end too early: then nothing that came is whole. */
  readonly content: Readable;
}

/**
 * The cost lines of a period as a FOCUS file: of the version in force of each of its invoices, in the order of provider, invoice and
 * line. Which versions that are is settled here, so a restatement during the download changes nothing. Audited before the first byte.
 */
export async function exportFocus(orm: MikroORM, request: ExportFocus): Promise<FocusExport> {
  const em = forSession(orm, systemSession);
  const versions = await versionsInForce(em, request);
  const columns = exportColumns(request.version, await keptColumnNames(em, versions));
  const lines = versions.reduce((total, version) => total + version.lineCount, 0);
  const { period, version, format, provider } = request;
  await recordAudit(em, request.actor, {
    occurredAt: request.now,
    action: 'cost_lines.export_focus',
    subjectType: 'period',
    subjectId: period,
    after: { version, format, provider: provider ?? null, invoices: versions.length, lines },
    ...(request.requestId === undefined ? {} : { requestId: request.requestId }),
  });
  const csv = Readable.from(csvText(orm, versions, columns), { objectMode: false });
  return {
    fileName: `focus-${version}-${provider === undefined ? '' : `${toFileName(provider)}-`}${period}.${format}`,
    contentType: format === 'csv' ? 'text/csv; charset=utf-8' : 'application/gzip',
    invoices: versions.length,
    lines,
    content: format === 'csv' ? csv : compressed(csv),
  };
}

async function* csvText(
  orm: MikroORM,
  versions: readonly ExportedVersion[],
  columns: readonly ExportColumn[],
): AsyncGenerator<string> {
  const em = forSession(orm, systemSession);
  const projects = await projectIds(em);
  yield toCsv([columns.map((column) => column.name)], columns);
  for (const version of versions) {
    let found = 0;
    for await (const batch of linesOfVersion(em, version, projects)) {
      found += batch.length;
      yield toCsv(
        batch.map((line) => focusFields(line, columns)),
        columns,
      );
    }
    if (found !== version.lineCount)
      throw new FocusExportBroken(version.invoiceUuid, version.lineCount, found);
  }
}

/**
 * Text that a spreadsheet would run as a formula gets an apostrophe before it. Numbers don't: their minus is no formula, and they
 * hold nothing that anybody typed. Options for a single field cost time, so only the numbers below zero have them.
 */
function toCsv(records: (string | null)[][], columns: readonly ExportColumn[]): string {
  return stringify(records, {
    escape_formulas: true,
    cast: {
      string: (value, { index }) =>
        value.startsWith('-') && columns[index]?.type === 'decimal'
          ? { value, escape_formulas: false }
          : value,
    },
  });
}

/** A fault of the source is the fault of what is read, and who stops reading stops the source. */
function compressed(source: Readable): Readable {
  // The callback has nothing to do: `pipeline` destroys both with the error, and the reader hears it from the gzip stream.
  return pipeline(source, createGzip(), () => undefined);
}

const toFileName = (provider: string) => provider.replaceAll(/[^A-Za-z0-9._-]+/g, '_');
