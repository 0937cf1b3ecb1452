import { TypedSearchAttributes, WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  ApplicationFailure,
  allHandlersFinished,
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  defineUpdate,
  executeChild,
  ParentClosePolicy,
  patched,
  setHandler,
  sleep,
  upsertSearchAttributes,
  WorkflowIdReusePolicy,
  workflowInfo,
} from '@temporalio/workflow';
import { databaseActivities } from './activityOptions.ts';
import { workflowIds } from './ids.ts';
import { clearProblem, enterPhase, reportProblem } from './progress.ts';
import { provePeriod } from './provePeriod.ts';
import { refuseWithoutReason } from './refuseWithoutReason.ts';
import {
  issueMessages,
  type RetryFailedUpdate,
  type RollUpCounts,
  type RollUpPeriodInput,
  type RollUpPeriodResult,
  type RollUpProgress,
  type RollUpSummary,
  rollUpMessages,
  type ShardProgress,
  type TenantUpdate,
  type TenantUpdateResult,
} from './rollUpMessages.ts';
import { rollUpShard } from './rollUpShard.ts';
import { searchAttributes } from './searchAttributes.ts';
import { startAloneOrSignal } from './startAlone.ts';
import { startClosureCheck } from './startClosureCheck.ts';
import { taskQueues } from './taskQueues.ts';
import { workflowStarts } from './workflowStarts.ts';

const mostShards = 32;
const tenantsAShard = 10_000;
const defaultBatchSize = 500;
/** How long a shard of an earlier run, which was told to stop, is waited for before it is started again. */
const stoppingShardMs = 2_000;

export const progressQuery = defineQuery<RollUpProgress>(rollUpMessages.progressQuery);
export const retryTenantUpdate = defineUpdate<TenantUpdateResult, [TenantUpdate]>(
  rollUpMessages.retryTenantUpdate,
);
export const skipTenantUpdate = defineUpdate<TenantUpdateResult, [TenantUpdate]>(
  rollUpMessages.skipTenantUpdate,
);
export const retryFailedUpdate = defineUpdate<RollUpSummary, [RetryFailedUpdate]>(
  rollUpMessages.retryFailedUpdate,
);
export const shardProgressSignal = defineSignal<[ShardProgress]>(rollUpMessages.shardProgressSignal);

/**
 * The month end: every tenant's invoice of a period. The worklist is frozen, worked off in shards of batches, and proven: every tenant is
 * accounted for, and every invoice comes out again from its stored inputs. Then the period is given to be issued. Tenants that could not
 * be priced hold up nobody; the run stays open for them until an operator has retried or skipped each.
 */
