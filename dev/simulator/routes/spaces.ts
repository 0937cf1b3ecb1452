import type { Router } from '@koa/router';
import type { Bucket } from '../account.ts';
import { queryInteger } from '../paging.ts';
import type { Context, RequestState, SimulatorState } from '../state.ts';

const namespace = 'http://s3.amazonaws.com/doc/2006-03-01/';

/**
 * The S3 side of Spaces, path-style, with one endpoint a region as the provider has: `/s3/<region>` lists that
 * region's buckets, `/s3/<region>/<bucket>` the objects of one (ListObjectsV2). The access key must be the
 * configured one; the signature itself is not checked.
 */
export function addSpacesRoutes(router: Router<RequestState>, state: SimulatorState): void {
  const { account } = state;
  const bucketsOf = (region: string | undefined) =>
    account.buckets.filter((bucket) => bucket.region === region);

  router.get('/s3/:region', (ctx) => {
    if (!hasKey(ctx, state)) return;
    const buckets = bucketsOf(ctx.params['region']).map(
      ({ name, createdAt }) =>
        `<Bucket><Name>${escapeXml(name)}</Name><CreationDate>${createdAt}</CreationDate></Bucket>`,
    );
    const owner = '<Owner><ID>6173678</ID><DisplayName>6173678</DisplayName></Owner>';
    answerXml(ctx, 200, 'ListAllMyBucketsResult', `${owner}<Buckets>${buckets.join('')}</Buckets>`);
  });

  router.get('/s3/:region/:bucket', (ctx) => {
    if (!hasKey(ctx, state)) return;
    const bucket = bucketsOf(ctx.params['region']).find(({ name }) => name === ctx.params['bucket']);
    if (bucket === undefined) {
      answerError(ctx, 404, 'NoSuchBucket', 'The specified bucket does not exist.');
      return;
    }
    answerXml(ctx, 200, 'ListBucketResult', objectList(ctx, bucket));
  });
}

/** Continuation tokens are the number of objects listed before. */
function objectList(ctx: Context, bucket: Bucket): string {
  const prefix = typeof ctx.query['prefix'] === 'string' ? ctx.query['prefix'] : '';
  const maximum = queryInteger(ctx, 'max-keys', 1000);
  const listedBefore = queryInteger(ctx, 'continuation-token', 0);
  const fitting = bucket.objects.filter((object) => object.key.startsWith(prefix));
  const shown = fitting.slice(listedBefore, listedBefore + maximum);
  const listed = listedBefore + shown.length;
  const isTruncated = listed < fitting.length;
  const contents = shown.map(
    ({ key, size, modifiedAt }) =>
      `<Contents><Key>${escapeXml(key)}</Key><LastModified>${modifiedAt}</LastModified>` +
      `<Size>${size}</Size><StorageClass>STANDARD</StorageClass></Contents>`,
  );
  const next = isTruncated ? `<NextContinuationToken>${listed}</NextContinuationToken>` : '';
  return (
    `<Name>${escapeXml(bucket.name)}</Name><Prefix>${escapeXml(prefix)}</Prefix>` +
    `<KeyCount>${shown.length}</KeyCount><MaxKeys>${maximum}</MaxKeys>` +
    `<IsTruncated>${isTruncated}</IsTruncated>${next}${contents.join('')}`
  );
}

function hasKey(ctx: Context, state: SimulatorState): boolean {
  const key = /Credential=([^/,\s]+)\//.exec(ctx.get('authorization'))?.[1];
  if (key === state.spacesKey) return true;
  answerError(ctx, 403, 'InvalidAccessKeyId', 'The access key does not exist in our records.');
  return false;
}

function answerError(ctx: Context, status: number, code: string, message: string): void {
  answerXml(ctx, status, 'Error', `<Code>${code}</Code><Message>${message}</Message>`);
}

function answerXml(ctx: Context, status: number, root: string, content: string): void {
  const attributes = root === 'Error' ? '' : ` xmlns="${namespace}"`;
  ctx.status = status;
  ctx.type = 'application/xml';
  ctx.body = `<?xml version="1.0" encoding="UTF-8"?>\n<${root}${attributes}>${content}</${root}>`;
}

function escapeXml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&apos;');
}
