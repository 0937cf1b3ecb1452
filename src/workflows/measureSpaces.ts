import { continueAsNew, proxyActivities, workflowInfo } from '@temporalio/workflow';
import type { Activities } from '../activities/index.ts';
import type { BucketProgress } from '../activities/spacesUsage.ts';
import { databaseActivities, heartbeatTimeout } from './activityOptions.ts';
import { failureCause } from './failureCause.ts';
import type { MeasureSpacesInput, MeasureSpacesResult } from './messages.ts';
import { enterPhase, reportProblem } from './progress.ts';

type BucketToMeasure = Awaited<ReturnType<Activities['listBucketsToMeasure']>>[number];

const objects = proxyActivities<Activities>({
  startToCloseTimeout: '1 hour',
  heartbeatTimeout,
  retry: {
    initialInterval: '5 seconds',
    backoffCoefficient: 2,
    maximumInterval: '1 minute',
    maximumAttempts: 5,
  },
});

const bucketsAtOnce = 4;
const bucketsAPage = 100;

/**
 * Measures each bucket once a day: how many objects and bytes stand in it. However many objects a bucket has, all of them are
 * added up, by as many activities as it takes. A bucket that can't be read is set aside, and the next run tries it again.
 */
export async function measureSpaces(input: MeasureSpacesInput): Promise<MeasureSpacesResult> {
  const { provider, pagesAtOnce = 1000 } = input;
  const day = input.carried?.day ?? new Date().toISOString().slice(0, 10);
  let after = input.carried?.after ?? null;
  let totals: MeasureSpacesResult = input.carried?.result ?? { measured: 0, failed: 0, problem: null };
  enterPhase('measuring', `Adding up the objects of every bucket of ${provider}`);

  for (;;) {
    const buckets = await databaseActivities.listBucketsToMeasure({
      provider,
      day,
      after,
      limit: bucketsAPage,
    });
    const waiting = [...buckets];
    await Promise.all(
      Array.from({ length: bucketsAtOnce }, async () => {
        for (let bucket = waiting.shift(); bucket !== undefined; bucket = waiting.shift()) {
          const problem = await measureWhole(bucket);
          totals =
            problem === null
              ? { ...totals, measured: totals.measured + 1 }
              : { ...totals, failed: totals.failed + 1, problem: totals.problem ?? problem };
        }
      }),
    );
    after = buckets.at(-1)?.resourceId ?? null;
    if (after === null || buckets.length < bucketsAPage) break;
    if (workflowInfo().continueAsNewSuggested) {
      await continueAsNew<typeof measureSpaces>({ ...input, carried: { day, after, result: totals } });
    }
  }

  const summary = `${totals.measured} buckets measured, ${totals.failed} not`;
  enterPhase('done', summary);
  if (totals.problem !== null) reportProblem(totals.problem, `${summary}: ${totals.problem}`);
  return totals;

  /** @returns the code of what was in the way, null where nothing was */
  async function measureWhole(bucket: BucketToMeasure): Promise<string | null> {
    try {
      let progress: BucketProgress | null = null;
      do {
        progress = await objects.measureBucket.executeWithOptions({ summary: bucket.name }, [
          { provider, bucket, day, after: progress, pages: pagesAtOnce },
        ]);
      } while (progress.continuationToken !== null);
      return null;
    } catch (error) {
      return failureCause(error).code;
    }
  }
}
