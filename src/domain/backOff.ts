const firstSeconds = 5;
const longestSeconds = 3600;

/**
 * How long to wait after so many tries that came to nothing: 5 seconds, then twice as long each time, an hour at most.
 * @param asked what the other side asked for, which is never undercut
 */
export function backOffSeconds(tries: number, asked?: number): number {
  const waited = Math.min(longestSeconds, firstSeconds * 2 ** Math.min(tries - 1, 20));
  return Math.max(waited, asked ?? 0);
}
