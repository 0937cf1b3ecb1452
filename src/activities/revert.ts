import { activityInfo, cancellationSignal } from '@temporalio/activity';
import { sameValue } from '../domain/drift/equality.ts';
import { liveValue } from '../domain/drift/liveValues.ts';
import { movedSince, planRevert, type RevertOperation, type RevertPlan } from '../domain/drift/revertPlan.ts';
import { ArcadiaError, type JsonValue } from '../domain/errors.ts';
import type { ProviderOperations, ProviderResource } from '../providers/provider.ts';
import { approveRevert, type RevertSettings } from '../services/drift/approveRevert.ts';
import { type ClaimedRevert, claimRevert } from '../services/drift/claimRevert.ts';
import {
  expireRevert,
  type RevertState,
  recordRevertEnd,
  recordReverted,
  recordRevertRunning,
  recordRevertStep,
  recordRevertUndoing,
  refuseRevert,
  storeRevertPlan,
} from '../services/drift/recordRevert.ts';
import { readSizes, recordSizes } from '../services/drift/recordSizes.ts';
import { type DriftOfResource, readDriftOfResource } from '../services/drift/revertedDrift.ts';
import { recordRead } from '../services/recordRead.ts';
import type { RevertProblem, RevertTimes } from '../workflows/revertMessages.ts';
import type { OperatorRequest } from '../workflows/rollUpMessages.ts';
import { type ActivityDependencies, providerNamed, systemEntityManager } from './dependencies.ts';
import { toDecision } from './operatorDecision.ts';
import { reachGoal, waitForActions } from './reachGoal.ts';

const defaultSettings: RevertSettings = { atOnce: 3, budgetMonthly: '500', approvalHours: 24 };

/** Which revert of which drift. */
export interface RevertReference {
  readonly revertId: string;
  readonly driftId: string;
}

/** One step, or what takes it back. */
export interface StepActivityInput extends RevertReference {
  readonly step: string;
  readonly operation: RevertOperation;
  readonly times: RevertTimes;
  readonly isUndo: boolean;
  /** Of an undo: whether nobody knows if what the step asked for will still happen. */
  readonly isUncertain?: boolean;
}

export type PlanningOutcome =
  | { readonly state: 'planned'; readonly plan: RevertPlan; readonly expiresAt: string }
  | { readonly state: Exclude<RevertState, 'planned'>; readonly problem: RevertProblem };

