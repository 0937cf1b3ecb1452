import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import { z } from 'zod';
import { Conflict, type JsonValue } from '../domain/errors.ts';
import { CloudDriftRevert } from '../entities/cloudDriftRevert.ts';
import { RevertNotPlanned, standingOf, whatHappened } from '../services/drift/approveRevert.ts';
import { abandonRevert, findLiveRevert } from '../services/drift/claimRevert.ts';
import { RevertInProgress } from '../services/drift/lockDrift.ts';
import { isLive } from '../services/drift/recordRevert.ts';
import { type DriftOfResource, readDriftOfResource } from '../services/drift/revertedDrift.ts';
import { workflowIds } from '../workflows/ids.ts';
import {
  type ApproveRevertUpdate,
  type CancelRevertUpdate,
  type RevertUpdateResult,
  revertMessages,
} from '../workflows/revertMessages.ts';
import { toOperatorRequest } from './changeRequest.ts';
import { driftRevert, toDriftRevert } from './driftAnswers.ts';
import { notFound, Problem } from './problems.ts';
import { type ApiDependencies, type CallerRequest, defineRoute, type Reply, type Route } from './route.ts';
import { link, reason, uuid } from './schemas.ts';
import { startedReply } from './startedWorkflow.ts';
import { type StartedWorkflow, startRevert } from './startWorkflow.ts';
import { callTemporal } from './temporalCalls.ts';
import { updateFailure } from './updateFailures.ts';

const startedRevert = z
  .strictObject({
    revert: driftRevert
      .nullable()
      .meta({ description: 'Null where its plan is not there in time: the process goes on with it.' }),
    workflow_id: z.string(),
    run_id: z.string(),
    links: z.strictObject({ process: link, temporal_ui: link }),
  })
  .meta({ id: 'StartedRevert' });

const byDrift = z.strictObject({ id: uuid });
const noTemporal = { 503: "Temporal can't be reached, or no worker answers." };

export const driftRevertRoutes: readonly Route[] = [
  defineRoute({
    method: 'post',
    path: '/api/v1/drift/:id/revert',
    tag: 'Drift',
    summary:
      'Plans to change a live resource back to what was asked for; nothing is changed before the plan is approved.',
    roles: ['platform_admin'],
    params: byDrift,
    body: z.strictObject({
      reason,
      resize_disk: z
        .boolean()
        .default(false)
        .meta({ description: "Lets the disk grow with the size, which can't be undone." }),
    }),
    answer: { status: 202, description: 'The plan, which waits for approval.', schema: startedRevert },
    problems: {
      404: 'No such drift.',
      409: 'The drift is resolved, or no longer there, or a revert holds its resource; `context` says what happened.',
      422: 'It can not be reverted in place; the code and the sentence say why.',
      502: 'The provider refuses to be asked.',
      503: "Temporal can't be reached.",
    },
    async handle(request) {
      const { em, api, params, body } = request;
      const drift = await readDriftOfResource(em, params.id);
      if (drift === null) throw notFound('drift');
      const input = {
        driftId: drift.id,
        resourceId: drift.resourceId,
        request: toOperatorRequest(request, body.reason),
        resizeDisk: body.resize_disk,
      };
      try {
        const planned = await callTemporal(api, (client) => startRevert(client, input, drift));
        if (planned === undefined) throw await alreadyRunning(request, drift);
        return planReply(api, await em.findOneOrFail(CloudDriftRevert, { id: planned.revertId }));
      } catch (error) {
        if (error instanceof Problem && error.code === 'process_not_answering') {
          return stillPlanning(api, drift);
        }
        throw refusalOf(error);
      }
    },
  }),
  defineRoute({
    method: 'post',
    path: '/api/v1/drift/:id/revert/approve',
    tag: 'Drift',
    summary: 'Has a plan carried out: exactly the one that is named.',
    roles: ['platform_admin'],
    params: byDrift,
    body: z.strictObject({ revert_id: uuid, reason }),
    answer: {
      status: 202,
      description: 'It is carried out; the links say where to watch it.',
      schema: startedRevert,
    },
    problems: {
      404: 'No such drift.',
      409: 'The plan is not there to be approved, its time is over, or the limits on reverts do not allow it now; `context` has the figures.',
      ...noTemporal,
    },
    async handle(request) {
      const { body } = request;
      const last = await lastRevert(request);
      if (last.id !== body.revert_id) {
        throw new Conflict(
          'another_revert',
          `the revert ${body.revert_id} is not the last one of this drift, which is ${last.id}: look at its plan first`,
          { context: standingOf(last) },
        );
      }
      if (!isLive(last.state)) throw new RevertNotPlanned(last);
      const update: ApproveRevertUpdate = {
        revertId: last.id,
        request: toOperatorRequest(request, body.reason),
      };
      return updateReply(request, last, revertMessages.approveUpdate, update);
    },
  }),
  defineRoute({
    method: 'post',
    path: '/api/v1/drift/:id/revert/cancel',
    tag: 'Drift',
    summary: 'Cancels a revert. Where steps were done, they are taken back.',
    roles: ['platform_admin'],
    params: byDrift,
    body: z.strictObject({ reason }),
    answer: {
      status: 202,
      description: 'It is cancelled, or `undoing` what was done; the links say where to watch it.',
      schema: startedRevert,
    },
    problems: { 404: 'No such drift.', 409: 'No revert of it can be cancelled any more.', ...noTemporal },
    async handle(request) {
      const last = await lastRevert(request);
      if (!isLive(last.state)) throw notCancellable(last);
      const update: CancelRevertUpdate = {
        revertId: last.id,
        request: toOperatorRequest(request, request.body.reason),
      };
      return updateReply(request, last, revertMessages.cancelUpdate, update);
    },
  }),
];

