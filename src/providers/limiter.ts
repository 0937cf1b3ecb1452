import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Pool } from 'pg';
import {
  type RateLimiterAbstract,
  RateLimiterMemory,
  RateLimiterPostgres,
  RateLimiterRes,
} from 'rate-limiter-flexible';
import { ProviderError } from './providerErrors.ts';

/** A turnstile in front of one provider account, shared by everybody who calls it with the same token. */
export interface ProviderLimiter {
  /**
   * Returns once the next request may go out, and counts it.
   * @throws ProviderError `provider_rate_limited` where no place comes free within the longest wait,
   *   `limiter_unavailable` where the shared store doesn't answer; the signal's reason where it aborts
   */
  readonly acquire: (signal?: AbortSignal) => Promise<void>;
  /** Lets nobody through for that many seconds; never shortens a pause that is already there. */
  readonly pauseFor: (seconds: number) => Promise<void>;
}

export interface LimiterRates {
  readonly perMinute: number;
  readonly perHour: number;
  /** Whose requests are counted together: `limiterKeyOf(token)`. */
  readonly key: string;
  /** The longest that one `acquire` waits, in milliseconds; 60,000 unless given. */
  readonly longestWaitMs?: number;
}

/** Names an account without giving its token away: the start of the token's SHA-256. */
export function limiterKeyOf(token: string): string {
  return createHash('sha256').update(token).digest('hex').slice(0, 32);
}

/**
 * The limiter of production: its counters are in PostgreSQL, so all workers share them. Our migration makes the table:
 * `key varchar(255) primary key, points integer not null default 0, expire bigint`, columns in this order, and the
 * application role needs SELECT, INSERT, UPDATE and DELETE on it.
 *
 * Windows are fixed, the provider's slide: around a boundary it may still answer 429, which `pauseFor` then handles.
 */
export function createPostgresLimiter(
  options: LimiterRates & { readonly pool: Pool; readonly tableName: string },
): ProviderLimiter {
  const shared = {
    storeClient: options.pool,
    storeType: 'pool',
    tableName: options.tableName,
    tableCreated: true,
  };
  return createLimiter(options, (window) => new RateLimiterPostgres({ ...shared, ...window }));
}

/** The same in this process's memory, for tests and for programs of one process. */
export function createMemoryLimiter(options: LimiterRates): ProviderLimiter {
  return createLimiter(options, (window) => new RateLimiterMemory(window));
}

interface Window {
  readonly keyPrefix: string;
  readonly points: number;
  /** Seconds. */
  readonly duration: number;
}

function createLimiter(rates: LimiterRates, open: (window: Window) => RateLimiterAbstract): ProviderLimiter {
  // The minute comes first: what it refuses must not use up the hour.
  const windows = [
    open({ keyPrefix: 'provider_minute', points: rates.perMinute, duration: 60 }),
    open({ keyPrefix: 'provider_hour', points: rates.perHour, duration: 3600 }),
  ];
  // A key of its own: blocking a window's key would end that window early, and its count with it.
  const pause = open({ keyPrefix: 'provider_pause', points: 1, duration: 1 });
  const { key, longestWaitMs = 60_000 } = rates;

  /** Milliseconds until the next try makes sense; 0 where the request was counted and may go. */
  async function tryOnce(): Promise<number> {
    const paused = (await asked(() => pause.get(key)))?.msBeforeNext ?? 0;
    if (paused > 0) return paused;
    for (const window of windows) {
      const refused = await asked(() => consume(window, key));
      if (refused !== null) return Math.max(refused.msBeforeNext, 1);
    }
    return 0;
  }

  return {
    async acquire(signal) {
      const deadline = Date.now() + longestWaitMs;
      for (;;) {
        signal?.throwIfAborted();
        const waitMs = await tryOnce();
        if (waitMs === 0) return;
        if (Date.now() + waitMs > deadline) throw noPlaceIn(waitMs);
        // Everybody who waits is woken by the same window; the spread keeps them from asking at once.
        const spreadMs = Math.random() * Math.min(waitMs, 250);
        await delay(waitMs + spreadMs, undefined, { signal }).catch(() => signal?.throwIfAborted());
      }
    },
    async pauseFor(seconds) {
      // Zero would mean for ever to the store.
      if (seconds <= 0) return;
      const current = await asked(() => pause.get(key));
      if ((current?.msBeforeNext ?? 0) >= seconds * 1000) return;
      await asked(() => pause.block(key, Math.ceil(seconds)));
    },
  };
}

/** Counts one request; null where it may go, else how long the window is closed. */
async function consume(window: RateLimiterAbstract, key: string): Promise<RateLimiterRes | null> {
  try {
    await window.consume(key);
    return null;
  } catch (refusal) {
    if (refusal instanceof RateLimiterRes) return refusal;
    throw refusal;
  }
}

async function asked<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (cause) {
    throw new ProviderError('limiter_unavailable', 'the store of the request limiter does not answer', {
      retryable: true,
      cause,
    });
  }
}

function noPlaceIn(waitMs: number): ProviderError {
  const seconds = Math.ceil(waitMs / 1000);
  return new ProviderError(
    'provider_rate_limited',
    `no request may go to the provider for another ${seconds} seconds`,
    { retryable: true, retryAfterSeconds: seconds, context: { waitSeconds: seconds } },
  );
}
