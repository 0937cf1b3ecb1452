import { ArcadiaError } from './errors.ts';

/** A calendar month in UTC, half-open, named by its first day: `2026-04-01`. */
export type Period = string;

export class InvalidPeriod extends ArcadiaError {
  constructor(text: string) {
    super('invalid_period', `"${text}" is not a period: expected the first day of a month, like 2026-04-01`, {
      context: { value: text },
    });
  }
}

const firstDay = /^(\d{4})-(0[1-9]|1[0-2])-01$/;
const month = /^(\d{4})-(0[1-9]|1[0-2])$/;

/** @throws InvalidPeriod for anything but the first day of a month */
export function parsePeriod(text: string): Period {
  if (!firstDay.test(text)) throw new InvalidPeriod(text);
  return text;
}

/** Turns `2026-04`, as providers name a month, into the period `2026-04-01`. @throws InvalidPeriod */
export function periodOfMonth(text: string): Period {
  if (!month.test(text)) throw new InvalidPeriod(text);
  return `${text}-01`;
}

/** The period after this one. */
export function nextPeriod(period: Period): Period {
  return shiftPeriod(period, 1);
}

/** The period `months` later; negative numbers go back. */
export function shiftPeriod(period: Period, months: number): Period {
  const parts = firstDay.exec(period);
  if (parts === null) throw new InvalidPeriod(period);
  const index = Number(parts[1]) * 12 + Number(parts[2]) - 1 + months;
  const year = Math.floor(index / 12);
  return `${String(year).padStart(4, '0')}-${String((index % 12) + 1).padStart(2, '0')}-01`;
}

/** The half-open interval of a period as instants: start included, end excluded. */
export function periodBounds(period: Period): { start: Date; end: Date } {
  return { start: new Date(`${period}T00:00:00Z`), end: new Date(`${nextPeriod(period)}T00:00:00Z`) };
}
