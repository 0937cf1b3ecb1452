import { type CentralBank, readDay, readPublishedRate, unreadable } from './centralBank.ts';
import { parseTable } from './parseTable.ts';

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** A column beside the currencies: an index, and the unit of account of the IMF, which is no currency. */
const noCurrencies: ReadonlySet<string> = new Set(['SDR']);

/**
 * Table F11.1 of the Reserve Bank of Australia: what one Australian dollar is worth, by day. Rows of metadata come first, each with its
 * name in the first column; `Title` says of each column `A$1=USD`, and below `Series ID` there is a row for each day.
 */
export const rba: CentralBank = {
  name: 'rba',
  address: 'https://www.rba.gov.au/statistics/tables/csv/f11.1-data.csv',
  parse(text) {
    const rows = parseTable(text);
    const titles = rows.find(([name]) => name === 'Title');
    const lastOfHeader = rows.findIndex(([name]) => name === 'Series ID');
    if (titles === undefined || lastOfHeader === -1) {
      throw unreadable('it has no row Title or no row Series ID');
    }
    const currencies = titles.map((title) => {
      const [, currency] = /^A\$1=([A-Z]{3})$/.exec(title) ?? [];
      return currency === undefined || noCurrencies.has(currency) ? null : currency;
    });
    if (currencies.every((currency) => currency === null))
      throw unreadable('no column is titled like A$1=USD');
    return rows.slice(lastOfHeader + 1).flatMap((row, index) => {
      const place = `row ${index + 1} below Series ID`;
      const [, day, name = '', year] = /^(\d{1,2})-([A-Z][a-z]{2})-(\d{4})$/.exec(row[0] ?? '') ?? [];
      if (day === undefined || year === undefined || !months.includes(name)) {
        throw unreadable(
          `${place} begins with ${JSON.stringify(row[0] ?? '')}, expected a day like 03-Jan-2023`,
        );
      }
      const effectiveFrom = readDay(year, months.indexOf(name) + 1, day, place);
      return currencies.flatMap((toCurrency, column) => {
        const value = row[column] ?? '';
        if (toCurrency === null || value === '') return [];
        const rate = readPublishedRate(value, `${toCurrency} of ${effectiveFrom}`);
        return [{ fromCurrency: 'AUD', toCurrency, rate, effectiveFrom }];
      });
    });
  },
};
