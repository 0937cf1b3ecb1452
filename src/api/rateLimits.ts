import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import type { ApiConfig } from '../config.ts';
import { Problem } from './problems.ts';
import type { ApiContext, ApiMiddleware } from './requestState.ts';

export interface RateLimits {
  readonly byAddress: ApiMiddleware;
  readonly bySubject: ApiMiddleware;
}

/**
 * Limits for one process: so many requests a minute for each address, and the same again for each token's subject. What comes
 * to one of the `webhooks` is counted by itself, against a limit of its own.
 */
export function createRateLimits(config: ApiConfig, webhooks: ReadonlySet<string>): RateLimits {
  const address = (ctx: ApiContext) => ctx.ip;
  const subject = (ctx: ApiContext) => ctx.state.caller?.subject ?? '';
  const byKind = (keyOf: (ctx: ApiContext) => string): ApiMiddleware => {
    const others = limit(config.RATE_LIMIT_PER_MINUTE, keyOf);
    const integrations = limit(config.INTEGRATION_RATE_LIMIT_PER_MINUTE, keyOf);
    return (ctx, next) => (webhooks.has(ctx.path) ? integrations : others)(ctx, next);
  };
  return { byAddress: byKind(address), bySubject: byKind(subject) };
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
