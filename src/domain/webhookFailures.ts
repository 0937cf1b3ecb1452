/** What some tries of one endpoint came to, and for how long it has taken nothing. */
export interface EndpointTries {
  /** How many were taken, and how many given up: those that are tried again are neither. */
  readonly delivered: number;
  readonly failed: number;
  /** Whether it answered 410. */
  readonly isGone: boolean;
  /** Since the first try that failed after the last one that was taken. */
  readonly failingForMs: number;
  readonly disableAfterDays: number;
}

const dayMs = 86_400_000;

/**
 * Why an endpoint is told no more, as Standard Webhooks recommends it; null where it is. A 410 disables it at once. So does a webhook that
 * is given up, where nothing was taken for days: one try that fails after days without any is no such sign.
 */
export function disablesEndpoint(tries: EndpointTries): 'gone' | 'failing' | null {
  if (tries.isGone) return 'gone';
  if (tries.delivered > 0 || tries.failed === 0) return null;
  return tries.failingForMs >= tries.disableAfterDays * dayMs ? 'failing' : null;
}
