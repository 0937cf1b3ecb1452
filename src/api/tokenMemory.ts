import { hash } from 'node:crypto';
import type { Caller } from './requestState.ts';

/** The most tokens that are remembered; the one that was remembered first is forgotten first. */
const mostTokens = 1_000;
/** After that a token is verified again, in milliseconds. */
const longestMemory = 60_000;

interface Remembered {
  readonly caller: Caller;
  /** Milliseconds since 1970. */
  readonly until: number;
}

/** Callers by the header that proved who they are: to verify the same token for each of a thousand requests a second proves nothing new. */
export interface TokenMemory {
  /** Who it is, where this very header was verified lately and has not expired. */
  recall(header: string, now: number): Caller | undefined;
  /** @param expiresAt when the token is not good any more, in milliseconds since 1970 */
  remember(header: string, caller: Caller, expiresAt: number, now: number): void;
}

/** Keeps digests: who reads this process's memory finds no token in it. */
export function createTokenMemory(): TokenMemory {
  const known = new Map<string, Remembered>();
  return {
    recall(header, now) {
      const found = known.get(hash('sha256', header));
      return found !== undefined && now < found.until ? found.caller : undefined;
    },
    remember(header, caller, expiresAt, now) {
      const key = hash('sha256', header);
      known.delete(key);
      const [oldest] = known.keys();
      if (known.size >= mostTokens && oldest !== undefined) known.delete(oldest);
      known.set(key, { caller, until: Math.min(expiresAt, now + longestMemory) });
    },
  };
}
