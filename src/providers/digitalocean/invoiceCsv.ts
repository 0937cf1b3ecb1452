import type { CsvError } from 'csv-parse';
import type { ProviderCostLine } from '../provider.ts';
import { InvalidInvoiceDocument } from '../providerErrors.ts';
import { createCsvRecords, longestRecord } from './csvRecords.ts';
import { createInvoiceRows, type InvoiceRows } from './invoiceRows.ts';

export interface InvoiceCsvOptions {
  /** What the answer says it is; anything but CSV in UTF-8 is refused. */
  readonly contentType: string | null;
  /** Lines in a batch; 1,000 unless given. */
  readonly batchSize?: number;
}

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
  const records = createCsvRecords({
    onRecord(cells, line) {
      const costLine = rows.read(cells, line);
      if (costLine !== null) ready.push(costLine);
    },
    refusal: (failure, line) => refusedRecord(failure, line, rows),
  });
  for await (const chunk of textOf(body)) {
    records.write(chunk);
    while (ready.length >= batchSize) yield ready.splice(0, batchSize);
  }
  records.end();
  rows.finish();
  while (ready.length > 0) yield ready.splice(0, batchSize);
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
async function* textOf(body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let start = Buffer.alloc(0);
  let isChecked = false;
  for await (const chunk of body) {
    if (isChecked) {
      yield chunk;
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
function refusedRecord(failure: CsvError, line: number, rows: InvoiceRows): InvalidInvoiceDocument {
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
