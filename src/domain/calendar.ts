import { Temporal } from 'temporal-polyfill';
import type { Period } from './period.ts';

/** A UTC day: `2026-04-30`. Days compare as text. */
export type Day = string;

const dayMs = 86_400_000;

/** How many days a month has. */
export function daysOfPeriod(period: Period): number {
  const start = startOf(period);
  return new Date(Date.UTC(start.getUTCFullYear(), start.getUTCMonth() + 1, 0)).getUTCDate();
}

/** The day `days` later; negative numbers go back. */
export function addDays(day: Day, days: number): Day {
  return dayText(new Date(startOf(day).getTime() + days * dayMs));
}

/** The days of `[from, until)`; negative where `until` is earlier. */
export function daysBetween(from: Day, until: Day): number {
  return (startOf(until).getTime() - startOf(from).getTime()) / dayMs;
}

/** The UTC day that an instant (RFC 3339, any zone) lies in; midnight belongs to the day that it begins. */
export function dayOf(instant: string): Day {
  return dayText(new Date(instant));
}

/** The period that a day lies in. */
export function periodOf(day: Day): Period {
  return `${day.slice(0, 7)}-01`;
}

/** Every day of a month, in order. */
export function daysIn(period: Period): Day[] {
  const month = period.slice(0, 8);
  return Array.from(
    { length: daysOfPeriod(period) },
    (_, index) => `${month}${String(index + 1).padStart(2, '0')}`,
  );
}

/** Whether one instant (RFC 3339, any zone) is at or before the other. */
export function isAtOrBefore(instant: string, other: string): boolean {
  return Temporal.Instant.compare(instant, other) <= 0;
}

/**
 * A day's first instant. UTC days all have 24 hours, so that a `Date` does; pricing a month asks some ten times for each tenant, and
 * Temporal would take ten times as long. @throws RangeError where it is no day
 */
function startOf(day: Day): Date {
  const start = new Date(`${day}T00:00:00Z`);
  // `Date` takes 2026-02-30 for a day in March.
  if (dayText(start) !== day) throw new RangeError(`"${day}" is not a day`);
  return start;
}

/** @throws RangeError where the date is invalid */
const dayText = (date: Date): Day => date.toISOString().slice(0, 10);
