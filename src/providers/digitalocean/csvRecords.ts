import { isAscii, isUtf8 } from 'node:buffer';
import { CsvError } from 'csv-parse';
import { parse } from 'csv-parse/sync';

/** The most bytes that the cells of one record may have together. */
export const longestRecord = 65_536;

/** A longer line is read cell by cell with every check; no cell of a shorter one can be too long. */
const longestPlainLine = 4096;
/** Within this a record of the greatest length fits, whatever is doubled in it; what is longer is not waited for. */
const longestWait = 4 * longestRecord;
const newline = 10;
const carriageReturn = 13;
const quote = 34;

export interface CsvReceiver {
  /** Takes each record with the line of the file on which it starts, 1-based. Cells that are texts are known to be UTF-8. */
  readonly onRecord: (cells: readonly (string | Buffer)[], line: number) => void;
  /** What is thrown for a record that csv-parse refuses, which starts on that line. */
  readonly refusal: (failure: CsvError, line: number) => Error;
}

export interface CsvRecords {
  /** Reads the records that this chunk completes. */
  readonly write: (chunk: Uint8Array) => void;
  /** Reads what stands behind the last line break. */
  readonly end: () => void;
}

/**
 * Splits a CSV file into records while it arrives. A line without a quote is cells with commas between them, so it is split as
 * text, several times as fast as by a parser; lines with quotes, whose cells may hold commas and line breaks, go to csv-parse,
 * and so do bytes that are not plainly UTF-8. Blank lines are no records.
 */
export function createCsvRecords({ onRecord, refusal }: CsvReceiver): CsvRecords {
  let rest: Buffer = Buffer.alloc(0);
  let line = 1;

  function parseRecords(bytes: Buffer): void {
    let nextLine = line;
    let emptyBefore = 0;
    try {
      parse(bytes, {
        // Cells stay bytes, so that each can be told to be UTF-8 or not.
        encoding: null,
        record_delimiter: ['\r\n', '\n'],
        // The number of columns is judged by who knows the header.
        relax_column_count: true,
        skip_empty_lines: true,
        max_record_size: longestRecord,
        on_record: (record: readonly unknown[], { empty_lines: emptyLines }) => {
          const cells = record.filter(Buffer.isBuffer);
          nextLine += emptyLines - emptyBefore;
          emptyBefore = emptyLines;
          const start = nextLine;
          nextLine += 1 + cells.reduce((count, cell) => count + lineBreaksIn(cell), 0);
          onRecord(cells, start);
          return null;
        },
      });
    } catch (failure) {
      if (!(failure instanceof CsvError)) throw failure;
      const emptyLines = typeof failure['empty_lines'] === 'number' ? failure['empty_lines'] : 0;
      throw refusal(failure, nextLine + emptyLines - emptyBefore);
    }
    line += lineBreaksIn(bytes);
  }

  function readRecords(bytes: Buffer): void {
    if (!isUtf8(bytes) || bytes.includes(0)) {
      parseRecords(bytes);
      return;
    }
    const encoding = isAscii(bytes) ? 'latin1' : 'utf8';
    const text = bytes.toString(encoding);
    let nextQuote = indexFrom(text, '"', 0);
    for (let at = 0; at < text.length; ) {
      const end = indexFrom(text, '\n', at);
      if (nextQuote > end && end - at <= longestPlainLine) {
        const record = text.slice(at, text.charCodeAt(end - 1) === carriageReturn ? end - 1 : end);
        if (record !== '') onRecord(record.split(','), line);
        line += 1;
        at = end + 1;
      } else {
        const plain = endOfQuotedLines(text, at);
        parseRecords(Buffer.from(text.slice(at, plain), encoding));
        at = plain;
        nextQuote = indexFrom(text, '"', at);
      }
    }
  }

  return {
    write(chunk) {
      const bytes = rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([rest, chunk]);
      const whole = lengthOfWholeRecords(bytes);
      const ready = bytes.length - whole > longestWait ? bytes.length : whole;
      readRecords(bytes.subarray(0, ready));
      rest = bytes.subarray(ready);
    },
    end() {
      readRecords(rest);
    },
  };
}

/** How many bytes there are up to the last line break that stands in no quotes. */
function lengthOfWholeRecords(bytes: Buffer): number {
  if (!bytes.includes(quote)) return bytes.lastIndexOf(newline) + 1;
  let length = 0;
  let isQuoted = false;
  for (let at = 0; at < bytes.length; at += 1) {
    if (bytes[at] === quote) isQuoted = !isQuoted;
    else if (bytes[at] === newline && !isQuoted) length = at + 1;
  }
  return length;
}

/** Where the first line begins, after the one that begins at `from`, that stands in no quotes and holds none. */
function endOfQuotedLines(text: string, from: number): number {
  let isQuoted = false;
  for (let at = from; at < text.length; ) {
    const end = indexFrom(text, '\n', at);
    const holdsQuote = indexFrom(text, '"', at) < end;
    if (at > from && !isQuoted && !holdsQuote) return at;
    for (let place = indexFrom(text, '"', at); place < end; place = indexFrom(text, '"', place + 1)) {
      isQuoted = !isQuoted;
    }
    at = end + 1;
  }
  return text.length;
}

/** Where the text stands next, or the end. */
function indexFrom(text: string, wanted: string, from: number): number {
  const index = text.indexOf(wanted, from);
  return index === -1 ? text.length : index;
}

function lineBreaksIn(bytes: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(newline); at !== -1; at = bytes.indexOf(newline, at + 1)) count += 1;
  return count;
}
