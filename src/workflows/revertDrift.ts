import {
  ApplicationFailure,
  allHandlersFinished,
  CancellationScope,
  condition,
  defineQuery,
  defineUpdate,
  isCancellation,
  setHandler,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import type { Activities } from '../activities/index.ts';
import type { RevertPlan, RevertStep } from '../domain/drift/revertPlan.ts';
import type { RevertState } from '../services/drift/recordRevert.ts';
import { databaseActivities } from './activityOptions.ts';
import { type FailureCause, failureCause } from './failureCause.ts';
import { enterPhase, reportProblem } from './progress.ts';
import { refuseWithoutReason } from './refuseWithoutReason.ts';
import { productionTimes, revertActivities } from './revertActivities.ts';
import {
  type ApproveRevertUpdate,
  type CancelRevertUpdate,
  type PlannedRevert,
  type RevertDriftInput,
  type RevertDriftResult,
  type RevertPhase,
  type RevertProblem,
  type RevertProgress,
  type RevertTimes,
  type RevertUpdateResult,
  revertMessages,
} from './revertMessages.ts';
import type { OperatorRequest } from './rollUpMessages.ts';
import { searchAttributes } from './searchAttributes.ts';

export const planUpdate = defineUpdate<PlannedRevert>(revertMessages.planUpdate);
export const approveRevertUpdate = defineUpdate<RevertUpdateResult, [ApproveRevertUpdate]>(
  revertMessages.approveUpdate,
);
export const cancelRevertUpdate = defineUpdate<RevertUpdateResult, [CancelRevertUpdate]>(
  revertMessages.cancelUpdate,
);
export const revertProgressQuery = defineQuery<RevertProgress>(revertMessages.progressQuery);

/**
 * Changes a live resource back to what was asked for: plans, waits for an operator to approve the plan, reads again, does each step with
 * what takes it back registered before it, and verifies. What fails for good, hangs, or is cancelled is taken back in reverse order, and
 * the drift stays open and says what happened.
 */
export async function revertDrift(input: RevertDriftInput): Promise<RevertDriftResult> {
  const { driftId, resizeDisk = false } = input;
  const { workflowId, runId } = workflowInfo();
  const times: RevertTimes = { ...productionTimes, ...input.times };
  const activities = revertActivities(times);
  /** All that a cancel may break off. */
  const work = new CancellationScope();
  let phase: RevertPhase = 'planning';
  let revertId: string | undefined;
  let plan: RevertPlan | undefined;
  let refusal: FailureCause | undefined;
  let ended: RevertDriftResult | undefined;
  let isApproved = false;
  let cancelledBy: OperatorRequest | undefined;
  let step: string | null = null;
  let toUndo: readonly RevertStep[] = [];
  const done: string[] = [];
  const undone: string[] = [];

  setHandler(revertProgressQuery, () => ({
    phase,
    revertId: revertId ?? null,
    plan: plan ?? null,
    step,
    done,
    undone,
    problem: ended?.problem ?? refusal ?? null,
  }));
  setHandler(planUpdate, answerPlan);
  setHandler(approveRevertUpdate, (update) => CancellationScope.nonCancellable(() => approve(update)), {
    validator: refuseWithoutReason,
  });
  setHandler(cancelRevertUpdate, (update) => CancellationScope.nonCancellable(() => cancel(update)), {
    validator: refuseWithoutReason,
  });

  const result = await run();
  ended = result;
  await CancellationScope.nonCancellable(() => condition(allHandlersFinished));
  return result;

  async function run(): Promise<RevertDriftResult> {
    enter('planning', 'Reads the resource and plans');
    let claimed: Awaited<ReturnType<Activities['claimRevert']>>;
    try {
      claimed = await CancellationScope.nonCancellable(() =>
        databaseActivities.claimRevert({ driftId, workflowId, runId, request: input.request, resizeDisk }),
      );
    } catch (error) {
      refusal = failureCause(error);
      enter('ended', `Not begun: ${refusal.message}`);
      return { revertId: null, state: 'not_begun', problem: problemOf(refusal) };
    }
    const reference = { revertId: claimed.revertId, driftId };
    revertId = claimed.revertId;
    if (claimed.deploymentId !== null) {
      upsertSearchAttributes([{ key: searchAttributes.deployment, value: claimed.deploymentId }]);
    }
    try {
      return await work.run(() => revert(reference));
    } catch (error) {
      return await CancellationScope.nonCancellable(() => giveUp(reference, error));
    }
  }

  async function revert(reference: { revertId: string; driftId: string }): Promise<RevertDriftResult> {
    const planned = await activities.plan.planRevert({ ...reference, resizeDisk });
    if (planned.state !== 'planned') return end(planned.state, planned.problem);
    const approved = planned.plan;
    plan = approved;
    enter('waiting_for_approval', describe(approved, `Waits for approval until ${planned.expiresAt}`));
    await condition(() => isApproved, Math.max(1, new Date(planned.expiresAt).getTime() - Date.now()));
    if (!isApproved) {
      const state = await CancellationScope.nonCancellable(() =>
        databaseActivities.expireRevert({ revertId: reference.revertId }),
      );
      if (state !== 'approved') {
        const message = `nobody approved the plan until ${planned.expiresAt}`;
        return end(state, { code: 'revert_expired', message });
      }
    }

    enter('rereading', describe(approved, 'Reads again before anything is changed'));
    await activities.read.beginRevert({ ...reference, plan: approved });
    for (const next of approved.steps) {
      step = next.name;
      // Before the step: it may have worked even where it fails.
      toUndo = [next, ...toUndo];
      enter('running', describe(approved, `${next.name} runs; done: ${listOf(done)}`));
      await activities.step.performRevertStep.executeWithOptions(
        { ...activities.stepOptions, summary: next.name },
        [{ ...reference, step: next.name, operation: operationOf(next), times, isUndo: false }],
      );
      done.push(next.name);
    }
    step = null;
    enter('verifying', describe(approved, 'All steps are done; reads back'));
    await activities.read.verifyRevert({ ...reference, plan: approved });
    phase = 'done';
    await CancellationScope.nonCancellable(() =>
      databaseActivities.recordReverted({ revertId: reference.revertId }),
    );
    enter('done', describe(approved, `Reverted: ${approved.field} is ${JSON.stringify(approved.desired)}`));
    return { revertId: reference.revertId, state: 'done', problem: null };
  }

  /** A revert that changed nothing, since there is no plan for it, or nobody approved it. */
  function end(state: RevertDriftResult['state'], problem: RevertProblem): RevertDriftResult {
    enter('ended', '');
    reportProblem(problem.code, `${state}: ${problem.message}`);
    return { revertId: revertId ?? null, state, problem };
  }

  /** Takes back what was begun, in reverse, each as far as it goes, and says what happened. */
  async function giveUp(
    reference: { revertId: string; driftId: string },
    error: unknown,
  ): Promise<RevertDriftResult> {
    const isCancelled = isCancellation(error);
    const cause = isCancelled ? cancellation(cancelledBy, step) : failureOf(error, step);
    const failures: string[] = [];
    if (plan !== undefined && toUndo.length > 0) {
      const failed = step === null || isCancelled ? null : { step, message: cause.message };
      phase = 'undoing';
      enterPhase(phase, '');
      reportProblem(
        cause.code,
        describe(plan, `${cause.message}; takes back ${listOf(toUndo.map(({ name }) => name))}`),
      );
      await databaseActivities.recordRevertUndoing({ revertId: reference.revertId, failed });
      for (const begun of toUndo) {
        const failure = await undo(
          reference,
          begun,
          !done.includes(begun.name) && !knownFailures.has(cause.code),
        );
        if (failure !== null) failures.push(`${begun.name} could not be taken back: ${failure}`);
      }
      step = null;
    }
    const left = plan === undefined || toUndo.length === 0 ? null : await leftChanges(reference, plan);
    const problem = {
      code: cause.code,
      message: [cause.message, ...failures, ...(left === null ? [] : [left])].join('. '),
    };
    const state = isCancelled ? 'cancelled' : 'failed';
    await databaseActivities.recordRevertEnd({
      revertId: reference.revertId,
      state,
      problem,
      cancelledBy: isCancelled ? (cancelledBy ?? null) : null,
    });
    enter('ended', '');
    reportProblem(problem.code, `${state}: ${problem.message}`);
    return { revertId: reference.revertId, state, problem };
  }

  /** @returns why it could not be taken back; null where it is */
  async function undo(
    reference: { revertId: string; driftId: string },
    begun: RevertStep,
    isUncertain: boolean,
  ): Promise<string | null> {
    if (begun.undo === null) return done.includes(begun.name) ? 'nothing can undo it' : null;
    step = begun.name;
    try {
      await activities.undo.performRevertStep.executeWithOptions(
        { ...activities.undoOptions, summary: `take back ${begun.name}` },
        [{ ...reference, step: begun.name, operation: begun.undo, times, isUndo: true, isUncertain }],
      );
      undone.push(begun.name);
      return null;
    } catch (error) {
      const { message } = failureCause(error);
      await databaseActivities.recordUndoFailed({
        revertId: reference.revertId,
        failed: { step: begun.name, message },
      });
      return message;
    }
  }

  async function leftChanges(
    reference: { revertId: string; driftId: string },
    approved: RevertPlan,
  ): Promise<string> {
    try {
      const left = await activities.undo.findLeftChanges({ ...reference, plan: approved, times });
      return left.length === 0 ? 'all is as it was found' : `left changed: ${left.join('; ')}`;
    } catch (error) {
      return `how the resource stands could not be read: ${failureCause(error).message}`;
    }
  }

  async function answerPlan(): Promise<PlannedRevert> {
    await condition(() => plan !== undefined || refusal !== undefined || ended !== undefined);
    if (refusal !== undefined) {
      throw ApplicationFailure.nonRetryable(refusal.message, refusal.code, refusal.context);
    }
    if (revertId === undefined) throw new Error('a plan without a revert');
    return { revertId, state: endState() ?? 'planned' };
  }

  /** Refused as the database says: there it is decided once, whoever comes first. */
  async function approve({ revertId: wanted, request }: ApproveRevertUpdate): Promise<RevertUpdateResult> {
    const current = await currentRevert(wanted);
    const approvedAt = new Date().toISOString();
    await databaseActivities.approveRevert({ revertId: current, approvedAt, request });
    isApproved = true;
    return { revertId: current, state: 'approved' };
  }

  async function cancel({ revertId: wanted, request }: CancelRevertUpdate): Promise<RevertUpdateResult> {
    const current = await currentRevert(wanted);
    if (ended !== undefined || isOver(phase) || cancelledBy !== undefined) throw notCancellable(current);
    cancelledBy = request;
    work.cancel();
    await condition(() => ended !== undefined || phase === 'undoing');
    // Its last step may have come through in the same moment.
    if (endState() === 'done') throw notCancellable(current);
    return { revertId: current, state: endState() ?? 'undoing' };
  }

  function notCancellable(current: string): ApplicationFailure {
    const state = endState() ?? phase;
    return ApplicationFailure.nonRetryable(
      `this revert can't be cancelled any more: it is ${state}`,
      'revert_not_cancellable',
      { revert_id: current, state },
    );
  }

  /** Nobody decides about a revert that he has not looked at. */
  async function currentRevert(wanted: string): Promise<string> {
    await condition(() => revertId !== undefined || ended !== undefined);
    if (revertId !== undefined && wanted === revertId) return revertId;
    throw ApplicationFailure.nonRetryable(
      `the revert ${wanted} is not the one that waits here, which is ${revertId ?? 'none'}: look at its plan first`,
      'another_revert',
      { revert_id: revertId ?? null },
    );
  }

  function endState(): RevertState | undefined {
    return ended === undefined || ended.state === 'not_begun' ? undefined : ended.state;
  }

  function enter(next: RevertPhase, details: string): void {
    phase = next;
    enterPhase(next, details);
  }
}

/** After these it is known that what a step asked for did not happen. After a time-out or a cancel it may still be on its way. */
const knownFailures: ReadonlySet<string> = new Set([
  'action_failed',
  'step_without_effect',
  'step_not_possible',
  'provider_not_found',
  'provider_rejected',
  'provider_unauthorized',
  'resource_gone',
]);

const isOver = (phase: RevertPhase) => phase === 'undoing' || phase === 'done' || phase === 'ended';

const operationOf = ({ action, parameters }: RevertStep) =>
  ({ action, parameters }) as RevertStep['undo'] & object;

const problemOf = ({ code, message }: FailureCause): RevertProblem => ({ code, message });

function failureOf(error: unknown, step: string | null): RevertProblem {
  const { code, message } = failureCause(error);
  return { code, message: step === null ? message : `${step} failed: ${message}` };
}

function cancellation(by: OperatorRequest | undefined, step: string | null): RevertProblem {
  const who = by === undefined ? 'cancelled in Temporal' : `cancelled by ${by.subject}: ${by.reason}`;
  return { code: 'revert_cancelled', message: step === null ? who : `${who}, during ${step}` };
}

const listOf = (names: readonly string[]): string => (names.length === 0 ? 'nothing' : names.join(', '));

function describe(plan: RevertPlan, standing: string): string {
  return [
    standing,
    `${plan.kind} ${plan.externalId}: ${plan.field} back to ${JSON.stringify(plan.desired)}`,
    `Steps: ${listOf(plan.steps.map(({ name }) => name))}${plan.downtime ? '; with downtime' : ''}`,
    `Adds ${plan.addedMonthly ?? 'an unknown amount of'} ${plan.currency} a month`,
    ...plan.irreversible.map((sentence) => `Can't be undone: ${sentence}`),
  ].join('\n');
}
