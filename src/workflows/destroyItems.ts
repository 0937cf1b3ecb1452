import {
  ActivityFailure,
  ApplicationFailure,
  condition,
  defineUpdate,
  proxyActivities,
  setHandler,
  sleep,
} from '@temporalio/workflow';
import type { Activities } from '../activities/index.ts';
import { databaseActivities, heartbeatTimeout } from './activityOptions.ts';
import { failureCause } from './failureCause.ts';
import { clearProblem, reportProblem } from './progress.ts';
import {
  type ItemReference,
  type ProvisioningProblem,
  type ProvisioningProgress,
  type ProvisioningTimes,
  provisioningMessages,
  type RetryItemsUpdate,
  type SetAsideItem,
} from './provisioningMessages.ts';
import type { OperatorRequest } from './rollUpMessages.ts';

const retryItemsUpdate = defineUpdate<ProvisioningProgress, [RetryItemsUpdate]>(
  provisioningMessages.retryItemsUpdate,
);

/** Lets operators decide about items that are set aside, while the run goes on. */
export function takeDecisions(destruction: Destruction, progress: () => ProvisioningProgress): void {
  setHandler(
    retryItemsUpdate,
    (decision) => {
      destruction.decide(decision);
      return progress();
    },
    { validator: (decision) => destruction.refuseUnknown(decision) },
  );
}

export const productionTimes: ProvisioningTimes = {
  stepMs: 20 * 60_000,
  settleMs: 60_000,
  pollMs: 5_000,
  destroyMs: 20 * 60_000,
};

export interface DestructionOptions {
  /** Destroys whatever wears an item's identity, however many there are; else only the one that was recorded. */
  readonly all: boolean;
  /** Whether what is destroyed counted for the deployment until then; else it never did. */
  readonly counted: boolean;
  readonly times: ProvisioningTimes;
  readonly request: OperatorRequest;
  /** Stores what operators are to see: which items are set aside; null once none is. */
  readonly report: (problem: ProvisioningProblem | null) => Promise<void>;
}

/** Destroys items in the order that it is given; what it can't destroy waits for an operator, or for better times. */
export interface Destruction {
  readonly destroyed: readonly string[];
  readonly left: readonly string[];
  readonly setAside: readonly SetAsideItem[];
  /** The item in hand. */
  readonly item: string | null;
  /** Comes back once every item is gone or was left. @param isUnsettled an answer was lost, and something may still turn up */
  run(items: readonly ItemReference[], isUnsettled?: (item: ItemReference) => boolean): Promise<void>;
  /** What an operator decided about items that are set aside. */
  decide(decision: RetryItemsUpdate): void;
  /** @throws ApplicationFailure `not_set_aside` */
  refuseUnknown(decision: RetryItemsUpdate): void;
}

interface Failed extends SetAsideItem {
  readonly reference: ItemReference;
  /** A time-out or an outage: it is tried again without an operator. */
  readonly passes: boolean;
}

export function createDestruction(options: DestructionOptions): Destruction {
  const { all, counted, times, request } = options;
  const { destroyItem, awaitItemGone } = proxyActivities<Activities>({
    startToCloseTimeout: times.destroyMs,
    scheduleToCloseTimeout: times.destroyMs,
    heartbeatTimeout,
    retry: { initialInterval: '2 seconds', backoffCoefficient: 2, maximumInterval: '1 minute' },
  });
  const destroyed: string[] = [];
  const left: string[] = [];
  const decisions: RetryItemsUpdate[] = [];
  let failed: readonly Failed[] = [];
  let item: string | null = null;

  return {
    destroyed,
    left,
    get setAside() {
      return failed.map(({ key, code, message }) => ({ key, code, message }));
    },
    get item() {
      return item;
    },
    async run(items, isUnsettled = () => false) {
      await destroyEach(items, isUnsettled);
      const wasStuck = failed.length > 0;
      while (failed.length > 0) {
        const passing = failed.filter(({ passes }) => passes);
        const isDecided = () => decisions.length > 0;
        if (passing.length > 0) await condition(isDecided, times.destroyMs);
        else await condition(isDecided);
        const decision = decisions.shift();
        if (decision === undefined) await again(passing);
        else await carryOut(decision);
        await sayWhatFailed();
      }
      if (!wasStuck) return;
      clearProblem();
      await options.report(null);
    },
    decide: (decision) => decisions.push(decision),
    refuseUnknown({ keys = [] }) {
      const unknown = keys.find((key) => !failed.some((one) => one.key === key));
      if (failed.length > 0 && unknown === undefined) return;
      throw ApplicationFailure.nonRetryable(
        unknown === undefined ? 'no item is set aside' : `the item "${unknown}" is not set aside`,
        'not_set_aside',
      );
    },
  };

  async function destroyEach(
    items: readonly ItemReference[],
    isUnsettled: (item: ItemReference) => boolean,
  ): Promise<void> {
    for (const reference of items) {
      item = reference.key;
      try {
        await destroyOne(reference, isUnsettled(reference));
        destroyed.push(reference.key);
      } catch (error) {
        const { code, message } = failureCause(error);
        failed = [...failed, { key: reference.key, code, message, reference, passes: passes(error) }];
        await sayWhatFailed();
      }
    }
    item = null;
  }

  /** The last look at the provider finds nothing, and is made after anything that is under way has had its time. */
  async function destroyOne({ itemId }: ItemReference, isUnsettled: boolean): Promise<void> {
    const detachedAt = counted ? new Date().toISOString() : null;
    const externalIds = new Set<string>();
    for (let isSettled = !isUnsettled; ; isSettled = true) {
      const { found, known } = await destroyItem({ itemId, all });
      for (const id of known) externalIds.add(id);
      if (found.length > 0) await awaitItemGone({ itemId, externalIds: found, pollMs: times.pollMs });
      else if (isSettled) break;
      if (!isSettled) await sleep(times.settleMs);
    }
    const goneAt = new Date().toISOString();
    await databaseActivities.recordItemGone({
      itemId,
      externalIds: [...externalIds],
      goneAt,
      detachedAt,
      request,
    });
  }

  async function carryOut({ keys, leave = false, request: decided }: RetryItemsUpdate): Promise<void> {
    const chosen = failed.filter(({ key }) => keys === undefined || keys.includes(key));
    if (!leave) return again(chosen);
    for (const { reference } of chosen) {
      await databaseActivities.leaveItem({ itemId: reference.itemId, request: decided });
      left.push(reference.key);
    }
    failed = failed.filter((one) => !chosen.includes(one));
  }

  async function again(chosen: readonly Failed[]): Promise<void> {
    failed = failed.filter((one) => !chosen.includes(one));
    // An answer may have been lost the last time, too.
    await destroyEach(
      chosen.map(({ reference }) => reference),
      () => true,
    );
  }

  async function sayWhatFailed(): Promise<void> {
    const [first] = failed;
    if (first === undefined) return;
    const message = failed.map((one) => `${one.key}: ${one.message}`).join('\n');
    reportProblem(first.code, `Set aside:\n${message}`);
    await options.report({ code: first.code, message });
  }
}

/** Whether it may go by itself. */
function passes(error: unknown): boolean {
  if (!(error instanceof ActivityFailure)) return false;
  return !(error.cause instanceof ApplicationFailure) || error.cause.nonRetryable !== true;
}