type DriftRequest = Pick<CallerRequest<{ id: string }, unknown, unknown>, 'em' | 'api' | 'params' | 'now'>;

/** @throws Problem where there is no such drift, or nobody ever asked for its revert */
async function lastRevert({ em, params }: DriftRequest): Promise<CloudDriftRevert> {
  if ((await readDriftOfResource(em, params.id)) === null) throw notFound('drift');
  const [last] = await em.find(
    CloudDriftRevert,
    { drift: params.id },
    { orderBy: { createdAt: 'desc', id: 'desc' }, limit: 1 },
  );
  if (last !== undefined) return last;
  throw new Conflict('no_revert', 'nobody has asked for a revert of this drift: plan one first');
}

/** @throws Problem where there is no plan */
function planReply(api: ApiDependencies, row: CloudDriftRevert): Reply<z.input<typeof startedRevert>> {
  const { state, problem } = row;
  if (problem != null && state === 'refused') {
    const status = problem.code === 'already_as_desired' ? 409 : 422;
    throw new Problem(status, problem.code, problem.message, { context: standingOf(row) });
  }
  if (problem != null && state === 'failed') {
    throw new Problem(502, problem.code, problem.message, { context: standingOf(row) });
  }
  return toReply(api, row, toDriftRevert(row));
}

/** Nobody knows the plan yet, or whether there will be one; the process says so when it does. */
async function stillPlanning(
  api: ApiDependencies,
  drift: DriftOfResource,
): Promise<Reply<z.input<typeof startedRevert>>> {
  const workflowId = workflowIds.revertDrift(drift.resourceId);
  const { runId } = await callTemporal(api, (client) => client.workflow.getHandle(workflowId).describe());
  return toReply(api, { workflowId, runId }, null);
}

async function alreadyRunning({ em }: DriftRequest, drift: DriftOfResource): Promise<Conflict> {
  const live = await findLiveRevert(em, drift.resourceId);
  if (live !== null) return new RevertInProgress(live);
  return new Conflict('revert_in_progress', 'a revert of this resource begins or ends just now', {
    context: { resource_id: drift.resourceId },
  });
}

/** @throws Conflict where the process refuses; where it is over without having said how, the revert is closed first */
async function updateReply(
  request: DriftRequest,
  revert: CloudDriftRevert,
  name: string,
  update: ApproveRevertUpdate | CancelRevertUpdate,
): Promise<Reply<z.input<typeof startedRevert>>> {
  const { em, api, now } = request;
  try {
    await callTemporal(api, (client: Client) =>
      client.workflow
        .getHandle(revert.workflowId)
        .executeUpdate<RevertUpdateResult, [typeof update]>(name, { args: [update] }),
    );
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw refusalOf(error);
    await em.transactional((transaction) => abandonRevert(transaction, revert, now));
    const closed = await reread(em, revert);
    if (name === revertMessages.approveUpdate) throw new RevertNotPlanned(closed);
    if (closed.problem?.code !== 'abandoned') throw notCancellable(closed);
  }
  const after = await reread(em, revert);
  return toReply(api, after, toDriftRevert(after));
}

function toReply(
  api: ApiDependencies,
  run: StartedWorkflow,
  revert: z.input<typeof driftRevert> | null,
): Reply<z.input<typeof startedRevert>> {
  const reply = startedReply(api.config, run);
  return { ...reply, body: { revert, ...reply.body } };
}

const notCancellable = (revert: CloudDriftRevert) =>
  new Conflict(
    'revert_not_cancellable',
    `this revert can't be cancelled any more: it is ${revert.state}; ${whatHappened(revert)}`,
    { context: standingOf(revert) },
  );

const reread = (em: DriftRequest['em'], { id }: CloudDriftRevert): Promise<CloudDriftRevert> =>
  em.findOneOrFail(CloudDriftRevert, { id }, { refresh: true });

/** A refusal of the process, as the API says it; any other error as it is. */
function refusalOf(error: unknown): unknown {
  const failure = updateFailure(error);
  if (failure?.type == null) return error;
  if (failure.type === 'unknown_drift') return notFound('drift');
  const [context] = failure.details ?? [];
  return new Conflict(failure.type, failure.message, {
    context: (context ?? {}) as Readonly<Record<string, JsonValue>>,
  });
}
