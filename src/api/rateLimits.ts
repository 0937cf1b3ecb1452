import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { Problem } from './problems.ts';
import type { ApiContext, ApiMiddleware } from './requestState.ts';

export interface RateLimits {
  readonly byAddress: ApiMiddleware;
  readonly bySubject: ApiMiddleware;
}

/** Limits for one process: so many requests a minute for each address, and the same again for each token's subject. */
export function createRateLimits(perMinute: number): RateLimits {
  return {
    byAddress: limit(perMinute, (ctx) => ctx.ip),
    bySubject: limit(perMinute, (ctx) => ctx.state.caller?.subject ?? ''),
  };
}

function limit(perMinute: number, keyOf: (ctx: ApiContext) => string): ApiMiddleware {
  const limiter = new RateLimiterMemory({ points: perMinute, duration: 60 });
  return async (ctx, next) => {
    try {
      await limiter.consume(keyOf(ctx));
    } catch (refusal) {
      if (!(refusal instanceof RateLimiterRes)) throw refusal;
      const seconds = Math.max(1, Math.ceil(refusal.msBeforeNext / 1000));
      throw new Problem(429, 'rate_limited', `more than ${perMinute} requests in a minute`, {
        headers: { 'Retry-After': String(seconds) },
      });
    }
    await next();
  };
}
