import {
  continueAsNew,
  getExternalWorkflowHandle,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import { databaseActivities } from './activityOptions.ts';
import { enterPhase } from './progress.ts';
import { type RollUpCounts, type RollUpShardInput, rollUpMessages } from './rollUpMessages.ts';
import { searchAttributes } from './searchAttributes.ts';

/** How many batches of a shard run at once; each holds a database connection. */
const batchesAtOnce = 4;
/** Below what Temporal advises, so that what is in flight still fits in. */
const longestHistory = 3_000;
/** How often a shard tells its rollup how far it is. */
const reports = 10;

/** A part of a rollup's worklist, batch by batch, a few at a time. A batch that is done again changes nothing. */
export async function rollUpShard(input: RollUpShardInput): Promise<RollUpCounts> {
  const { period, shard, from, until, batchSize, force } = input;
  let next = input.carried?.next ?? from;
  let counts: RollUpCounts = input.carried?.counts ?? { invoiced: 0, existing: 0, failed: 0 };
  const reportEvery = Math.max(1, Math.ceil((until - from) / batchSize / reports));
  let sinceReport = 0;
  upsertSearchAttributes([{ key: searchAttributes.period, value: period }]);

  while (next < until) {
    await Promise.all(Array.from({ length: batchesAtOnce }, () => rollUpOneAfterAnother()));
    if (next < until) {
      await continueAsNew<typeof rollUpShard>({ ...input, carried: { next, counts } });
    }
  }
  enterPhase('done', describe());
  return counts;

  async function rollUpOneAfterAnother(): Promise<void> {
    while (next < until && workflowInfo().historyLength < longestHistory) {
      const first = next;
      next = Math.min(first + batchSize, until);
      const batch = await databaseActivities.rollUpTenants.executeWithOptions(
        { summary: `Tenants ${first} to ${next - 1}` },
        [{ period, from: first, until: next, force }],
      );
      counts = {
        invoiced: counts.invoiced + batch.invoiced,
        existing: counts.existing + batch.existing,
        failed: counts.failed + batch.failed,
      };
      sinceReport += 1;
      if (sinceReport >= reportEvery) {
        sinceReport = 0;
        await report();
      }
    }
  }

  async function report(): Promise<void> {
    enterPhase('rolling_up', describe());
    const { parent } = workflowInfo();
    if (parent === undefined) return;
    try {
      await getExternalWorkflowHandle(parent.workflowId).signal(rollUpMessages.shardProgressSignal, {
        shard,
        counts,
      });
    } catch {
      // A rollup that an operator has ended needs no news.
    }
  }

  function describe(): string {
    return `${counts.invoiced} invoiced, ${counts.existing} had an invoice, ${counts.failed} failed of ${until - from} tenants`;
  }
}
