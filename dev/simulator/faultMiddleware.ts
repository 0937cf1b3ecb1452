import { setTimeout as sleep } from 'node:timers/promises';
import type { Middleware } from 'koa';
import { centsOf, usdOf } from './cents.ts';
import type { FaultRule, Faults } from './faults.ts';
import { Problem } from './problem.ts';
import type { Context, RequestState } from './state.ts';

const htmlPage =
  '<!DOCTYPE html><html><head><title>Just a moment...</title></head><body>Checking</body></html>\n';

const refusals = { 403: 'forbidden', 409: 'conflict', 422: 'unprocessable_entity' } as const;

/** Applies the faults on demand: before the routes, after them on their answer, or instead of them. */
export function faultMiddleware(faults: Faults): Middleware<RequestState> {
  return async (ctx, next) => {
    const rule = faults.take({ method: ctx.method, path: ctx.path, body: ctx.request.body });
    if (rule === undefined) return next();
    const { fault } = rule;
    switch (fault.kind) {
      case 'rate_limit':
        ctx.set('retry-after', String(fault.retryAfterSeconds));
        throw new Problem(429, 'too_many_requests', 'API rate limit exceeded.');
      case 'server_error':
        throw new Problem(fault.status, 'server_error', 'Unexpected server-side error');
      case 'stall':
        if (fault.ms === undefined) return leaveUnanswered(ctx);
        await sleep(fault.ms, undefined, { ref: false });
        return next();
      case 'hold':
        await faults.removed(rule);
        return next();
      case 'reset':
        return cutConnection(ctx);
      case 'html_page':
        ctx.type = 'text/html';
        ctx.body = htmlPage;
        return;
      case 'lost_answer':
        await next();
        return cutConnection(ctx);
      case 'refuse':
        throw new Problem(fault.status, refusals[fault.status], fault.message);
      case 'action_errors':
        ctx.state.ending = 'errors';
        return next();
      case 'action_lies':
        ctx.state.ending = 'lies';
        return next();
      case 'action_hangs':
        if (fault.ms === undefined) ctx.state.ending = 'hangs';
        else ctx.state.actionMilliseconds = fault.ms;
        return next();
      case 'partial_listing':
        ctx.state.missing = fault.missing;
        return next();
      case 'shifting_pages':
        ctx.state.hidesFirst = hidesFirst(ctx, rule, fault.change);
        return next();
      case 'empty':
        await next();
        return replaceBody(ctx, '');
      case 'truncated_csv':
        await next();
        return replaceBody(ctx, truncatedRow(String(ctx.body), fault.keepBytes));
      case 'truncated_json':
        await next();
        return replaceBody(ctx, halfOf(JSON.stringify(ctx.body)));
      case 'items_disagree':
        await next();
        ctx.body = withFirstItemChanged(ctx.body, centsOf(fault.delta));
        return;
      case 'summary_disagrees':
        await next();
        ctx.body = withAmountChanged(ctx.body, centsOf(fault.delta));
        return;
    }
  };
}

/** Keeps the connection open and silent; closing the simulator ends it. */
function leaveUnanswered(ctx: Context): void {
  ctx.respond = false;
}

function cutConnection(ctx: Context): void {
  ctx.respond = false;
  ctx.req.socket.destroy();
}

/** Another body under the content type that the route had set. */
function replaceBody(ctx: Context, body: string): void {
  const type = ctx.response.get('content-type') || 'application/json; charset=utf-8';
  ctx.body = body;
  ctx.set('content-type', type);
}

/** Cut well inside, and never at the end of a row: a reader that checks nothing would lose lines silently. */
function truncatedRow(csv: string, keepBytes: number | undefined): string {
  const bytes = Buffer.from(csv);
  if (keepBytes !== undefined) return bytes.subarray(0, keepBytes).toString();
  const half = halfOf(csv);
  const lastComma = half.lastIndexOf(',');
  return half.slice(0, lastComma);
}

function halfOf(text: string): string {
  return text.slice(0, Math.ceil(text.length / 2));
}

/**
 * `insert` holds the first entry back until page 1 was answered; `remove` leaves it off from then on. The rule's own
 * hit count is 1 on the first request that it sees.
 */
function hidesFirst(ctx: Context, rule: FaultRule, change: 'remove' | 'insert'): boolean {
  const isFirstRead = rule.hits === 1;
  if (isFirstRead && (ctx.query['page'] ?? '1') !== '1') {
    rule.hits = 0;
    return false;
  }
  return change === 'insert' ? isFirstRead : !isFirstRead;
}

function withFirstItemChanged(body: unknown, deltaCents: number): unknown {
  if (!isObject(body) || !Array.isArray(body['invoice_items'])) return body;
  const [first, ...rest]: unknown[] = body['invoice_items'];
  return { ...body, invoice_items: [withAmountChanged(first, deltaCents), ...rest] };
}

function withAmountChanged(body: unknown, deltaCents: number): unknown {
  if (!isObject(body) || typeof body['amount'] !== 'string') return body;
  return { ...body, amount: usdOf(centsOf(body['amount']) + deltaCents) };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
