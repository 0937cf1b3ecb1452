import { finished } from 'node:stream/promises';
import { CsvError, type Parser, parse } from 'csv-parse';
import type { ProviderCostLine } from '../provider.ts';
import { InvalidInvoiceDocument } from '../providerErrors.ts';
import { createInvoiceRows, type InvoiceRows } from './invoiceRows.ts';

export interface InvoiceCsvOptions {
  /** What the answer says it is; anything but CSV in UTF-8 is refused. */
  readonly contentType: string | null;
  /** Lines in a batch; 1,000 unless given. */
  readonly batchSize?: number;
}

const longestRecord = 65_536;

/**
 * Reads an invoice's CSV while it arrives, in bounded memory: columns by name, in any order; unknown ones are kept. A
 * file that was cut between two lines looks whole from here; the reconciliation with the invoice's amount finds it.
 * @throws InvalidInvoiceDocument with the line and column at fault; whatever the body raises, as it is
 */
export async function* readInvoiceCsv(
  body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  { contentType, batchSize = 1000 }: InvoiceCsvOptions,
): AsyncGenerator<ProviderCostLine[]> {
  requireCsv(contentType);
  const rows = createInvoiceRows();
  const ready: ProviderCostLine[] = [];
  const parser = parse({
    // Cells stay bytes, so that each can be told to be UTF-8 or not.
    encoding: null,
    record_delimiter: ['\r\n', '\n'],
    // The number of columns is judged by rows, which know the line and whether it is the last.
    relax_column_count: true,
    skip_empty_lines: true,
    max_record_size: longestRecord,
    on_record: (cells: readonly unknown[], { empty_lines: emptyLines }) => {
      const line = rows.read(cells.filter(Buffer.isBuffer), emptyLines);
      if (line !== null) ready.push(line);
      // Nothing is left for the parser's own output: its types know text cells only.
      return null;
    },
  });
  // Each failure reaches us by its own call; the event itself must only have a listener.
  parser.on('error', () => {});
  try {
    for await (const chunk of textOf(body)) {
      await parsed(parser, chunk);
      while (ready.length >= batchSize) yield ready.splice(0, batchSize);
    }
    parser.end();
    await finished(parser, { readable: false });
  } catch (failure) {
    throw failure instanceof CsvError ? faultOf(failure, rows) : failure;
  } finally {
    parser.destroy();
  }
  rows.finish();
  while (ready.length > 0) yield ready.splice(0, batchSize);
}

/** Waits until a chunk's records are read; the next chunk comes only then. */
function parsed(parser: Parser, chunk: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    parser.write(chunk, (failure) => (failure ? reject(failure) : resolve()));
  });
}

function requireCsv(contentType: string | null): void {
  const [type = '', ...parameters] = (contentType ?? '').toLowerCase().split(';');
  const charset = parameters.map((text) => /^\s*charset="?([^"\s]+)"?\s*$/.exec(text)?.[1]).find(Boolean);
  const isCsv = ['text/csv', 'application/csv'].includes(type.trim());
  if (!isCsv || !['utf-8', 'utf8', 'us-ascii'].includes(charset ?? 'utf-8')) {
    throw notCsv(`the answer is of type "${contentType ?? 'none'}", and an invoice is text/csv in UTF-8`);
  }
}

/** The body without its byte order mark; refuses what is plainly no CSV before a parser makes rows of it. */
async function* textOf(body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): AsyncGenerator<Buffer> {
  let start = Buffer.alloc(0);
  let isChecked = false;
  for await (const chunk of body) {
    if (isChecked) {
      yield Buffer.from(chunk);
      continue;
    }
    start = Buffer.concat([start, chunk]);
    if (start.length < 64) continue;
    isChecked = true;
    yield checkedStart(start);
  }
  if (!isChecked && start.length > 0) yield checkedStart(start);
}

function checkedStart(start: Buffer): Buffer {
  const mark = start.subarray(0, 2).toString('hex');
  if (mark === 'fffe' || mark === 'feff') throw notCsv('the document is UTF-16, and an invoice is UTF-8');
  const text = start.subarray(0, 3).toString('hex') === 'efbbbf' ? start.subarray(3) : start;
  if (/^\s*[<{[]/.test(text.toString('latin1'))) {
    throw notCsv('the document is HTML, XML or JSON, and an invoice is CSV');
  }
  return text;
}

function notCsv(sentence: string): InvalidInvoiceDocument {
  return new InvalidInvoiceDocument('invoice_not_csv', sentence);
}

/** What the CSV parser refuses, in our words and with the file's own line. */
function faultOf(failure: CsvError, rows: InvoiceRows): InvalidInvoiceDocument {
  const line = rows.nextLine(typeof failure['empty_lines'] === 'number' ? failure['empty_lines'] : 0);
  const column = typeof failure['index'] === 'number' ? rows.columnAt(failure['index']) : undefined;
  const context = column === undefined ? { line } : { line, column };
  const place = column === undefined ? `line ${line}` : `line ${line}, column "${column}"`;
  if (failure.code === 'CSV_QUOTE_NOT_CLOSED') {
    const sentence = `${place} of the invoice: a quote is opened and the file ends before it is closed`;
    return new InvalidInvoiceDocument('invoice_truncated', sentence, context);
  }
  if (failure.code === 'CSV_MAX_RECORD_SIZE') {
    const sentence = `${place} of the invoice: the record is longer than ${longestRecord} bytes`;
    return new InvalidInvoiceDocument('invoice_bad_value', sentence, context);
  }
  const sentence = `${place} of the invoice: a quote stands where none may stand`;
  return new InvalidInvoiceDocument('invoice_bad_row', sentence, context);
}