export function createRevertActivities(dependencies: ActivityDependencies) {
  const em = () => systemEntityManager(dependencies);
  const settings = dependencies.driftReverts ?? defaultSettings;

  async function driftOf({ driftId }: Pick<RevertReference, 'driftId'>): Promise<DriftOfResource> {
    const drift = await readDriftOfResource(em(), driftId);
    if (drift === null) throw new ArcadiaError('unknown_drift', `there is no drift ${driftId}`);
    return drift;
  }

  function operationsOf({ provider }: DriftOfResource): ProviderOperations {
    const { operations } = providerNamed(dependencies, provider);
    if (operations !== undefined) return operations;
    throw new ArcadiaError('provider_read_only', `nothing can be changed at ${provider}: we only read there`);
  }

  /** Reads the resource as it is now, and takes it into the inventory. */
  async function readNow(drift: DriftOfResource): Promise<ProviderResource | null> {
    const { provider, kind, externalId } = drift;
    const readAt = new Date();
    const resource = await operationsOf(drift).read(kind, externalId, cancellationSignal());
    await recordRead(em(), { provider, kind, externalId, resource, readAt });
    return resource;
  }

  return {
    async claimRevert(input: {
      driftId: string;
      workflowId: string;
      runId: string;
      request: OperatorRequest;
      resizeDisk: boolean;
    }): Promise<ClaimedRevert> {
      const { request, ...claim } = input;
      return claimRevert(em(), { ...claim, ...toDecision(request), now: new Date() });
    },

    /** Reads the resource and the sizes, and plans on them. What there is no plan for is refused; a drift that is gone is closed. */
    async planRevert(input: RevertReference & { resizeDisk: boolean }): Promise<PlanningOutcome> {
      const drift = await driftOf(input);
      const { listPrice, name } = providerNamed(dependencies, drift.provider);
      const sizes = await operationsOf(drift).sizes(cancellationSignal());
      await recordSizes(em(), { provider: name, sizes, seenAt: new Date() });
      const table = await readSizes(em(), name);
      const live = await readNow(drift);
      const { plan, refusal } =
        specChanged(drift) ??
        planRevert(drift, live, table, {
          resizeDisk: input.resizeDisk,
          listPrice: listPrice === undefined ? null : (resource) => listPrice(resource, table),
        });
      const now = new Date();
      if (plan === null) {
        const isStale = refusal.code === 'already_as_desired';
        const state = await refuseRevert(em(), input.revertId, { problem: refusal, isStale, now });
        return { state: state === 'planned' ? 'refused' : state, problem: refusal };
      }
      const expiresAt = new Date(now.getTime() + settings.approvalHours * 3_600_000);
      const state = await storeRevertPlan(em(), input.revertId, { plan, expiresAt });
      if (state === 'planned') return { state, plan, expiresAt: expiresAt.toISOString() };
      return { state, problem: { code: 'revert_not_planned', message: `the revert is ${state} already` } };
    },

    /** @throws RevertNotPlanned and the limits' conflicts, which end nothing: the plan stays there to be approved */
    async approveRevert(input: {
      revertId: string;
      approvedAt: string;
      request: OperatorRequest;
    }): Promise<void> {
      await approveRevert(em(), {
        revertId: input.revertId,
        approvedAt: new Date(input.approvedAt),
        ...toDecision(input.request),
        limits: settings,
      });
    },

    async expireRevert(input: { revertId: string }): Promise<RevertState> {
      return expireRevert(em(), input.revertId, new Date());
    },

    /**
     * Reads the resource once more, right before anything is changed.
     * @throws ArcadiaError `live_changed` where the plan was made on something else, `spec_changed` where something else is asked for
     */
    async beginRevert(input: RevertReference & { plan: RevertPlan }): Promise<void> {
      const drift = await driftOf(input);
      const changed = specChanged(drift);
      if (changed !== undefined) throw new ArcadiaError(changed.refusal.code, changed.refusal.message);
      const live = await readNow(drift);
      const moved =
        live === null
          ? [{ field: 'the resource', planned: 'there', found: 'gone' }]
          : movedSince(input.plan, live);
      if (moved.length > 0) {
        throw new ArcadiaError(
          'live_changed',
          `the plan was made on other values: ${moved.map(asMove).join('; ')}; nothing was changed`,
          { context: { moved } },
        );
      }
      await recordRevertRunning(em(), input.revertId);
    },

    /** Does one step, or takes it back, and writes down that it is done. */
    async performRevertStep(input: StepActivityInput): Promise<void> {
      const { revertId, step, operation, times, isUndo } = input;
      const drift = await driftOf(input);
      const { attempt, scheduledTimestampMs } = activityInfo();
      await reachGoal({
        operations: operationsOf(drift),
        kind: drift.kind,
        externalId: drift.externalId,
        operation,
        times,
        deadline: scheduledTimestampMs + (isUndo ? times.undoMs : times.stepMs),
        isRetry: attempt > 1,
        isUncertain: input.isUncertain === true,
      });
      await recordRevertStep(em(), revertId, {
        name: step,
        state: isUndo ? 'undone' : 'done',
        at: new Date().toISOString(),
      });
    },

    /** Reads back: the field is as asked for, and the power as it was found. @throws ArcadiaError `not_verified` */
    async verifyRevert(input: RevertReference & { plan: RevertPlan }): Promise<void> {
      const drift = await driftOf(input);
      const { field, desired, base } = input.plan;
      const live = await readNow(drift);
      const found = live === null ? null : liveValue(live, field);
      if (live === null || !sameValue(drift.kind, field, desired, found, live)) {
        throw new ArcadiaError(
          'not_verified',
          `after all steps ${field} is ${JSON.stringify(found)}, not ${JSON.stringify(desired)}`,
          { context: { field, desired, found } },
        );
      }
      if (field !== 'status' && 'status' in base && live.status !== base['status']) {
        throw new ArcadiaError(
          'not_verified',
          `after all steps the status is ${live.status}, and it was ${JSON.stringify(base['status'])}`,
          { context: { field: 'status', desired: base['status'] ?? null, found: live.status } },
        );
      }
    },

    async recordReverted(input: { revertId: string }): Promise<void> {
      await recordReverted(em(), input.revertId, new Date());
    },

    /** The step that failed, if it was a step that did, is written down before anything is taken back. */
    async recordRevertUndoing(input: { revertId: string; failed: RevertStepFailure | null }): Promise<void> {
      await recordRevertUndoing(em(), input.revertId);
      if (input.failed === null) return;
      await recordRevertStep(em(), input.revertId, stepRecord(input.failed, 'failed'));
    },

    async recordUndoFailed(input: { revertId: string; failed: RevertStepFailure }): Promise<void> {
      await recordRevertStep(em(), input.revertId, stepRecord(input.failed, 'undo_failed'));
    },

    /** Once nothing happens to the resource any more: what is not as it was found, in words; nothing where all is. */
    async findLeftChanges(
      input: RevertReference & { plan: RevertPlan; times: RevertTimes },
    ): Promise<string[]> {
      const drift = await driftOf(input);
      const { pollMs, undoMs } = input.times;
      const deadline = activityInfo().scheduledTimestampMs + undoMs;
      const running = await waitForActions({ ...drift, operations: operationsOf(drift), pollMs, deadline });
      const live = await readNow(drift);
      const moved = live === null ? ['the resource is gone'] : movedSince(input.plan, live).map(asMove);
      return running === undefined ? moved : [...moved, `${running.type} (action ${running.id}) still runs`];
    },

    async recordRevertEnd(input: {
      revertId: string;
      state: 'failed' | 'cancelled';
      problem: RevertProblem;
      cancelledBy: OperatorRequest | null;
    }): Promise<RevertState> {
      const { revertId, cancelledBy, ...end } = input;
      return recordRevertEnd(em(), revertId, {
        ...end,
        ...(cancelledBy === null ? {} : { cancelledBy: toDecision(cancelledBy) }),
        now: new Date(),
      });
    },
  };
}

export interface RevertStepFailure {
  readonly step: string;
  readonly message: string;
}

const stepRecord = ({ step, message }: RevertStepFailure, state: 'failed' | 'undo_failed') => ({
  name: step,
  state,
  at: new Date().toISOString(),
  message,
});

/** A drift says what was asked for when it was found; a revert to anything but what is asked for now would be wrong. */
function specChanged({ field, type, desired, asked }: DriftOfResource) {
  if (type !== 'field' || JSON.stringify(asked) === JSON.stringify(desired)) return undefined;
  const now = asked === undefined ? 'nothing' : JSON.stringify(asked);
  const message = `the spec asks ${now} of ${field} by now, not ${JSON.stringify(desired)}; the next sweep says what differs from it`;
  return { plan: null, refusal: { code: 'spec_changed', message } };
}

const asMove = (move: { readonly field: string; readonly planned: JsonValue; readonly found: JsonValue }) =>
  `${move.field} is ${JSON.stringify(move.found)}, and was ${JSON.stringify(move.planned)}`;
