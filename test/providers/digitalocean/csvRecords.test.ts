import { describe, expect, it } from '@jest/globals';
import { CsvError } from 'csv-parse';
import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { createCsvRecords } from '../../../src/providers/digitalocean/csvRecords.ts';

/** Everything that a quote, a separator or a line break can do, in all orders. */
const wild = fc
  .array(fc.constantFrom('a', 'é€🙂', '"', '""', ',', '\n', '\r\n', '\r', ' ', '\uFEFF', 'longer text'), {
    maxLength: 60,
  })
  .map((parts) => parts.join(''));

/** Files that csv-parse accepts: some cells quoted, with anything in them. */
const sound = fc
  .array(
    fc.array(
      fc.oneof(
        fc.constantFrom('', 'plain', 'two words', '12.50', 'ünïcode 🙂'),
        fc
          .constantFrom('a,b', 'say "hi"', 'two\nlines', 'two\r\nlines', '')
          .map((text) => `"${text.replaceAll('"', '""')}"`),
      ),
      { minLength: 1, maxLength: 4 },
    ),
    { maxLength: 40 },
  )
  .map((rows) => rows.map((row) => row.join(',')).join('\n'));

describe('createCsvRecords', () => {
  it('reads every file as csv-parse reads it, or refuses it as csv-parse does, wherever the chunks are cut', () => {
    fc.assert(
      fc.property(fc.oneof(wild, sound), fc.integer({ min: 1, max: 50 }), (file, size) => {
        expect(read(file, size)).toEqual(readByParser(file));
      }),
      { numRuns: 2_000 },
    );
  });

  it('says on which line each record starts, behind blank lines and cells of several lines', () => {
    const starts: number[] = [];
    const records = createCsvRecords({
      onRecord: (_, line) => starts.push(line),
      refusal: (failure) => failure,
    });
    records.write(Buffer.from('a,b\n\n"two\nlines",b\n\r\nplain,b\n"q",b\n\n"x\n\ny",b\nlast,b'));
    records.end();
    expect(starts).toEqual([1, 3, 6, 7, 9, 12]);
  });

  it('cuts a chunk of many records nowhere but between them', () => {
    const lines = Array.from(
      { length: 50_000 },
      (_, index) => `${index},"a ""name"" of ${index}",plain text\n`,
    );
    expect(read(lines.join(''), 10_000_000)).toHaveLength(50_000);
  });

  it('does not wait for the end of a quote that is open longer than a record may be', () => {
    const records = createCsvRecords({ onRecord: () => undefined, refusal: (failure) => failure });
    const chunk = Buffer.from(`"${'x'.repeat(65_536)}`);
    expect(() => {
      records.write(chunk);
      for (let more = 0; more < 10; more += 1) records.write(Buffer.alloc(65_536, 'x'));
    }).toThrow(expect.objectContaining({ code: 'CSV_MAX_RECORD_SIZE' }));
  });
});

/** The cells of each record, or the code of the refusal. */
function read(file: string, size: number): string[][] | string {
  const found: string[][] = [];
  const records = createCsvRecords({
    onRecord: (cells) => found.push(cells.map((cell) => cell.toString())),
    refusal: (failure) => failure,
  });
  return orCode(() => {
    const bytes = Buffer.from(file);
    for (let at = 0; at < bytes.length; at += size) records.write(bytes.subarray(at, at + size));
    records.end();
    return found;
  });
}

function readByParser(file: string): string[][] | string {
  return orCode(() =>
    parse(file, { record_delimiter: ['\r\n', '\n'], relax_column_count: true, skip_empty_lines: true }),
  );
}

function orCode(work: () => string[][]): string[][] | string {
  try {
    return work();
  } catch (failure) {
    if (failure instanceof CsvError) return failure.code;
    throw failure;
  }
}
