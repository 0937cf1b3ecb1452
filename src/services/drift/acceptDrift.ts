import type { EntityManager } from '@mikro-orm/postgresql';
import type { Spec } from '../../domain/drift/liveValues.ts';
import { Unprocessable } from '../../domain/errors.ts';
import { type ReasonedRequest, requesterOf } from '../recordChange.ts';
import { retryDeadlocks } from '../retryDeadlocks.ts';
import { acceptedSpecs } from './acceptedSpecs.ts';
import { readLiveResources } from './liveResources.ts';
import { type LockedDrift, lockOpenDrifts } from './lockDrift.ts';
import { withdrawSpecs, writeSpecs } from './writeSpecs.ts';

/**
 * Accepts a set of open drifts, all or none: what is there becomes what is asked for, a resource that was never asked for gets what an
 * operator decides about it as its spec, and of one that is gone nothing is asked any more. A fixed number of statements, whatever
 * the size of the set.
 * @throws DriftNotOpen, RevertInProgress, DriftChanged; Unprocessable `unknown_drift` at `ids/<place>`
 */
export function acceptDrifts(
  em: EntityManager,
  ids: readonly string[],
  request: ReasonedRequest,
): Promise<void> {
  // A sweep changes many of them at once, in an order of its own.
  return retryDeadlocks(() =>
    em.transactional(async (transaction) => {
      const drifts = await lockOpenDrifts(transaction, ids);
      refuseUnknown(ids, drifts);
      await accept(transaction, drifts, request);
    }),
  );
}

/**
 * Accepts one open drift, as `acceptDrifts` does.
 * @returns false where there is no such drift
 */
export function acceptDrift(em: EntityManager, id: string, request: ReasonedRequest): Promise<boolean> {
  return em.transactional(async (transaction) => {
    const drifts = await lockOpenDrifts(transaction, [id]);
    if (drifts.length === 0) return false;
    await accept(transaction, drifts, request);
    return true;
  });
}

async function accept(em: EntityManager, drifts: readonly LockedDrift[], request: ReasonedRequest) {
  const resourceIds = [...new Set(drifts.map((drift) => drift.resourceId))];
  const { written, withdrawn } = acceptedSpecs(
    drifts,
    await readLiveResources(em, resourceIds),
    await readSpecs(em, resourceIds),
  );
  await writeSpecs(em, written, 'drift_accepted', request);
  await withdrawSpecs(em, withdrawn, 'drift_accepted', request);
  await em.execute(closeAccepted, [
    request.now,
    requesterOf(request),
    request.reason,
    request.workflowId ?? null,
    JSON.stringify(drifts.map((drift) => drift.id)),
    request.now,
    request.actor.subject,
    request.actor.role,
    request.actor.tenantId,
    request.reason,
    request.requestId ?? null,
    request.workflowId ?? null,
  ]);
}

/** The specs in force, by resource. */
async function readSpecs(
  em: EntityManager,
  resourceIds: readonly string[],
): Promise<ReadonlyMap<string, Spec>> {
  const rows = await em.execute<{ resource_id: string; spec: Spec }[]>(
    `select resource_id, spec from cloud_provisioned
     where resource_id in (select id::uuid from jsonb_array_elements_text(?::jsonb) as wanted (id)) and withdrawn_at is null`,
    [JSON.stringify(resourceIds)],
  );
  return new Map(rows.map((row) => [row.resource_id, row.spec]));
}

function refuseUnknown(ids: readonly string[], drifts: readonly LockedDrift[]): void {
  const known = new Set(drifts.map((drift) => drift.id));
  const place = ids.findIndex((id) => !known.has(id));
  if (place === -1) return;
  throw new Unprocessable('unknown_drift', `there is no drift ${ids[place]}`, { field: `ids/${place}` });
}

const closeAccepted = `
  with closed as (
    update cloud_drift drift set state = 'accepted', resolved_at = ?, resolved_by = ?, reason = ?, workflow_id = ?
    where id in (select id::uuid from jsonb_array_elements_text(?::jsonb) as wanted (id))
    returning *
  )
  insert into audit_log (occurred_at, actor, role, tenant_id, action, subject_type, subject_id, reason, before, after, request_id,
    workflow_id)
  select ?, ?, ?, nullif(?, ''), 'cloud_drift.accept', 'cloud_drift', closed.id::text, ?,
    jsonb_build_object('state', 'open', 'desired', closed.desired, 'spec_version', closed.spec_version),
    jsonb_build_object('state', 'accepted', 'resource_id', closed.resource_id, 'type', closed.type, 'field', closed.field,
      'actual', closed.actual, 'spec_version', provisioned.spec_version, 'withdrawn', provisioned.withdrawn_at is not null),
    ?, ?
  from closed left join cloud_provisioned provisioned on provisioned.resource_id = closed.resource_id
  order by closed.id`;
