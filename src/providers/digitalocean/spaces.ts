import { ListBucketsCommand, S3Client, S3ServiceException } from '@aws-sdk/client-s3';
import type { ProviderResource } from '../provider.ts';
import { ProviderError } from '../providerErrors.ts';
import { allowedSpacesAddress } from './address.ts';
import { currency } from './billing.ts';
import { badAnswer, errorOfAnswer, errorOfTransport } from './httpErrors.ts';

/** Buckets are listed over S3, with a key of their own: the API's token can't. */
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

/**
 * Lists the buckets of every region that is named. A project names a bucket by its bare name, so that is its id; where
 * two regions hold buckets of the same name, the later region's id is `name@region`.
 * @throws ProviderError `provider_address_refused` where an address isn't on the list
 */
export function createBucketLister(spaces: SpacesOptions, limits: SpacesLimits): BucketLister {
  const { accessKeyId, secretAccessKey } = spaces;
  const clients = spaces.regions.map((region) => ({
    region,
    s3: new S3Client({
      endpoint: allowedSpacesAddress(
        spaces.endpointTemplate.replace('{region}', region),
        limits.allowLoopback,
      ),
      // Spaces takes the region from the address; the signature wants this one whatever the region.
      region: 'us-east-1',
      forcePathStyle: true,
      credentials: { accessKeyId, secretAccessKey },
      // Retrying is the caller's, by the typed error.
      maxAttempts: 1,
    }),
  }));

  return async (signal) => {
    const found = new Map<string, ProviderResource>();
    for (const { region, s3 } of clients) {
      for (const bucket of await listBuckets(s3, region, secretAccessKey, limits.timeoutMs, signal)) {
        const externalId = found.has(bucket.name) ? `${bucket.name}@${region}` : bucket.name;
        found.set(externalId, {
          kind: 'spaces_bucket',
          externalId,
          name: bucket.name,
          region,
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
  };
}

async function listBuckets(
  s3: S3Client,
  region: string,
  secret: string,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<{ name: string; createdAt: Date | null }[]> {
  const what = `the buckets of ${region}`;
  const timeout = AbortSignal.timeout(timeoutMs);
  const abortSignal = signal === undefined ? timeout : AbortSignal.any([signal, timeout]);
  const buckets: { name: string; createdAt: Date | null }[] = [];
  let token: string | undefined;
  try {
    do {
      const command = new ListBucketsCommand(token === undefined ? {} : { ContinuationToken: token });
      const answer = await s3.send(command, { abortSignal });
      for (const { Name: name, CreationDate: createdAt } of answer.Buckets ?? []) {
        if (name === undefined) throw badAnswer(what, 'a bucket has no name');
        buckets.push({ name, createdAt: createdAt ?? null });
      }
      // The same token again would be a loop.
      token = answer.ContinuationToken === token ? undefined : answer.ContinuationToken;
    } while (token !== undefined);
    return buckets;
  } catch (failure) {
    if (failure instanceof ProviderError) throw failure;
    signal?.throwIfAborted();
    throw translated(what, timeout.aborted ? { code: 'ETIMEDOUT' } : failure, secret);
  }
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
