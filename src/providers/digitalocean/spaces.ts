import { ListBucketsCommand, ListObjectsV2Command, S3Client, S3ServiceException } from '@aws-sdk/client-s3';
import type { BucketUsage, Provider, ProviderResource } from '../provider.ts';
import { ProviderError } from '../providerErrors.ts';
import { allowedSpacesAddress } from './address.ts';
import { currency } from './billing.ts';
import { badAnswer, errorOfAnswer, errorOfTransport } from './httpErrors.ts';

/** Buckets are read over S3, with a key of their own: the API's token can't. */
export interface SpacesOptions {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Where each region answers: `https://{region}.digitaloceanspaces.com`. */
  readonly endpointTemplate: string;
  readonly regions: readonly string[];
}

export interface SpacesLimits {
  readonly timeoutMs: number;
  readonly allowLoopback: boolean;
}

export type BucketLister = (signal?: AbortSignal) => Promise<ProviderResource[]>;

/** Without a Spaces key the kind is unknown, which is not the same as no buckets. */
export const bucketsWithoutKey: BucketLister = () =>
  Promise.reject(
    new ProviderError(
      'spaces_not_configured',
      'Spaces buckets are listed with a Spaces key, and none is configured',
    ),
  );

/** What we read of Spaces. */
export interface Spaces {
  readonly listBuckets: BucketLister;
  readonly bucketUsage: NonNullable<Provider['bucketUsage']>;
}

/** @throws ProviderError `provider_address_refused` where an address isn't on the list */
export function openSpaces(options: SpacesOptions, limits: SpacesLimits): Spaces {
  const regions = options.regions.map((region) => openRegion(region, options, limits));
  return {
    listBuckets: (signal) => listBuckets(regions, signal),
    bucketUsage: ({ name, region }, after, signal) => {
      const found = regions.find((candidate) => candidate.name === region);
      if (found === undefined) {
        throw new ProviderError(
          'spaces_not_configured',
          `bucket ${name} is in ${region}, which is none of the regions that are configured`,
        );
      }
      return addUp(found, name, after, signal);
    },
  };
}

/** One region's endpoint. */
interface Region {
  readonly name: string;
  /** Calls it; what goes wrong comes out as a ProviderError that names `what`. */
  readonly call: <Answer>(
    what: string,
    signal: AbortSignal | undefined,
    send: (s3: S3Client, options: { abortSignal: AbortSignal }) => Promise<Answer>,
  ) => Promise<Answer>;
}

function openRegion(name: string, options: SpacesOptions, limits: SpacesLimits): Region {
  const { accessKeyId, secretAccessKey } = options;
  const s3 = new S3Client({
    endpoint: allowedSpacesAddress(options.endpointTemplate.replace('{region}', name), limits.allowLoopback),
    // Spaces takes the region from the address; the signature wants this one whatever the region.
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId, secretAccessKey },
    // Retrying is the caller's, by the typed error.
    maxAttempts: 1,
  });
  return {
    name,
    async call(what, signal, send) {
      const timeout = AbortSignal.timeout(limits.timeoutMs);
      const abortSignal = signal === undefined ? timeout : AbortSignal.any([signal, timeout]);
      try {
        return await send(s3, { abortSignal });
      } catch (failure) {
        signal?.throwIfAborted();
        throw translated(what, timeout.aborted ? { code: 'ETIMEDOUT' } : failure, secretAccessKey);
      }
    },
  };
}

/**
 * Lists the buckets of every region that is named. A project names a bucket by its bare name, so that is its id; where
 * two regions hold buckets of the same name, the later region's id is `name@region`.
 */
async function listBuckets(
  regions: readonly Region[],
  signal: AbortSignal | undefined,
): Promise<ProviderResource[]> {
  const found = new Map<string, ProviderResource>();
  for (const region of regions) {
    for (const bucket of await bucketsOf(region, signal)) {
      const externalId = found.has(bucket.name) ? `${bucket.name}@${region.name}` : bucket.name;
      found.set(externalId, {
        kind: 'spaces_bucket',
        externalId,
        name: bucket.name,
        region: region.name,
        sizeSlug: null,
        status: null,
        createdAt: bucket.createdAt,
        tags: [],
        priceMonthly: null,
        currency,
        attributes: {},
      });
    }
  }
  return [...found.values()];
}

async function bucketsOf(
  region: Region,
  signal: AbortSignal | undefined,
): Promise<{ name: string; createdAt: Date | null }[]> {
  const what = `the buckets of ${region.name}`;
  const buckets: { name: string; createdAt: Date | null }[] = [];
  let token: string | undefined;
  do {
    const command = new ListBucketsCommand(token === undefined ? {} : { ContinuationToken: token });
    const answer = await region.call(what, signal, (s3, options) => s3.send(command, options));
    // The SDK reads any page as an answer without buckets; a real one has a list, which may be empty.
    if (answer.Buckets === undefined) throw badAnswer(what, 'it is no list of buckets');
    for (const { Name: name, CreationDate: createdAt } of answer.Buckets) {
      if (name === undefined) throw badAnswer(what, 'a bucket has no name');
      buckets.push({ name, createdAt: createdAt ?? null });
    }
    // The same token again would be a loop.
    token = answer.ContinuationToken === token ? undefined : answer.ContinuationToken;
  } while (token !== undefined);
  return buckets;
}

/**
 * Adds up the objects as they are listed, page by page. Earlier versions of objects and unfinished uploads are in no listing, so
 * they are in no sum.
 */
async function* addUp(
  region: Region,
  bucket: string,
  after: BucketUsage | null,
  signal: AbortSignal | undefined,
): AsyncGenerator<BucketUsage> {
  const what = `the objects of bucket ${bucket}`;
  let usage: BucketUsage = after ?? { objects: 0, bytes: 0n, continuationToken: null };
  do {
    const { continuationToken } = usage;
    const command = new ListObjectsV2Command({
      Bucket: bucket,
      ...(continuationToken === null ? {} : { ContinuationToken: continuationToken }),
    });
    const answer = await region.call(what, signal, (s3, options) => s3.send(command, options));
    const contents = answer.Contents ?? [];
    // The SDK reads any page as an answer without objects; a real one says whether it goes on, and how many there are.
    if (answer.IsTruncated === undefined || (answer.KeyCount ?? contents.length) !== contents.length) {
      throw badAnswer(what, 'it is no list of objects');
    }
    let { objects, bytes } = usage;
    for (const { Size: size } of contents) {
      if (size === undefined || !Number.isSafeInteger(size) || size < 0) {
        throw badAnswer(what, 'an object has no size');
      }
      objects += 1;
      bytes += BigInt(size);
    }
    const next = answer.NextContinuationToken ?? null;
    if (answer.IsTruncated && (next === null || next === continuationToken)) {
      throw badAnswer(what, 'it is cut off, and no token leads on');
    }
    usage = { objects, bytes, continuationToken: answer.IsTruncated ? next : null };
    yield usage;
  } while (usage.continuationToken !== null);
}

function translated(what: string, failure: unknown, secret: string): ProviderError {
  if (failure instanceof S3ServiceException) {
    const status = failure.$metadata.httpStatusCode;
    if (status !== undefined && status >= 300) {
      const body = JSON.stringify({ message: failure.name });
      return errorOfAnswer({ what, status, headers: new Headers(), body, token: secret });
    }
    return badAnswer(what, failure.name);
  }
  return errorOfTransport(what, failure);
}