export async function rollUpPeriod(input: RollUpPeriodInput): Promise<RollUpPeriodResult> {
  const { period, batchSize = defaultBatchSize } = input;
  const { workflowId, firstExecutionRunId: runId } = workflowInfo();
  let phase = 'freezing';
  let summary: RollUpSummary | undefined;
  let invoicedLater = input.carried?.invoiced ?? 0;
  let isOpen = input.carried !== undefined;
  const shardCounts = new Map<number, RollUpCounts>();
  let frozen = 0;

  setHandler(progressQuery, progress);
  setHandler(shardProgressSignal, ({ shard, counts }) => {
    shardCounts.set(shard, counts);
    if (summary === undefined) enterPhase(phase, describe(progress()));
  });
  setHandler(retryTenantUpdate, (update) => decide(update, 'retryTenant'), { validator: refuseIncomplete });
  setHandler(skipTenantUpdate, (update) => decide(update, 'skipTenant'), { validator: refuseIncomplete });
  setHandler(retryFailedUpdate, retryFailed, { validator: refuseWithoutReason });

  upsertSearchAttributes([{ key: searchAttributes.period, value: period }]);
  if (input.carried === undefined) {
    enter('freezing', `Freezing the worklist of ${period.slice(0, 7)}`);
    frozen = await databaseActivities.freezeWorklist({
      period,
      workflowId,
      runId,
      force: input.force ?? null,
    });
    await rollUpShards();
    await prove();
    await giveToIssue();
    if (patched('check-closure')) await startClosureCheck(period);
  }
  await takeStock();
  isOpen = true;

  while (openExceptions() > 0 || !allHandlersFinished()) {
    await condition(
      () => (openExceptions() === 0 || workflowInfo().continueAsNewSuggested) && allHandlersFinished(),
    );
    if (openExceptions() > 0 && workflowInfo().continueAsNewSuggested) {
      await continueAsNew<typeof rollUpPeriod>({ ...input, carried: { invoiced: invoicedLater } });
    }
  }
  enter('done', describe(progress()));
  clearProblem();
  const counts = summary ?? (await takeStock());
  return {
    period,
    tenants: counts.tenants,
    invoiced: counts.invoiced,
    existing: counts.existing,
    failed: counts.failed,
    skipped: counts.skipped,
  };

  function enter(name: string, details: string): void {
    phase = name;
    enterPhase(name, details);
  }

  function openExceptions(): number {
    return summary === undefined ? 0 : summary.failed + summary.pending;
  }

  function progress(): RollUpProgress {
    if (summary !== undefined) {
      const { tenants, failed, pending, exceptions } = summary;
      return { phase, tenants, done: tenants - failed - pending, failed, left: pending, exceptions };
    }
    let [done, failed] = [0, 0];
    for (const counts of shardCounts.values()) {
      done += counts.invoiced + counts.existing;
      failed += counts.failed;
    }
    return {
      phase,
      tenants: frozen,
      done,
      failed,
      left: Math.max(0, frozen - done - failed),
      exceptions: [],
    };
  }

  /** All shards at once; each is a process of its own, so that no history grows long. */
  async function rollUpShards(): Promise<void> {
    enter('rolling_up', `Rolling up ${frozen} tenants`);
    const shards = Math.min(mostShards, Math.max(1, Math.ceil(frozen / tenantsAShard)));
    const size = Math.ceil(frozen / shards);
    await Promise.all(
      Array.from({ length: shards }, (_, shard) =>
        runShard(shard, shard * size, Math.min((shard + 1) * size, frozen)),
      ),
    );
  }

  async function runShard(shard: number, from: number, until: number): Promise<void> {
    for (;;) {
      try {
        const counts = await executeChild(rollUpShard, {
          workflowId: workflowIds.rollUpShard(period, shard),
          taskQueue: taskQueues.billing,
          args: [{ period, shard, from, until, batchSize, force: input.force !== undefined }],
          parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
          workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE,
          staticSummary: `Roll up tenants ${from} to ${until - 1} of ${period.slice(0, 7)}`,
          typedSearchAttributes: new TypedSearchAttributes([{ key: searchAttributes.period, value: period }]),
        });
        shardCounts.set(shard, counts);
        return;
      } catch (error) {
        if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
        await sleep(stoppingShardMs);
      }
    }
  }

  /** Every tenant is accounted for, and every invoice of the period is what its inputs say. */
  async function prove(): Promise<void> {
    enter('checking', 'Computing every invoice again from its inputs');
    const counted = await databaseActivities.summariseRollUp({ period });
    const accounted = counted.invoiced + counted.existing + counted.skipped + counted.failed;
    if (accounted !== frozen || counted.uninvoiced > 0) {
      const message = `the worklist has ${frozen} tenants, but ${accounted} are accounted for, ${counted.uninvoiced} of them without their invoice`;
      reportProblem('worklist_not_whole', message);
      throw ApplicationFailure.nonRetryable(message, 'worklist_not_whole', counted);
    }
    await provePeriod(period);
    await databaseActivities.recordRolledUp({ period });
  }

  /** Counts the worklist, and shows what is left for an operator. */
  async function takeStock(): Promise<RollUpSummary> {
    const counted = await databaseActivities.summariseRollUp({ period });
    summary = counted;
    const [first] = counted.exceptions;
    if (first === undefined) {
      clearProblem();
    } else {
      enter('exceptions', '');
      upsertSearchAttributes([{ key: searchAttributes.tenant, value: first.tenantId }]);
      reportProblem(first.problem ?? 'pricing_failed', describe(progress()));
    }
    return counted;
  }

  /** The issue waits for the end of the grace time; where it waits already, it is told of the drafts that came. */
  function giveToIssue(): Promise<void> {
    return startAloneOrSignal(workflowStarts.issuePeriod({ period }), issueMessages.draftsAddedSignal);
  }

  async function decide(
    { tenantId, request }: TenantUpdate,
    decision: 'retryTenant' | 'skipTenant',
  ): Promise<TenantUpdateResult> {
    await condition(() => frozen > 0 || isOpen);
    const result = await databaseActivities[decision]({ period, tenantId, request, workflowId });
    if (isOpen) {
      const before = summary?.failed ?? 0;
      const counted = await takeStock();
      if (decision === 'retryTenant' && result.state === 'done' && counted.failed < before) {
        invoicedLater += 1;
        await giveToIssue();
        if (patched('check-closure')) await startClosureCheck(period);
      }
    }
    return result;
  }

  async function retryFailed({ request }: RetryFailedUpdate): Promise<RollUpSummary> {
    await condition(() => isOpen);
    const before = summary?.invoiced ?? 0;
    frozen = await databaseActivities.reopenFailed({ period, request, workflowId });
    await rollUpShards();
    const counted = await takeStock();
    if (counted.invoiced > before) {
      await giveToIssue();
      if (patched('check-closure')) await startClosureCheck(period);
    }
    return counted;
  }
}

function refuseIncomplete(update: TenantUpdate): void {
  if (update.tenantId === '') throw new Error('tenantId names no tenant');
  refuseWithoutReason(update);
}

function describe({ tenants, done, failed, left, exceptions }: RollUpProgress): string {
  return [
    `${done} done, ${failed} failed, ${left} left of ${tenants} tenants`,
    ...exceptions.map(({ tenantId, problem, message }) => `${tenantId}: ${problem}: ${message}`),
  ].join('\n');
}
