import { activityInfo, cancellationSignal } from '@temporalio/activity';
import type { BucketUsage } from '../providers/provider.ts';
import { type BucketToMeasure, bucketsToMeasure, recordSpacesUsage } from '../services/spacesUsage.ts';
import { type ActivityDependencies, providerNamed, systemEntityManager } from './dependencies.ts';
import { reportProgress } from './keepAlive.ts';

/** How far the objects of a bucket are added up; bytes as text, since JSON has no large integers. */
export interface BucketProgress {
  readonly objects: number;
  readonly bytes: string;
  /** Continues the listing; null where it is whole. */
  readonly continuationToken: string | null;
}

export function createSpacesUsageActivities(dependencies: ActivityDependencies) {
  return {
    /** The next buckets without a measurement of the day; none where the provider has no object store that we may read. */
    async listBucketsToMeasure(input: {
      provider: string;
      day: string;
      after: string | null;
      limit: number;
    }): Promise<BucketToMeasure[]> {
      if (providerNamed(dependencies, input.provider).bucketUsage === undefined) return [];
      return bucketsToMeasure(systemEntityManager(dependencies), input);
    },

    /**
     * Adds up the objects of a bucket, at most `pages` pages of them, and keeps the sums once the listing is whole. An attempt
     * goes on where the heartbeat of the one before says it was; the next call where this one's answer does.
     */
    async measureBucket(input: {
      provider: string;
      bucket: BucketToMeasure;
      day: string;
      after: BucketProgress | null;
      pages: number;
    }): Promise<BucketProgress> {
      const { bucket, day } = input;
      const beaten: BucketProgress | null | undefined = activityInfo().heartbeatDetails;
      let progress = beaten ?? input.after;
      // Beats say the last progress again: without this, the first of them would say that there is none.
      if (progress !== null) reportProgress(progress);
      if (progress === null || progress.continuationToken !== null) {
        const usages = providerNamed(dependencies, input.provider).bucketUsage?.(
          bucket,
          fromProgress(progress),
          cancellationSignal(),
        );
        let pages = 0;
        for await (const usage of usages ?? []) {
          progress = { ...usage, bytes: usage.bytes.toString() };
          reportProgress(progress);
          pages += 1;
          if (pages >= input.pages && usage.continuationToken !== null) return progress;
        }
      }
      if (progress === null) throw new Error('a listing has at least one page');
      await recordSpacesUsage(systemEntityManager(dependencies), {
        resourceId: bucket.resourceId,
        day,
        measuredAt: new Date(),
        bytes: BigInt(progress.bytes),
        objects: progress.objects,
      });
      return progress;
    },
  };
}

function fromProgress(progress: BucketProgress | null): BucketUsage | null {
  return progress === null ? null : { ...progress, bytes: BigInt(progress.bytes) };
}
