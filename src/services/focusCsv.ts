import { pipeline, Readable } from 'node:stream';
import { createGzip } from 'node:zlib';
import { stringify } from 'csv-stringify/sync';
import type { ExportColumn } from '../domain/focusColumns.ts';

export const focusFormats = ['csv', 'csv.gz'] as const;
export type FocusFormat = (typeof focusFormats)[number];

export const contentTypeOf: Readonly<Record<FocusFormat, string>> = {
  csv: 'text/csv; charset=utf-8',
  'csv.gz': 'application/gzip',
};

/**
 * Text that a spreadsheet would run as a formula gets an apostrophe before it. Numbers don't: their minus is no formula, and they
 * hold nothing that anybody typed. Options for a single field cost time, so only the numbers below zero have them.
 */
export function toCsv(records: (string | null)[][], columns: readonly ExportColumn[]): string {
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

/** The pieces of a CSV text as a stream in this format, which reads its source no faster than its own reader takes it. */
export function focusStream(text: AsyncIterable<string>, format: FocusFormat): Readable {
  const csv = Readable.from(text, { objectMode: false });
  return format === 'csv' ? csv : compressed(csv);
}

/** A fault of the source is the fault of what is read, and who stops reading stops the source. */
function compressed(source: Readable): Readable {
  // The callback has nothing to do: `pipeline` destroys both with the error, and the reader hears it from the gzip stream.
  return pipeline(source, createGzip(), () => undefined);
}

/** Text as a part of a file's name. */
export const toFileName = (text: string): string => text.replaceAll(/[^A-Za-z0-9._-]+/g, '_');
