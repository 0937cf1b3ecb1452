import { bodyParser } from '@koa/bodyparser';
import { Problem } from './problems.ts';
import type { ApiMiddleware } from './requestState.ts';

/** The most that a request's body may hold, in bytes. */
const largestBody = 256 * 1024;
const json = /^application\/json(?:\s*;\s*charset="?utf-8"?)?\s*$/i;

/** Refuses by its headers what could not be read: anything but plain, uncompressed JSON of at most 256 kB. */
export const checkBodyHeaders: ApiMiddleware = (ctx, next) => {
  const hasBody = ctx.headers['transfer-encoding'] !== undefined || (ctx.request.length ?? 0) > 0;
  if (!hasBody) return next();
  const encoding = ctx.get('content-encoding');
  if (encoding !== '' && encoding.toLowerCase() !== 'identity') {
    throw new Problem(415, 'unsupported_content_encoding', 'the body must not be compressed');
  }
  if (!json.test(ctx.get('content-type'))) {
    throw new Problem(415, 'unsupported_media_type', 'the body must be application/json in UTF-8');
  }
  if ((ctx.request.length ?? 0) > largestBody) {
    throw new Problem(413, 'body_too_large', 'the body is larger than 256 kB');
  }
  return next();
};

/** Reads the body into `request.body`; its text stays in `request.rawBody`. */
export const readBody: ApiMiddleware = bodyParser({
  enableTypes: ['json'],
  jsonLimit: largestBody,
  jsonStrict: true,
});
