import { finished } from 'node:stream/promises';
import { CsvError, type Parser, parse } from 'csv-parse';
import type { FocusFindings } from '../../domain/focus/faults.ts';
import { type FocusDeclaration, type FocusHeader, readFocusHeader } from '../../domain/focus/header.ts';
import { cellValue, readCell } from '../../domain/focus/values.ts';

/** One row of a file, its cells checked against their columns' types. */
export interface FocusRow {
  /** As a spreadsheet counts: the header is row 1. */
  readonly row: number;
  readonly header: FocusHeader;
  /** The value of a column of the specification; null where it is null or the file lacks the column. */
  readonly get: (column: string) => string | null;
  /** Every cell that is not null, with the file's name of its column. */
  readonly entries: () => Iterable<readonly [column: string, value: string]>;
}

const longestRecord = 1024 * 1024;
const batchSize = 1000;

/**
 * Reads a FOCUS file (CSV, UTF-8, plain) while it arrives, in bounded memory. Columns are known by name. Rows are given out until
 * the first fault; after it the rest is read only to find more. Empty cells and `NULL` are null. A row that is the header again is
 * passed over, so that the parts of one delivery can be put together as they are.
 * @throws FocusFileRefused where there are too many faults; the caller asks `findings` at the end
 */
export async function* readFocusCsv(
  body: AsyncIterable<Uint8Array>,
  declared: FocusDeclaration,
  findings: FocusFindings,
): AsyncGenerator<FocusRow[]> {
  let header: FocusHeader | undefined;
  let row = 0;
  let failure: unknown;
  const ready: FocusRow[] = [];
  const parser = parse({
    bom: true,
    record_delimiter: ['\r\n', '\n'],
    relax_column_count: true,
    skip_empty_lines: true,
    max_record_size: longestRecord,
    on_record: (cells: readonly string[]) => {
      row += 1;
      // What is thrown in here would break the parser: it is kept for the reader.
      if (failure !== undefined) return null;
      try {
        if (header === undefined) header = readFocusHeader(cells, declared, findings);
        else readRecord(header, cells);
      } catch (error) {
        failure = error;
      }
      return null;
    },
  });
  // Each failure reaches us by its own call; the event itself must only have a listener.
  parser.on('error', () => {});

  function readRecord(known: FocusHeader, cells: readonly string[]): void {
    if (cells.length !== known.names.length) {
      const isWhole = `${known.names.length} columns, as the header has,`;
      findings.fault(row, null, `${cells.length} columns`, isWhole);
      return;
    }
    if (cells.every((cell, index) => cell.trim() === known.names[index])) {
      findings.note('repeated_header', null);
      return;
    }
    const read = checkedRow(known, cells, row, findings);
    if (!findings.hasFaults()) ready.push(read);
  }

  try {
    for await (const chunk of utf8Only(body, findings, () => row)) {
      await parsed(parser, chunk);
      if (failure !== undefined) throw failure;
      while (ready.length >= batchSize) yield ready.splice(0, batchSize);
    }
    parser.end();
    await finished(parser, { readable: false });
    if (failure !== undefined) throw failure;
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    findings.fault(row + 1, null, null, csvRule(error));
  } finally {
    parser.destroy();
  }
  if (findings.hasFaults()) return;
  if (header === undefined) findings.fault(1, null, null, 'a header with the names of the columns');
  else if (row === 1) findings.fault(2, null, null, 'at least one row below the header');
  if (ready.length > 0) yield ready;
}

function checkedRow(
  header: FocusHeader,
  cells: readonly string[],
  row: number,
  findings: FocusFindings,
): FocusRow {
  const values = cells.map(cellValue);
  header.columns.forEach((column, index) => {
    if (column === undefined) return;
    const value = values[index] ?? null;
    if (value === null) {
      if (cells[index] === 'NULL') findings.note('null_as_text', null);
      if (column.nulls === 'refused')
        findings.fault(row, column.name, null, 'a value, which this column must have,');
      if (column.nulls === 'noted') findings.note('null_in_mandatory_column', column.name);
      return;
    }
    const reading = readCell(value, column.type);
    if (!reading.isGood) findings.fault(row, column.name, value, reading.allowed);
    else if (reading.note !== undefined) findings.note(reading.note, column.name);
  });
  return {
    row,
    header,
    get(column) {
      const index = header.positions.get(column);
      return index === undefined ? null : (values[index] ?? null);
    },
    *entries() {
      for (const [index, value] of values.entries()) {
        if (value !== null) yield [header.columns[index]?.name ?? header.names[index] ?? '', value];
      }
    },
  };
}

/** Waits until a chunk's records are read; the next chunk comes only then. */
function parsed(parser: Parser, chunk: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    parser.write(Buffer.from(chunk), (failure) => (failure ? reject(failure) : resolve()));
  });
}

/** What PostgreSQL can't hold is no text: another encoding than UTF-8, and NUL. The parser itself would mend it silently. */
async function* utf8Only(
  body: AsyncIterable<Uint8Array>,
  findings: FocusFindings,
  row: () => number,
): AsyncGenerator<Uint8Array> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  for await (const chunk of body) {
    const isText = !chunk.includes(0) && canDecode(() => decoder.decode(chunk, { stream: true }));
    if (!isText) {
      findings.fault(row() + 1, null, null, 'text in UTF-8 without NUL, from about this row on,');
      return;
    }
    yield chunk;
  }
  if (!canDecode(() => decoder.decode())) {
    findings.fault(row() + 1, null, null, 'text in UTF-8 that does not break off');
  }
}

function canDecode(decode: () => string): boolean {
  try {
    decode();
    return true;
  } catch {
    return false;
  }
}

function csvRule(error: CsvError): string {
  if (error.code === 'CSV_QUOTE_NOT_CLOSED') return 'a closing quote for each opening one';
  if (error.code === 'CSV_MAX_RECORD_SIZE') return `a row of at most ${longestRecord} bytes`;
  return 'CSV: quotes around a whole cell, doubled inside,';
}
