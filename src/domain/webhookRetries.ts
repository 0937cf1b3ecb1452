/** From one try to the next, in seconds: at once, then ever later, over a day. */
const delays = [5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 7 * 3600, 10 * 3600] as const;

/** How often a webhook is tried before it has failed. */
export const mostAttempts = delays.length + 1;

/** How long to wait after so many tries that came to nothing, in seconds; null after the last one. */
export function nextDeliveryDelay(attempts: number): number | null {
  return delays[attempts - 1] ?? null;
}
