import type { Day } from '../../domain/calendar.ts';
import { ArcadiaError } from '../../domain/errors.ts';

/** A rate as a central bank states it: units of `toCurrency` for one of `fromCurrency`. Nothing is inverted, and no cross rate derived. */
export interface PublishedRate {
  readonly fromCurrency: string;
  readonly toCurrency: string;
  /** A decimal string, digit for digit as published. */
  readonly rate: string;
  readonly effectiveFrom: Day;
}

/** A central bank that publishes exchange rates as a file. */
export interface CentralBank {
  readonly name: 'ecb' | 'rba';
  /** Where its current file is. */
  readonly address: string;
  /** @throws CentralBankError `rates_unreadable`, naming the row and the column */
  readonly parse: (text: string) => PublishedRate[];
}

/**
 * `rates_unavailable` (network, time-out, 429, 5xx) passes; `rates_refused` (another status, a redirect, an address that is not one of
 * the central banks), `rates_too_large` and `rates_unreadable` need somebody.
 */
export class CentralBankError extends ArcadiaError {}

const publishedRate = /^\d{1,10}(?:\.\d{1,12})?$/;

/** @throws CentralBankError `rates_unreadable` for what is no number above 0 */
export function readPublishedRate(text: string, place: string): string {
  if (!publishedRate.test(text) || !/[1-9]/.test(text)) {
    throw unreadable(`${place} is ${JSON.stringify(text)}, expected a number above 0 of at most 12 decimals`);
  }
  return text;
}

/** @throws CentralBankError `rates_unreadable` for what is no day of the calendar; @param month counted from 1 */
export function readDay(year: string, month: number, day: string, place: string): Day {
  const written = `${year}-${String(month).padStart(2, '0')}-${day.padStart(2, '0')}`;
  const parsed = new Date(`${written}T00:00:00Z`);
  if (Number.isNaN(parsed.getTime()) || parsed.toISOString().slice(0, 10) !== written) {
    throw unreadable(`${place} is no day of the calendar: ${written}`);
  }
  return written;
}

export const unreadable = (what: string): CentralBankError =>
  new CentralBankError('rates_unreadable', `the file of rates can't be read: ${what}`);
