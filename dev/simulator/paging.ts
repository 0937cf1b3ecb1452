import { unprocessable } from './problem.ts';
import type { Context } from './state.ts';

/** The provider's links name its own host, whatever host was asked: a client must page by number. */
export const providerHost = 'https://api.digitalocean.com';
const defaultPerPage = 20;
const maximumPerPage = 200;

/** One page of a list under `key`, with `links` and `meta.total`, as `?page` and `?per_page` ask for. */
export function listAnswer(ctx: Context, key: string, all: readonly unknown[]): object {
  const perPage = queryInteger(ctx, 'per_page', defaultPerPage);
  const page = queryInteger(ctx, 'page', 1);
  if (perPage > maximumPerPage) {
    throw unprocessable(`per_page must be between 1 and ${maximumPerPage}, not ${perPage}.`);
  }
  const entries = ctx.state.hidesFirst ? all.slice(1) : all;
  const shown = entries.slice((page - 1) * perPage, page * perPage);
  const missing = ctx.state.missing ?? 0;
  return {
    [key]: missing > 0 ? shown.slice(0, -missing) : shown,
    links: pageLinks(ctx, page, perPage, Math.ceil(entries.length / perPage)),
    meta: { total: entries.length },
  };
}

/** The query value as a positive integer, or the default where it is absent. */
export function queryInteger(ctx: Context, name: string, fallback: number): number {
  const value = ctx.query[name];
  if (value === undefined) return fallback;
  if (typeof value !== 'string' || !/^[1-9]\d{0,8}$/.test(value)) {
    throw unprocessable(`${name} must be a positive integer, not "${String(value)}".`);
  }
  return Number(value);
}

function pageLinks(ctx: Context, page: number, perPage: number, lastPage: number): object {
  const link = (number: number) => {
    const query = new URLSearchParams(ctx.querystring);
    query.set('page', String(number));
    query.set('per_page', String(perPage));
    return `${providerHost}${ctx.path}?${query}`;
  };
  const back = page > 1 ? { first: link(1), prev: link(page - 1) } : {};
  const forward = page < lastPage ? { next: link(page + 1), last: link(lastPage) } : {};
  const pages = { ...back, ...forward };
  return Object.keys(pages).length > 0 ? { pages } : {};
}
