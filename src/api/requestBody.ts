import { bodyParser } from '@koa/bodyparser';
import { Problem } from './problems.ts';
import type { ApiContext, ApiMiddleware } from './requestState.ts';

/** The most that a request's body may hold, in bytes. */
export const largestBody = 256 * 1024;
const json = /^application\/json(?:\s*;\s*charset="?utf-8"?)?\s*$/i;

/** Refuses by its headers what could not be read: anything but plain, uncompressed JSON of at most 256 kB. */
export const checkBodyHeaders =
  (uploads: ReadonlySet<string>): ApiMiddleware =>
  (ctx, next) => {
    // A file's own limits are its route's to check, once it is known who sends it.
    if (ctx.method !== 'POST' || !uploads.has(ctx.path)) checkJsonHeaders(ctx);
    return next();
  };

/** Refuses by its headers a file that a route does not take: by its type, or larger than `bytes`. */
export const checkFileHeaders =
  (contentTypes: readonly string[], bytes: number): ApiMiddleware =>
  (ctx, next) => {
    refuseEncoding(ctx);
    const [type = ''] = ctx.get('content-type').toLowerCase().split(';');
    if (!contentTypes.includes(type.trim())) {
      throw new Problem(415, 'unsupported_media_type', `the body must be ${contentTypes.join(' or ')}`);
    }
    if ((ctx.request.length ?? 0) > bytes) throw fileTooLarge(bytes);
    return next();
  };

/** 413 for a file; the connection is of no more use, since the rest of it was not read. */
export const fileTooLarge = (bytes: number) =>
  new Problem(413, 'body_too_large', `the file is larger than ${bytes} bytes`, {
    headers: { Connection: 'close' },
  });

function checkJsonHeaders(ctx: ApiContext): void {
  const hasBody = ctx.headers['transfer-encoding'] !== undefined || (ctx.request.length ?? 0) > 0;
  if (!hasBody) return;
  refuseEncoding(ctx);
  if (!json.test(ctx.get('content-type'))) {
    throw new Problem(415, 'unsupported_media_type', 'the body must be application/json in UTF-8');
  }
  if ((ctx.request.length ?? 0) > largestBody) {
    throw new Problem(413, 'body_too_large', 'the body is larger than 256 kB');
  }
}

function refuseEncoding(ctx: ApiContext): void {
  const encoding = ctx.get('content-encoding');
  if (encoding !== '' && encoding.toLowerCase() !== 'identity') {
    throw new Problem(415, 'unsupported_content_encoding', 'the body must not be compressed on its way');
  }
}

/** Reads the body into `request.body`; its text stays in `request.rawBody`. */
export const readBody: ApiMiddleware = bodyParser({
  enableTypes: ['json'],
  jsonLimit: largestBody,
  jsonStrict: true,
});
