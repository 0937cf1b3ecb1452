import {
  ActivityCancellationType,
  ActivityFailure,
  ApplicationFailure,
  allHandlersFinished,
  CancellationScope,
  CancelledFailure,
  condition,
  defineQuery,
  defineUpdate,
  isCancellation,
  proxyActivities,
  setHandler,
  sleep,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import type { Activities } from '../activities/index.ts';
import { databaseActivities, heartbeatTimeout } from './activityOptions.ts';
import { createDestruction, productionTimes, takeDecisions } from './destroyItems.ts';
import { failureCause } from './failureCause.ts';
import { enterPhase, reportProblem } from './progress.ts';
import {
  type CancelProvisioningUpdate,
  type ItemReference,
  type ProvisionDeploymentInput,
  type ProvisionDeploymentResult,
  type ProvisioningPhase,
  type ProvisioningProblem,
  type ProvisioningProgress,
  provisioningMessages,
} from './provisioningMessages.ts';
import { refuseWithoutReason } from './refuseWithoutReason.ts';
import { searchAttributes } from './searchAttributes.ts';

export const provisioningProgressQuery = defineQuery<ProvisioningProgress>(
  provisioningMessages.progressQuery,
);
export const cancelProvisioningUpdate = defineUpdate<ProvisioningProgress, [CancelProvisioningUpdate]>(
  provisioningMessages.cancelUpdate,
);

/** Failures of a request that never reached the provider, or that the provider did not carry out. */
const withoutEffect: ReadonlySet<string> = new Set([
  'provider_rate_limited',
  'provider_busy',
  'provider_rejected',
  'provider_unauthorized',
  'provider_not_found',
  'provider_address_refused',
  'provider_read_only',
  'limiter_unavailable',
  'unknown_provider',
  'run_not_creating',
]);

/**
 * Creates a deployment's resources by a template, one after the other, and gives them to the deployment. Each is looked for before it is
 * asked for, by an identity that is the same each time, so that nothing is created twice. Where one can't be created for good or in time,
 * or an operator cancels, everything that was created is destroyed again, in reverse: the run ends with all of it, or with nothing.
 */
export async function provisionDeployment(
  input: ProvisionDeploymentInput,
): Promise<ProvisionDeploymentResult> {
  const { deploymentId, request } = input;
  const times = { ...productionTimes, ...input.times };
  const work = new CancellationScope();
  let phase: ProvisioningPhase = 'planning';
  let provisioningId: string | null = null;
  let inHand: string | null = null;
  let problem: ProvisioningProblem | null = null;
  const cancel: { by: CancelProvisioningUpdate['request'] | null } = { by: null };
  const created: string[] = [];
  /** What a step may have created: put here before it begins. */
  const toUndo: ItemReference[] = [];
  /** Keys of items that were asked for without an answer. */
  const unsettled = new Set<string>();
  const destruction = createDestruction({
    all: true,
    counted: false,
    times,
    request,
    report: (setAside) => record('undoing', withSetAside(problem, setAside)),
  });

  setHandler(provisioningProgressQuery, progress);
  setHandler(
    cancelProvisioningUpdate,
    (update) => {
      cancel.by = update.request;
      work.cancel();
      return progress();
    },
    { validator: refuseLateCancel },
  );
  takeDecisions(destruction, progress);
  upsertSearchAttributes([{ key: searchAttributes.deployment, value: deploymentId }]);

  enter('planning', 'Writing down what is to be created');
  const plan = await CancellationScope.nonCancellable(() =>
    databaseActivities.planProvisioning({
      deploymentId,
      template: input.template,
      parameters: input.parameters,
      request,
      runId: workflowInfo().firstExecutionRunId,
    }),
  );
  provisioningId = plan.provisioningId;
  try {
    await work.run(createAll);
    await CancellationScope.nonCancellable(() => record('done'));
  } catch (error) {
    problem = whyNot(error);
    await CancellationScope.nonCancellable(undo);
  }
  await CancellationScope.nonCancellable(() => condition(allHandlersFinished));
  const end = endOf(problem);
  return {
    provisioningId: plan.provisioningId,
    state: end,
    items: end === 'done' ? plan.items.length : 0,
    problem,
    left: destruction.left,
  };

  async function createAll(): Promise<void> {
    if (plan.leftovers.length > 0) {
      enter('undoing', 'Destroying what a run left that was ended by force');
      await CancellationScope.nonCancellable(async () => {
        await destruction.run(plan.leftovers, () => true);
        await record('running', null);
      });
    }
    for (const item of plan.items) {
      inHand = item.key;
      enter(
        'creating',
        `Creating ${item.key} (${item.kind}), ${created.length} of ${plan.items.length} are there`,
      );
      toUndo.unshift(item);
      await createOne(item);
      created.push(item.key);
    }
    inHand = null;
    enter('verifying', `Looking whether each of ${plan.items.length} items is there once`);
    const { verifyItem } = providerActivities(times.stepMs);
    await Promise.all(plan.items.map(({ itemId }) => verifyItem({ itemId })));
    // A cancel that came with the last answer counts, too.
    if (cancel.by !== null) throw new CancelledFailure('cancelled by an operator');
    enter('done', `${plan.items.length} items are there`);
  }

  async function createOne({ itemId, key }: ItemReference): Promise<void> {
    const deadline = Date.now() + times.stepMs;
    const timeLeft = () => Math.max(deadline - Date.now(), times.pollMs);
    await databaseActivities.prepareItem({ itemId });
    while (!(await providerActivities(timeLeft()).adoptItem({ itemId }))) {
      if (await ask()) break;
      if (Date.now() >= deadline) {
        throw ApplicationFailure.nonRetryable(
          `${key} could not be created within ${times.stepMs / 1000} seconds`,
          'step_timed_out',
        );
      }
    }
    await providerActivities(timeLeft()).completeItem({ itemId, request, pollMs: times.pollMs });

    /** Asks for the item once. @returns whether the answer came; without it, whatever it gave rise to has had its time */
    async function ask(): Promise<boolean> {
      unsettled.add(key);
      try {
        await createActivities.createItem({ itemId });
        unsettled.delete(key);
        return true;
      } catch (error) {
        const { code } = failureCause(error);
        if (withoutEffect.has(code)) {
          unsettled.delete(key);
          if (!isRetryable(error)) throw error;
          await sleep(times.pollMs);
          return false;
        }
        await sleep(times.settleMs);
        unsettled.delete(key);
        // It can have worked all the same, and then it is found.
        if (!isRetryable(error) && !(await providerActivities(timeLeft()).adoptItem({ itemId }))) throw error;
        return false;
      }
    }
  }

  async function undo(): Promise<void> {
    const { message = '' } = problem ?? {};
    inHand = null;
    enter('undoing', `Destroying what was created: ${message}`);
    await record('undoing', problem);
    await destruction.run(toUndo, ({ key }) => unsettled.has(key));
    const undone = problem?.code === 'cancelled' ? 'cancelled' : 'failed';
    await record(undone, problem);
    enter(undone, '');
    reportProblem(problem?.code ?? undone, `Nothing of it is there any more: ${message}`);
  }

  function whyNot(error: unknown): ProvisioningProblem {
    if (cancel.by !== null) {
      return { code: 'cancelled', message: `cancelled by ${cancel.by.subject}: ${cancel.by.reason}` };
    }
    if (isCancellation(error)) return { code: 'cancelled', message: 'the process was cancelled' };
    if (error instanceof ApplicationFailure) {
      return { code: error.type ?? 'unexpected_error', message: error.message };
    }
    const { code, message } = failureCause(error);
    return { code, message: inHand === null ? message : `${inHand}: ${message}` };
  }

  async function record(
    state: 'running' | 'done' | 'undoing' | 'failed' | 'cancelled',
    said?: ProvisioningProblem | null,
  ): Promise<void> {
    await databaseActivities.changeProvisioningRun({
      provisioningId: plan.provisioningId,
      state,
      ...(said === undefined ? {} : { problem: said }),
      request: cancel.by ?? request,
    });
  }

  function enter(name: ProvisioningPhase, details: string): void {
    phase = name;
    enterPhase(name, details);
  }

  function progress(): ProvisioningProgress {
    return {
      phase,
      provisioningId,
      item: inHand ?? destruction.item,
      created,
      destroyed: destruction.destroyed,
      setAside: destruction.setAside,
      problem,
    };
  }

  function refuseLateCancel(update: CancelProvisioningUpdate): void {
    refuseWithoutReason(update);
    if (phase === 'planning' || phase === 'creating' || phase === 'verifying') {
      if (cancel.by === null) return;
      throw ApplicationFailure.nonRetryable(
        `${cancel.by.subject} has cancelled it already`,
        'provisioning_cancelled',
      );
    }
    throw ApplicationFailure.nonRetryable(
      `the provisioning is ${phase}: it can't be cancelled any more`,
      'not_cancellable',
    );
  }
}

function endOf(problem: ProvisioningProblem | null): 'done' | 'failed' | 'cancelled' {
  if (problem === null) return 'done';
  return problem.code === 'cancelled' ? 'cancelled' : 'failed';
}

/** Why it is undone, and what of it could not be destroyed yet. */
function withSetAside(
  problem: ProvisioningProblem | null,
  setAside: ProvisioningProblem | null,
): ProvisioningProblem | null {
  if (problem === null || setAside === null) return problem ?? setAside;
  return { code: setAside.code, message: `${problem.message}\n${setAside.message}` };
}

/** A request that creates something is made once: whether it is made again is decided after a look. */
const createActivities = proxyActivities<Activities>({
  startToCloseTimeout: '10 minutes',
  heartbeatTimeout,
  retry: { maximumAttempts: 1 },
  // A cancel waits for the answer: then it is known what there is to destroy.
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
});

/** Looks at the provider, again and again until a time limit. */
const providerActivities = (limitMs: number) =>
  proxyActivities<Activities>({
    startToCloseTimeout: limitMs,
    scheduleToCloseTimeout: limitMs,
    heartbeatTimeout,
    retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '1 minute' },
  });

function isRetryable(error: unknown): boolean {
  if (!(error instanceof ActivityFailure)) return false;
  return !(error.cause instanceof ApplicationFailure) || error.cause.nonRetryable !== true;
}
