import type { EntityManager } from '@mikro-orm/postgresql';
import type { DriftType } from '../../domain/drift/price.ts';
import { Conflict, type JsonValue } from '../../domain/errors.ts';
import type { ResourceKind } from '../../domain/resourceKind.ts';
import type { DriftState } from '../../entities/cloudDrift.ts';
import { CloudDriftRevert, liveDriftRevertStates } from '../../entities/cloudDriftRevert.ts';

/** An open drift that stays as it is until the transaction ends. */
export interface LockedDrift {
  readonly id: string;
  readonly resourceId: string;
  readonly provider: string;
  readonly kind: ResourceKind;
  readonly type: DriftType;
  readonly field: string | null;
  readonly desired: JsonValue;
  readonly actual: JsonValue;
  readonly specVersion: number | null;
}

/** Somebody was faster, or the difference went away by itself: what became of it, by whom and when. */
export class DriftNotOpen extends Conflict {
  constructor(drift: Resolution) {
    const at = drift.resolvedAt === null ? null : new Date(drift.resolvedAt).toISOString();
    super(
      'drift_not_open',
      `the drift ${drift.id} is ${drift.state} since ${at}, by ${drift.resolvedBy}: only an open one is accepted, ignored or reverted`,
      {
        context: {
          drift_id: drift.id,
          state: drift.state,
          resolved_by: drift.resolvedBy,
          resolved_at: at,
          reason: drift.reason,
        },
      },
    );
  }
}

/** A revert holds the resource: until it ends, nobody changes what was asked for. */
export class RevertInProgress extends Conflict {
  constructor(revert: CloudDriftRevert) {
    const at = revert.createdAt.toISOString();
    super(
      'revert_in_progress',
      `a revert that ${revert.plannedBy} asked for at ${at} is ${revert.state} on the resource ${revert.resource}: cancel it, or wait for its end`,
      {
        context: {
          revert_id: revert.id,
          resource_id: revert.resource,
          drift_id: revert.drift,
          state: revert.state,
          planned_by: revert.plannedBy,
          planned_at: at,
        },
      },
    );
  }
}

/**
 * Lets one transaction after the other decide about these resources: what is asked of them, which revert holds them, what becomes of
 * their drift. Locks are taken in one order, so that two sets never wait for each other.
 */
export async function lockDecisions(em: EntityManager, resourceIds: readonly string[]): Promise<void> {
  await em.execute(
    `select pg_advisory_xact_lock(key) from (
       select distinct hashtextextended('drift:' || id, 0) as key from jsonb_array_elements_text(?::jsonb) as wanted (id)
       order by 1 offset 0
     ) as ordered`,
    [JSON.stringify(resourceIds)],
  );
}

/** @throws RevertInProgress where a revert holds one of the resources */
export async function refuseLiveRevert(em: EntityManager, resourceIds: readonly string[]): Promise<void> {
  const live = await em.findOne(
    CloudDriftRevert,
    { resource: { $in: [...resourceIds] }, state: { $in: [...liveDriftRevertStates] } },
    { orderBy: { id: 'asc' }, disableIdentityMap: true },
  );
  if (live !== null) throw new RevertInProgress(live);
}

/**
 * Locks open drifts, and all decisions about their resources, until the transaction ends. Whoever accepts, ignores or reverts begins
 * here: of many at once, one goes on.
 * @returns the drifts that there are, by id
 * @throws DriftNotOpen, RevertInProgress
 */
export async function lockOpenDrifts(em: EntityManager, ids: readonly string[]): Promise<LockedDrift[]> {
  const wanted = JSON.stringify(ids);
  const resources = await em.execute<{ resource_id: string }[]>(
    `select distinct resource_id from cloud_drift
     where id in (select id::uuid from jsonb_array_elements_text(?::jsonb) as wanted (id))`,
    [wanted],
  );
  const resourceIds = resources.map((row) => row.resource_id);
  await lockDecisions(em, resourceIds);
  const rows = await em.execute<DriftRow[]>(
    `select id, resource_id as "resourceId", provider, kind, type, field, desired, actual, spec_version as "specVersion",
       state, resolved_by as "resolvedBy", resolved_at as "resolvedAt", reason
     from cloud_drift
     where id in (select id::uuid from jsonb_array_elements_text(?::jsonb) as wanted (id))
     order by id for update`,
    [wanted],
  );
  const resolved = rows.find((row) => row.state !== 'open');
  if (resolved !== undefined) throw new DriftNotOpen(resolved);
  await refuseLiveRevert(em, resourceIds);
  return rows;
}

/** What became of a drift. */
interface Resolution {
  readonly id: string;
  readonly state: DriftState;
  readonly resolvedBy: string | null;
  readonly resolvedAt: Date | string | null;
  readonly reason: string | null;
}
type DriftRow = LockedDrift & Resolution;
