import { Decimal } from '../money.ts';
import type { ColumnType } from './columns.ts';

/** How a cell reads. `note` names what the specification does not say and is accepted all the same. */
export type Reading =
  | { readonly isGood: true; readonly note?: string }
  | { readonly isGood: false; readonly allowed: string };

const good: Reading = { isGood: true };
const bad = (allowed: string): Reading => ({ isGood: false, allowed });
const noted = (note: string): Reading => ({ isGood: true, note });

/** The text of a cell, or null: an empty cell and the text `NULL` are both null. */
export function cellValue(cell: string): string | null {
  return cell === '' || cell === 'NULL' ? null : cell;
}

/** Whether a value is what its column may hold. */
export function readCell(value: string, type: ColumnType): Reading {
  switch (type) {
    case 'text':
      return good;
    case 'decimal':
      return readDecimalForm(value);
    case 'money':
      return readMoneyForm(value);
    case 'instant':
      return readInstantForm(value);
    case 'currency':
      return /^[A-Z]{3}$/.test(value) ? good : bad('an ISO 4217 code of three capital letters, like USD,');
    case 'json':
      return isJsonObject(value) ? good : bad('a JSON object');
    default:
      return readListed(value, type);
  }
}

/** The listed value that a text is, whatever its case; the text itself where none is. */
export function listedValue(value: string, list: readonly string[]): string {
  return list.find((known) => known.toLowerCase() === value.toLowerCase()) ?? value;
}

function readListed(
  value: string,
  type: { readonly oneOf: readonly string[]; readonly open?: true },
): Reading {
  if (type.oneOf.includes(value)) return good;
  if (type.oneOf.includes(listedValue(value, type.oneOf))) return noted('value_in_other_case');
  if (type.open === true) return noted('value_not_listed');
  return bad(type.oneOf.length === 1 ? `null or ${type.oneOf[0]}` : `one of ${type.oneOf.join(', ')}`);
}

const decimalForm = /^-?(?:\d+(?:\.\d+)?|\.\d+)(?:([eE])-?\d{1,3})?$/;
const decimalAllowed = 'a decimal like -12.5 or 35.2E-7, without a plus sign, separator or currency sign,';

function readDecimalForm(value: string): Reading {
  const form = decimalForm.exec(value);
  if (form === null) return bad(decimalAllowed);
  return form[1] === 'e' ? noted('exponent_in_lower_case') : good;
}

/** So many digits that the sum of a million of them is still exact in `Decimal`. */
const mostWholeDigits = 14;
const mostPlaces = 20;

function readMoneyForm(value: string): Reading {
  const reading = readDecimalForm(value);
  if (!reading.isGood) return reading;
  const amount = new Decimal(value);
  const isExact = amount.decimalPlaces() <= mostPlaces && amount.abs().lessThan(`1e${mostWholeDigits}`);
  return isExact
    ? reading
    : bad(`at most ${mostWholeDigits} digits before and ${mostPlaces} after the decimal point`);
}

const instantForm =
  /^(\d{4}-\d{2}-\d{2})(?:([T ])(\d{2}:\d{2})(:\d{2})?(?:\.\d{1,9})?)?(Z| ?UTC| ?\+00(?::?00)?)?$/;

function readInstantForm(value: string): Reading {
  const form = instantForm.exec(value);
  if (form === null || toInstant(value) === null) {
    return bad('a time in UTC like 2026-04-01T00:00:00Z');
  }
  const isAsSpecified = form[2] === 'T' && form[4] !== undefined && form[5] === 'Z';
  return isAsSpecified ? good : noted(form[5] === undefined ? 'time_without_zone' : 'time_in_other_form');
}

/** The instant that a cell names: UTC where it names no zone. Null where it is none, as on the 30th of February. */
export function toInstant(value: string): Date | null {
  const form = instantForm.exec(value);
  if (form === null) return null;
  const [, date = '', , time = '00:00', seconds = ':00'] = form;
  const instant = new Date(`${date}T${time}${seconds}Z`);
  if (Number.isNaN(instant.getTime())) return null;
  // A day or an hour that is none is taken as the next one.
  return instant.toISOString().startsWith(`${date}T${time}${seconds}`) ? instant : null;
}

function isJsonObject(value: string): boolean {
  try {
    const parsed: unknown = JSON.parse(value);
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed);
  } catch {
    return false;
  }
}
