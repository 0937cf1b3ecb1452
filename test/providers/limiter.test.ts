import { describe, expect, it } from '@jest/globals';
import { createMemoryLimiter, limiterKeyOf } from '../../src/providers/limiter.ts';
import { rejectionOf } from './digitalocean/answeringServer.ts';

const generous = { perMinute: 100, perHour: 100, key: 'account' };

describe('the limiter of requests', () => {
  it('lets exactly as many through as a minute allows', async () => {
    const limiter = createMemoryLimiter({ ...generous, perMinute: 3, longestWaitMs: 0 });
    const outcomes = await Promise.allSettled(Array.from({ length: 10 }, () => limiter.acquire()));
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(3);
  });

  it('lets exactly as many through as an hour allows', async () => {
    const limiter = createMemoryLimiter({ ...generous, perHour: 2, longestWaitMs: 0 });
    const outcomes = await Promise.allSettled(Array.from({ length: 10 }, () => limiter.acquire()));
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(2);
  });

  it('says how long until the next place where that is longer than it may wait', async () => {
    const limiter = createMemoryLimiter({ ...generous, perMinute: 1, longestWaitMs: 10 });
    await limiter.acquire();
    const error = await rejectionOf(limiter.acquire());
    expect(error).toMatchObject({ code: 'provider_rate_limited', retryable: true });
    expect(error).toHaveProperty('retryAfterSeconds', expect.any(Number));
    expect(error).toMatchObject({ retryAfterSeconds: 60 });
  });

  it('lets nobody through during a pause, and goes on after it', async () => {
    const limiter = createMemoryLimiter(generous);
    await limiter.pauseFor(1);
    const started = performance.now();
    await Promise.all([limiter.acquire(), limiter.acquire()]);
    expect(performance.now() - started).toBeGreaterThanOrEqual(950);
  });

  it('keeps a longer pause where a shorter one is asked for', async () => {
    const limiter = createMemoryLimiter({ ...generous, longestWaitMs: 0 });
    await limiter.pauseFor(60);
    await limiter.pauseFor(1);
    expect(await rejectionOf(limiter.acquire())).toMatchObject({ retryAfterSeconds: 60 });
  });

  it('takes a pause of zero seconds for none', async () => {
    const limiter = createMemoryLimiter({ ...generous, longestWaitMs: 0 });
    await limiter.pauseFor(0);
    await limiter.acquire();
    expect(await rejectionOf(limiter.pauseFor(1).then(() => limiter.acquire()))).toMatchObject({
      code: 'provider_rate_limited',
    });
  });

  it("ends a wait with the caller's own reason", async () => {
    const limiter = createMemoryLimiter(generous);
    await limiter.pauseFor(30);
    const reason = new Error('the worker stops');
    const controller = new AbortController();
    const waiting = limiter.acquire(controller.signal);
    setTimeout(() => controller.abort(reason), 20);
    expect(await rejectionOf(waiting)).toBe(reason);
  });

  it('names an account by a digest that does not give the token away', () => {
    const key = limiterKeyOf('dop_v1_secret');
    expect(key).toMatch(/^[0-9a-f]{32}$/);
    expect(limiterKeyOf('dop_v1_secret')).toBe(key);
    expect(limiterKeyOf('dop_v1_other')).not.toBe(key);
  });
});
