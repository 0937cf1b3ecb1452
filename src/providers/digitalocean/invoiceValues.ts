import { isUtf8 } from 'node:buffer';
import { Decimal } from '../../domain/money.ts';
import { InvalidInvoiceDocument } from '../providerErrors.ts';

/** Where a cell stands: the file's line, 1-based, and the column's name as the header writes it. */
export interface Place {
  readonly line: number;
  readonly column: string;
}

const longestCell = 4096;
const instantForm = /^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2} \+0000$/;
// Fifteen digits before the point and ten behind it are far beyond any bill, and within every column of ours.
const amountForm = /^(?:(-)\$|\$(-)?)(\d{1,15}(?:\.\d{1,10})?)$/;
const hoursForm = /^\d{1,15}(?:\.\d{1,10})?$/;

/** The text of a cell. @throws InvalidInvoiceDocument for bytes that aren't UTF-8, NUL, or more than 4,096 characters */
export function readText(cell: Buffer, place: Place): string {
  if (!isUtf8(cell)) throw badValue(place, 'its bytes are not UTF-8');
  if (cell.includes(0)) throw badValue(place, 'it holds a NUL byte');
  const text = cell.toString('utf8');
  if (text.length > longestCell) throw badValue(place, `it is longer than ${longestCell} characters`);
  return text;
}

/** `$5.00`, `-$5.00` or `$-5.00`; anything else could be another amount than it looks. @throws InvalidInvoiceDocument */
export function readAmount(text: string, place: Place): Decimal {
  const [, before, after, digits] = amountForm.exec(text) ?? [];
  if (digits === undefined) {
    throw badValue(place, `${quoted(text)} is not an amount like $5.00, -$5.00 or $-5.00`);
  }
  const amount = new Decimal(digits);
  const isCredit = (before ?? after) === '-' && !amount.isZero();
  return isCredit ? amount.negated() : amount;
}

/** Hours, or null for a blank cell. @throws InvalidInvoiceDocument */
export function readHours(text: string, place: Place): Decimal | null {
  if (text.trim() === '') return null;
  if (!hoursForm.test(text)) throw badValue(place, `${quoted(text)} is not a number of hours like 720`);
  return new Decimal(text);
}

/** `2026-04-01 00:00:00 +0000`, a real date and time in UTC. @throws InvalidInvoiceDocument */
export function readInstant(text: string, place: Place): Date {
  if (instantForm.test(text)) {
    const instant = new Date(`${text.slice(0, 10)}T${text.slice(11, 19)}Z`);
    // 30 February becomes 2 March without a word, and the hour 24 the next day; only a real date keeps its day.
    if (instant.getUTCDate() === Number(text.slice(8, 10))) return instant;
  }
  throw badValue(place, `${quoted(text)} is not a date like 2026-04-01 00:00:00 +0000`);
}

/** The end of a charge, half-open: where the last second is named, the next one is the end. */
export function readEnd(text: string, place: Place): Date {
  const end = readInstant(text, place);
  return end.getUTCSeconds() === 59 ? new Date(end.getTime() + 1000) : end;
}

/**
 * A reader that reads each text once: thousands of lines name the same instants. Few are remembered, since a text may keep alive
 * the whole chunk that it was cut from.
 */
export function remembering<Value>(read: (text: string, place: Place) => Value) {
  const known = new Map<string, Value>();
  return (text: string, place: Place): Value => {
    const before = known.get(text);
    if (before !== undefined) return before;
    const value = read(text, place);
    if (known.size === 256) known.clear();
    known.set(text, value);
    return value;
  };
}

export function badValue({ line, column }: Place, detail: string): InvalidInvoiceDocument {
  return new InvalidInvoiceDocument(
    'invoice_bad_value',
    `line ${line}, column "${column}" of the invoice: ${detail}`,
    { line, column },
  );
}

function quoted(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}
