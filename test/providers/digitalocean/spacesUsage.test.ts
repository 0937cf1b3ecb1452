import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type Simulator, startSimulator } from '../../../dev/simulator/simulator.ts';
import type { BucketUsage, Provider } from '../../../src/providers/provider.ts';
import { providerAt, rejectionOf, startAnsweringServer } from './answeringServer.ts';

let simulator: Simulator;
let provider: Provider;

beforeEach(async () => {
  simulator = await startSimulator();
  provider = providerAt(simulator.url, spaces(simulator.spacesUrl, simulator.spacesKey));
});
afterEach(() => simulator.close());

function spaces(url: string, accessKeyId: string) {
  return {
    spaces: {
      accessKeyId,
      secretAccessKey: 'canary-of-the-spaces-secret',
      endpointTemplate: `${url}/{region}`,
      regions: ['syd1'],
    },
    timeoutMs: 2000,
  };
}

function addBucket(name: string, sizes: readonly number[]): void {
  simulator.state.account.buckets.push({
    name,
    region: 'syd1',
    createdAt: '2026-05-01T00:00:00Z',
    objects: sizes.map((size, index) => ({
      key: `object ${index} & <more>`,
      size,
      modifiedAt: '2026-05-02T00:00:00Z',
    })),
  });
}

const usagesOf = (from: Provider, name: string, after: BucketUsage | null = null) =>
  Array.fromAsync(from.bucketUsage?.({ name, region: 'syd1' }, after) ?? []);

describe('what stands in a bucket', () => {
  it('is added up over every page, exactly, beyond what a double can hold', async () => {
    const large = 4_503_599_627_370_497;
    addBucket('big', [...Array.from({ length: 2499 }, () => 1), large, large, large]);
    const pages = await usagesOf(provider, 'big');
    expect(pages.map(({ objects }) => objects)).toEqual([1000, 2000, 2502]);
    expect(pages.at(-1)).toEqual({
      objects: 2502,
      bytes: BigInt(large) * 3n + 2499n,
      continuationToken: null,
    });
    expect(pages.map(({ continuationToken }) => continuationToken === null)).toEqual([false, false, true]);
  });

  it('is nothing where the bucket is empty, in one page', async () => {
    addBucket('empty', []);
    expect(await usagesOf(provider, 'empty')).toEqual([{ objects: 0, bytes: 0n, continuationToken: null }]);
  });

  it('comes to the same from any page on', async () => {
    addBucket(
      'big',
      Array.from({ length: 3500 }, (_, index) => index),
    );
    const pages = await usagesOf(provider, 'big');
    for (const [index, page] of pages.slice(0, -1).entries()) {
      expect(await usagesOf(provider, 'big', page)).toEqual(pages.slice(index + 1));
    }
  });

  it('is unknown where the bucket is gone, and where the region is not configured', async () => {
    expect(await rejectionOf(usagesOf(provider, 'nowhere'))).toMatchObject({ code: 'provider_not_found' });
    const elsewhere = async () =>
      Array.fromAsync(provider.bucketUsage?.({ name: 'any', region: 'fra1' }, null) ?? []);
    expect(await rejectionOf(elsewhere())).toMatchObject({ code: 'spaces_not_configured' });
  });

  it('is not asked of a provider without a key', () => {
    expect(providerAt(simulator.url, { token: simulator.token }).bucketUsage).toBeUndefined();
  });

  it.each([
    ['without a token that leads on', '<IsTruncated>true</IsTruncated>'],
    [
      'with the token that was asked with',
      '<IsTruncated>true</IsTruncated><NextContinuationToken>again</NextContinuationToken>',
    ],
    ['as a page of something else', '<html><body>Maintenance</body></html>'],
    ['with fewer objects than it says', '<IsTruncated>false</IsTruncated><KeyCount>1</KeyCount>'],
    ['with an object without a size', '<IsTruncated>false</IsTruncated><Contents><Key>a</Key></Contents>'],
  ])('is refused %s', async (_what, content) => {
    const server = await startAnsweringServer((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/xml' });
      response.end(`<?xml version="1.0"?><ListBucketResult><Name>big</Name>${content}</ListBucketResult>`);
    });
    const from = providerAt(server.url, spaces(server.url, 'key'));
    expect(await rejectionOf(usagesOf(from, 'big'))).toMatchObject({ code: 'provider_bad_answer' });
    await server.close();
  });

  it('and which buckets there are is not taken from a page of something else', async () => {
    simulator.faults.add({ match: { path: '^/s3/syd1/?$' }, fault: { kind: 'html_page' }, times: 2 });
    for (const _attempt of [1, 2]) {
      expect(await rejectionOf(provider.resources('spaces_bucket'))).toMatchObject({
        code: 'provider_bad_answer',
      });
    }
    expect(await provider.resources('spaces_bucket')).toHaveLength(1);
    simulator.state.account.buckets.splice(0);
    expect(await provider.resources('spaces_bucket')).toEqual([]);
  });

  it('raises a passing failure of any page as one, without the secret', async () => {
    addBucket(
      'big',
      Array.from({ length: 1500 }, () => 1),
    );
    simulator.faults.add({ match: { path: '/big/?$' }, skip: 1, fault: { kind: 'server_error' } });
    const error = await rejectionOf(usagesOf(provider, 'big'));
    expect(error).toMatchObject({ code: 'provider_unavailable', retryable: true });
    expect(`${error}${JSON.stringify(error)}`).not.toContain('canary');
  });
});
