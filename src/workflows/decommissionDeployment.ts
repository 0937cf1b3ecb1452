import {
  ApplicationFailure,
  allHandlersFinished,
  CancellationScope,
  condition,
  continueAsNew,
  defineUpdate,
  isCancellation,
  setHandler,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import { databaseActivities } from './activityOptions.ts';
import { createDestruction, productionTimes, takeDecisions } from './destroyItems.ts';
import { clearProblem, enterPhase } from './progress.ts';
import { cancelProvisioningUpdate, provisioningProgressQuery } from './provisionDeployment.ts';
import {
  type CancelProvisioningUpdate,
  type DecommissionDeploymentInput,
  type DecommissionDeploymentResult,
  type HoldDecommissionUpdate,
  type PlannedDecommission,
  type ProvisioningPhase,
  type ProvisioningProblem,
  type ProvisioningProgress,
  provisioningMessages,
} from './provisioningMessages.ts';
import { refuseWithoutReason } from './refuseWithoutReason.ts';
import { searchAttributes } from './searchAttributes.ts';

export const holdDecommissionUpdate = defineUpdate<ProvisioningProgress, [HoldDecommissionUpdate]>(
  provisioningMessages.holdUpdate,
);

const defaultGraceMs = 7 * 86_400_000;

/**
 * Takes a cancelled deployment apart: what a template made is destroyed in reverse, once the grace time is over. Until then operators may
 * hold it, let it go on, or call it off. An item that can't be destroyed is set aside and waits for an operator; the rest goes on. What
 * was attached by hand stays.
 */
export async function decommissionDeployment(
  input: DecommissionDeploymentInput,
): Promise<DecommissionDeploymentResult> {
  const { deploymentId, request, carried } = input;
  const times = { ...productionTimes, ...input.times };
  let phase: ProvisioningPhase = 'planning';
  let plan: PlannedDecommission | undefined = carried?.plan;
  let isHeld = carried?.isHeld ?? false;
  const cancel: { by: CancelProvisioningUpdate['request'] | null } = { by: null };
  let problem: ProvisioningProblem | null = null;
  /** One change of the stored state after the other. */
  let stored: Promise<void> = Promise.resolve();
  const destruction = createDestruction({
    all: false,
    counted: true,
    times,
    request,
    report: async (setAside) => {
      problem = setAside;
      await record('running', setAside);
    },
  });

  setHandler(provisioningProgressQuery, progress);
  setHandler(holdDecommissionUpdate, hold, {
    validator: (update) => {
      refuseWithoutReason(update);
      refuseLate();
    },
  });
  setHandler(
    cancelProvisioningUpdate,
    (update) => {
      cancel.by = update.request;
      return progress();
    },
    {
      validator: (update) => {
        refuseWithoutReason(update);
        refuseLate();
      },
    },
  );
  takeDecisions(destruction, progress);
  upsertSearchAttributes([{ key: searchAttributes.deployment, value: deploymentId }]);

  const begun = await CancellationScope.nonCancellable(begin);
  const goesOn = await waitForItsTime();
  if (!goesOn) {
    await CancellationScope.nonCancellable(() => record('cancelled'));
    enter('cancelled', cancel.by === null ? 'Cancelled' : `Called off: ${cancel.by.reason}`);
    await CancellationScope.nonCancellable(() => condition(allHandlersFinished));
    return result('cancelled');
  }
  await CancellationScope.nonCancellable(async () => {
    await record('running');
    enter('destroying', `Destroying ${begun.items.length} items`);
    await destruction.run(begun.items);
    await record('done', null);
    clearProblem();
    await condition(allHandlersFinished);
  });
  enter('done', `${destruction.destroyed.length} items destroyed, ${destruction.left.length} left standing`);
  return result('done');

  async function begin(): Promise<PlannedDecommission> {
    if (plan !== undefined) return plan;
    enter('planning', 'Looking for what there is to destroy');
    const planned = await databaseActivities.planDecommission({
      deploymentId,
      runId: workflowInfo().firstExecutionRunId,
      notBefore: new Date(Date.now() + (input.graceMs ?? defaultGraceMs)).toISOString(),
      request,
    });
    plan = planned;
    return planned;
  }

  /** @returns whether the grace time is over, nobody holds it and nobody called it off; from then on it can't be called off */
  async function waitForItsTime(): Promise<boolean> {
    const isOver = () => cancel.by === null && !isHeld && Date.now() >= Date.parse(begun.notBefore);
    try {
      for (;;) {
        await condition(allHandlersFinished);
        if (cancel.by !== null) return false;
        if (isOver()) {
          phase = 'destroying';
          return true;
        }
        await continueWhereLong();
        const wasHeld = isHeld;
        const hasChanged = () => isHeld !== wasHeld || cancel.by !== null || isLong();
        if (isHeld) {
          enter('held', `Held by an operator; the grace time ends ${begun.notBefore}`);
          await condition(hasChanged);
        } else {
          enter('waiting', `${begun.items.length} items are destroyed from ${begun.notBefore} on`);
          await condition(hasChanged, Math.max(1, Date.parse(begun.notBefore) - Date.now()));
        }
      }
    } catch (error) {
      if (!isCancellation(error)) throw error;
      return false;
    }
  }

  function isLong(): boolean {
    return workflowInfo().continueAsNewSuggested;
  }

  async function continueWhereLong(): Promise<void> {
    if (!isLong() || plan === undefined) return;
    await continueAsNew<typeof decommissionDeployment>({ ...input, carried: { plan, isHeld } });
  }

  async function hold({ held, request: asked }: HoldDecommissionUpdate): Promise<ProvisioningProgress> {
    isHeld = held;
    await condition(() => plan !== undefined);
    await record(held ? 'held' : 'waiting', undefined, asked);
    return progress();
  }

  function record(
    state: 'waiting' | 'held' | 'running' | 'done' | 'cancelled',
    said?: ProvisioningProblem | null,
    asked: DecommissionDeploymentInput['request'] = cancel.by ?? request,
  ): Promise<void> {
    const change = {
      provisioningId: plan?.provisioningId ?? '',
      state,
      ...(said === undefined ? {} : { problem: said }),
      request: asked,
    };
    stored = stored.then(() => databaseActivities.changeProvisioningRun(change));
    return stored;
  }

  function enter(name: ProvisioningPhase, details: string): void {
    phase = name;
    enterPhase(name, details);
  }

  function progress(): ProvisioningProgress {
    return {
      phase,
      provisioningId: plan?.provisioningId ?? null,
      item: destruction.item,
      created: [],
      destroyed: destruction.destroyed,
      setAside: destruction.setAside,
      problem,
    };
  }

  function result(state: 'done' | 'cancelled'): DecommissionDeploymentResult {
    return {
      provisioningId: begun.provisioningId,
      state,
      destroyed: destruction.destroyed.length,
      left: destruction.left,
      attachedByHand: begun.attachedByHand,
    };
  }

  function refuseLate(): void {
    if (cancel.by === null && (phase === 'planning' || phase === 'waiting' || phase === 'held')) return;
    throw ApplicationFailure.nonRetryable(
      cancel.by === null
        ? `the decommission is ${phase}: it can't be held or called off any more`
        : `${cancel.by.subject} has called it off already`,
      'not_cancellable',
    );
  }
}
