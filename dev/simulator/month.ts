const hourMilliseconds = 3_600_000;

/** A calendar month in UTC with the arithmetic that invoice lines need. `end` is excluded. */
export interface Month {
  readonly period: string;
  readonly start: Date;
  readonly end: Date;
  readonly hours: number;
}

/** The month named `YYYY-MM`. */
export function monthOf(period: string): Month {
  const start = new Date(`${period}-01T00:00:00Z`);
  const end = new Date(start);
  end.setUTCMonth(end.getUTCMonth() + 1);
  return { period, start, end, hours: hoursBetween(start, end) };
}

/** Whole hours from one instant to another, a started hour counted. */
export function hoursBetween(from: Date, to: Date): number {
  return Math.ceil((to.getTime() - from.getTime()) / hourMilliseconds);
}

/** The instant that lies `hours` after `from`. */
export function hoursAfter(from: Date, hours: number): Date {
  return new Date(from.getTime() + hours * hourMilliseconds);
}

/** The later of two instants. */
export function laterOf(one: Date, other: Date): Date {
  return new Date(Math.max(one.getTime(), other.getTime()));
}

/** `YYYY-MM-DD HH:MM:SS +0000`, the form of the invoice CSV. */
export function csvTime(instant: Date): string {
  return instant
    .toISOString()
    .replace('T', ' ')
    .replace(/\.\d{3}Z$/, ' +0000');
}
