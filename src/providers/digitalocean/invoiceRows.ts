import type { Decimal } from '../../domain/money.ts';
import type { ProviderCostLine } from '../provider.ts';
import { InvalidInvoiceDocument } from '../providerErrors.ts';
import { currency } from './billing.ts';
import { classify } from './classify.ts';
import { type InvoiceHeader, type KnownColumn, readHeader } from './invoiceHeader.ts';
import {
  badValue,
  type Place,
  readAmount,
  readEnd,
  readHours,
  readInstant,
  readText,
  remembering,
} from './invoiceValues.ts';

/** Turns a file's records, in their order, into cost lines, and knows at which line of the file it is. */
export interface InvoiceRows {
  /**
   * @param cells bytes, or texts that are known to be UTF-8 of a fitting length
   * @param line of the file on which the record starts, 1-based
   * @returns the cost line, or null for the header
   * @throws InvalidInvoiceDocument
   */
  readonly read: (cells: readonly (string | Buffer)[], line: number) => ProviderCostLine | null;
  /** To be called after the last record. @throws InvalidInvoiceDocument where the file is empty or was cut off */
  readonly finish: () => void;
  /** The name of a column by its index, once the header is read. */
  readonly columnAt: (index: number) => string | undefined;
}

/** Thousands of lines name the same instants, hours and amounts. */
interface Readers {
  readonly start: (text: string, place: Place) => Date;
  readonly end: (text: string, place: Place) => Date;
  readonly amount: (text: string, place: Place) => Decimal;
  readonly hours: (text: string, place: Place) => Decimal | null;
}

export function createInvoiceRows(): InvoiceRows {
  let header: InvoiceHeader | undefined;
  let lineNumber = 0;
  const readers: Readers = {
    start: remembering(readInstant),
    end: remembering(readEnd),
    amount: remembering(readAmount),
    hours: remembering(readHours),
  };
  let shortRow: number | undefined;

  return {
    read(cells, line) {
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
      return toCostLine(header, readers, cells, line, lineNumber);
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
    columnAt: (index) => header?.names[index],
  };
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
  readers: Readers,
  cells: readonly (string | Buffer)[],
  line: number,
  lineNumber: number,
): ProviderCostLine {
  const texts = cells.map((cell, index) =>
    typeof cell === 'string' ? cell : readText(cell, { line, column: header.names[index] ?? '' }),
  );
  const { positions } = header;
  const textAt = (column: KnownColumn) => texts[positions[column]] ?? '';
  const placeOf = (column: KnownColumn) => ({ line, column: header.names[positions[column]] ?? column });

  const product = textAt('product');
  if (product.trim() === '') {
    throw badValue(placeOf('product'), 'it is blank, and every line has a product');
  }
  const chargeStart = readers.start(textAt('start'), placeOf('start'));
  const chargeEnd = readers.end(textAt('end'), placeOf('end'));
  if (chargeEnd < chargeStart) throw badValue(placeOf('end'), 'it lies before the start of the charge');

  const claims = {
    product,
    groupDescription: textAt('group_description'),
    description: textAt('description'),
    category: textAt('category') || null,
    billedCost: readers.amount(textAt('USD'), placeOf('USD')),
  };
  return {
    lineNumber,
    ...claims,
    ...classify(claims),
    hours: readers.hours(textAt('hours'), placeOf('hours')),
    chargeStart,
    chargeEnd,
    currency,
    projectName: textAt('project_name') || null,
    extra: Object.fromEntries(header.unknown.map((index) => [header.names[index] ?? '', texts[index] ?? ''])),
  };
}
