import { Temporal } from 'temporal-polyfill';
import type { Period } from './period.ts';

/** A UTC day: `2026-04-30`. Days compare as text. */
export type Day = string;

/** How many days a month has. */
export function daysOfPeriod(period: Period): number {
  return Temporal.PlainDate.from(period).daysInMonth;
}

/** The day `days` later; negative numbers go back. */
export function addDays(day: Day, days: number): Day {
  return Temporal.PlainDate.from(day).add({ days }).toString();
}

/** The days of `[from, until)`; negative where `until` is earlier. */
export function daysBetween(from: Day, until: Day): number {
  return Temporal.PlainDate.from(from).until(until).days;
}

/** The UTC day that an instant (RFC 3339, any zone) lies in; midnight belongs to the day that it begins. */
export function dayOf(instant: string): Day {
  return new Date(instant).toISOString().slice(0, 10);
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
