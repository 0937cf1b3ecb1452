import type { Day } from '../../domain/calendar.ts';
import {
  type CentralBank,
  type PublishedRate,
  readDay,
  readPublishedRate,
  unreadable,
} from './centralBank.ts';
import { parseTable } from './parseTable.ts';

const months = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
];

/** What the bank writes where it states no rate of a day. */
const noRate: ReadonlySet<string> = new Set(['', 'N/A', 'NaN']);

/**
 * The euro foreign exchange reference rates of the European Central Bank: what one euro is worth. It reads what `eurofxref.zip` and
 * `eurofxref-hist.zip` hold (a column for each currency), and the CSV of the data API (a row for each), which comes without a ZIP.
 */
export const ecb: CentralBank = {
  name: 'ecb',
  address: 'https://data-api.ecb.europa.eu/service/data/EXR/D..EUR.SP00.A?format=csvdata&lastNObservations=1',
  parse(text) {
    const [header = [], ...rows] = parseTable(text);
    if (header[0] === 'Date') return readColumns(header, rows);
    if (header[0] === 'KEY') return readObservations(header, rows);
    throw unreadable(`its first column is ${JSON.stringify(header[0] ?? '')}, expected Date or KEY`);
  },
};

function readColumns(header: readonly string[], rows: readonly (readonly string[])[]): PublishedRate[] {
  const currencies = header.map((name, index) => {
    if (index > 0 && name !== '' && !/^[A-Z]{3}$/.test(name)) {
      throw unreadable(`the column ${JSON.stringify(name)} is no currency`);
    }
    return name;
  });
  return rows.flatMap((row, index) => {
    const effectiveFrom = readDate(row[0] ?? '', `the date of row ${index + 1}`);
    return currencies.flatMap((toCurrency, column) => {
      const value = row[column] ?? '';
      if (column === 0 || toCurrency === '' || noRate.has(value)) return [];
      const rate = readPublishedRate(value, `${toCurrency} of ${effectiveFrom}`);
      return [{ fromCurrency: 'EUR', toCurrency, rate, effectiveFrom }];
    });
  });
}

/** `26 September 2026` in the daily file, `2026-09-26` in the historical one. */
function readDate(text: string, place: string): Day {
  const [, day, name, year] = /^(\d{1,2}) ([A-Z][a-z]+) (\d{4})$/.exec(text) ?? [];
  if (day !== undefined && name !== undefined && year !== undefined && months.includes(name)) {
    return readDay(year, months.indexOf(name) + 1, day, place);
  }
  return readIsoDay(text, place);
}

function readIsoDay(text: string, place: string): Day {
  const [, year, month, day] = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text) ?? [];
  if (year === undefined || month === undefined || day === undefined) {
    throw unreadable(
      `${place} is ${JSON.stringify(text)}, expected a day like 26 September 2026 or 2026-09-26`,
    );
  }
  return readDay(year, Number(month), day, place);
}

function readObservations(header: readonly string[], rows: readonly (readonly string[])[]): PublishedRate[] {
  const columnOf = (name: string) => {
    const column = header.indexOf(name);
    if (column === -1) throw unreadable(`it has no column ${name}`);
    return column;
  };
  const [frequency, currency, denominator, type, day, value] = [
    'FREQ',
    'CURRENCY',
    'CURRENCY_DENOM',
    'EXR_TYPE',
    'TIME_PERIOD',
    'OBS_VALUE',
  ].map(columnOf) as [number, number, number, number, number, number];
  return rows.flatMap((row, index) => {
    const place = `row ${index + 1}`;
    if (row[frequency] !== 'D' || row[denominator] !== 'EUR' || row[type] !== 'SP00') {
      throw unreadable(`${place} is no daily reference rate of the euro`);
    }
    const toCurrency = row[currency] ?? '';
    if (!/^[A-Z]{3}$/.test(toCurrency)) throw unreadable(`${place} names no currency`);
    if (noRate.has(row[value] ?? '')) return [];
    const effectiveFrom = readIsoDay(row[day] ?? '', `the day of ${place}`);
    const rate = readPublishedRate(row[value] ?? '', `${toCurrency} of ${effectiveFrom}`);
    return [{ fromCurrency: 'EUR', toCurrency, rate, effectiveFrom }];
  });
}
