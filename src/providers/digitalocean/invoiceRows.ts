import type { ProviderCostLine } from '../provider.ts';
import { InvalidInvoiceDocument } from '../providerErrors.ts';
import { currency } from './billing.ts';
import { classify } from './classify.ts';
import { type InvoiceHeader, type KnownColumn, readHeader } from './invoiceHeader.ts';
import { badValue, readAmount, readEnd, readHours, readInstant, readText } from './invoiceValues.ts';

/** Turns a file's records, in their order, into cost lines, and knows at which line of the file it is. */
export interface InvoiceRows {
  /**
   * @param emptyLines how many blank lines the file had up to here
   * @returns the cost line, or null for the header
   * @throws InvalidInvoiceDocument
   */
  readonly read: (cells: readonly Buffer[], emptyLines: number) => ProviderCostLine | null;
  /** To be called after the last record. @throws InvalidInvoiceDocument where the file is empty or was cut off */
  readonly finish: () => void;
  /** The line on which the record after the last one that was read starts. */
  readonly nextLine: (emptyLines: number) => number;
  /** The name of a column by its index, once the header is read. */
  readonly columnAt: (index: number) => string | undefined;
}

export function createInvoiceRows(): InvoiceRows {
  let header: InvoiceHeader | undefined;
  let lastLine = 0;
  let emptyBefore = 0;
  let lineNumber = 0;
  let shortRow: number | undefined;

  const nextLine = (emptyLines: number) => lastLine + 1 + emptyLines - emptyBefore;

  return {
    read(cells, emptyLines) {
      const line = nextLine(emptyLines);
      emptyBefore = emptyLines;
      lastLine = line + cells.reduce((count, cell) => count + lineBreaksIn(cell), 0);
      // A short row at the very end is a file that was cut off; one before is a bad row. Only the next row tells.
      if (shortRow !== undefined) throw wrongLength(shortRow, 'fewer');
      if (header === undefined) {
        header = readHeader(cells, line);
        return null;
      }
      if (cells.length > header.names.length) throw wrongLength(line, 'more');
      if (cells.length < header.names.length) {
        shortRow = line;
        return null;
      }
      lineNumber += 1;
      return toCostLine(header, cells, line, lineNumber);
    },
    finish() {
      if (shortRow !== undefined) {
        throw new InvalidInvoiceDocument(
          'invoice_truncated',
          `line ${shortRow} of the invoice, the last one, breaks off before its last column`,
          { line: shortRow },
        );
      }
      if (header === undefined) {
        throw new InvalidInvoiceDocument('invoice_empty', 'the invoice is an empty file');
      }
      if (lineNumber === 0) {
        throw new InvalidInvoiceDocument(
          'invoice_header_only',
          'the invoice has a header and no lines below it',
        );
      }
    },
    nextLine,
    columnAt: (index) => header?.names[index],
  };
}

function lineBreaksIn(cell: Buffer): number {
  let count = 0;
  for (let at = cell.indexOf(10); at !== -1; at = cell.indexOf(10, at + 1)) count += 1;
  return count;
}

function wrongLength(line: number, comparison: 'fewer' | 'more'): InvalidInvoiceDocument {
  return new InvalidInvoiceDocument(
    'invoice_bad_row',
    `line ${line} of the invoice has ${comparison} columns than the header`,
    { line },
  );
}

function toCostLine(
  header: InvoiceHeader,
  cells: readonly Buffer[],
  line: number,
  lineNumber: number,
): ProviderCostLine {
  const texts = cells.map((cell, index) => readText(cell, { line, column: header.names[index] ?? '' }));
  const at = (column: KnownColumn) => {
    const index = header.positions.get(column);
    const name = index === undefined ? column : (header.names[index] ?? column);
    return { text: index === undefined ? '' : (texts[index] ?? ''), place: { line, column: name } };
  };
  const read = <T>(
    column: KnownColumn,
    reader: (text: string, place: { line: number; column: string }) => T,
  ) => {
    const { text, place } = at(column);
    return reader(text, place);
  };

  const product = read('product', (text, place) => {
    if (text.trim() === '') throw badValue(place, 'it is blank, and every line has a product');
    return text;
  });
  const chargeStart = read('start', readInstant);
  const chargeEnd = read('end', readEnd);
  if (chargeEnd < chargeStart) throw badValue(at('end').place, 'it lies before the start of the charge');

  const known = new Set(header.positions.values());
  const claims = {
    product,
    groupDescription: at('group_description').text,
    description: at('description').text,
    category: at('category').text || null,
    billedCost: read('USD', readAmount),
  };
  return {
    lineNumber,
    ...claims,
    ...classify(claims),
    hours: read('hours', readHours),
    chargeStart,
    chargeEnd,
    currency,
    projectName: at('project_name').text || null,
    extra: Object.fromEntries(
      header.names.flatMap((name, index) => (known.has(index) ? [] : [[name, texts[index] ?? '']])),
    ),
  };
}
