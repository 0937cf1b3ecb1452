import { setTimeout as sleep } from 'node:timers/promises';
import type { Middleware } from 'koa';
import { settle } from './actions.ts';
import { notFound, Problem } from './problem.ts';
import type { RequestState, SimulatorState } from './state.ts';

const requestsAnHour = 5000;
const hourMilliseconds = 3_600_000;

/** Logs each request to the provider, also one that stays unanswered; not those to the controls. */
export function logRequests(state: SimulatorState): Middleware<RequestState> {
  return async (ctx, next) => {
    const { method, path, querystring: query } = ctx;
    if (path.startsWith('/_control/')) return next();
    const at = new Date().toISOString();
    await next();
    const status = ctx.respond === false ? 0 : ctx.status;
    state.requests.add({ at, method, path, query, status });
  };
}

/** Turns problems into the provider's error bodies; a path without a route is a 404 too. */
export const answerProblems: Middleware<RequestState> = async (ctx, next) => {
  try {
    await next();
    if (ctx.status === 404 && ctx.body === undefined && ctx.respond !== false) throw notFound();
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    ctx.status = error.status;
    ctx.body = { id: error.id, message: error.message, request_id: crypto.randomUUID() };
  }
};

/** The three headers of the hourly quota. They count, but nothing is refused: 429s come from the faults on demand. */
export function countQuota(): Middleware<RequestState> {
  let used = 0;
  let resetAt = 0;
  return (ctx, next) => {
    if (Date.now() >= resetAt) {
      used = 0;
      resetAt = Date.now() + hourMilliseconds;
    }
    used += 1;
    ctx.set('ratelimit-limit', String(requestsAnHour));
    ctx.set('ratelimit-remaining', String(Math.max(0, requestsAnHour - used)));
    ctx.set('ratelimit-reset', String(Math.floor(resetAt / 1000)));
    return next();
  };
}

export function requireToken(state: SimulatorState): Middleware<RequestState> {
  return (ctx, next) => {
    if (ctx.get('authorization') !== `Bearer ${state.token}`) {
      throw new Problem(401, 'unauthorized', 'Unable to authenticate you.');
    }
    return next();
  };
}

/** Lets everything happen that is due, so that every answer shows the account as it is now. */
export function settleBefore(state: SimulatorState): Middleware<RequestState> {
  return (_ctx, next) => {
    settle(state, new Date());
    return next();
  };
}

/** The configured delay, after the work was done and before the answer is sent. */
export function delayAnswers(state: SimulatorState): Middleware<RequestState> {
  return async (_ctx, next) => {
    try {
      await next();
    } finally {
      const { delayMilliseconds } = state.settings;
      if (delayMilliseconds > 0) await sleep(delayMilliseconds, undefined, { ref: false });
    }
  };
}
