/**
 * The share of a month's fee that falls on some of its days, in whole cents, rounded once, half up, away from zero. Whole-number
 * arithmetic, so it is exact for every amount that a number of cents can hold.
 * @param days at most `monthDays`
 */
export function prorateCents(fullCents: number, days: number, monthDays: number): number {
  const doubled = 2n * BigInt(fullCents) * BigInt(days);
  const half = BigInt(fullCents < 0 ? -monthDays : monthDays);
  return Number((doubled + half) / (2n * BigInt(monthDays)));
}
