import type { EntityManager } from '@mikro-orm/postgresql';
import type { RevertedDrift } from '../../domain/drift/revertPlan.ts';
import { Conflict, type JsonValue } from '../../domain/errors.ts';
import type { ResourceKind } from '../../domain/resourceKind.ts';
import type { DriftState } from '../../entities/cloudDrift.ts';
import type { CloudDriftRevert } from '../../entities/cloudDriftRevert.ts';

/** A drift with its resource, as far as a revert needs them. */
export interface DriftOfResource extends RevertedDrift {
  readonly id: string;
  readonly resourceId: string;
  readonly provider: string;
  readonly kind: ResourceKind;
  readonly externalId: string;
  /** The resource's name. */
  readonly name: string;
  readonly deploymentId: string | null;
  readonly currency: string;
  /** What the spec asks of the field now; undefined where it asks nothing of it any more. */
  readonly asked: JsonValue | undefined;
}

/** Plain SQL: the ORM would take a desired text of digits for a number. @returns null where there is no such drift */
export async function readDriftOfResource(em: EntityManager, id: string): Promise<DriftOfResource | null> {
  const [row] = await em.execute<(DriftOfResource & { readonly isAsked: boolean })[]>(
    `select drift.id, drift.resource_id as "resourceId", drift.provider, drift.kind, drift.type, drift.field, drift.desired,
       drift.currency, resource.external_id as "externalId", resource.name, resource.deployment_id as "deploymentId",
       provisioned.spec -> drift.field as asked, coalesce(jsonb_exists(provisioned.spec, drift.field), false) as "isAsked"
     from cloud_drift drift
     join cloud_resources resource on resource.id = drift.resource_id
     left join cloud_provisioned provisioned
       on provisioned.resource_id = drift.resource_id and provisioned.withdrawn_at is null
     where drift.id = ?`,
    [id],
  );
  if (row === undefined) return null;
  const { isAsked, ...drift } = row;
  return { ...drift, asked: isAsked ? row.asked : undefined };
}

/** Somebody was faster, or the difference went away by itself: what became of it, by whom and when. */
export class DriftNotOpen extends Conflict {
  constructor(drift: {
    readonly id: string;
    readonly state: DriftState;
    readonly resolvedBy: string | null;
    readonly resolvedAt: Date | null;
  }) {
    const at = drift.resolvedAt?.toISOString() ?? null;
    super(
      'drift_not_open',
      `the drift ${drift.id} is ${drift.state} since ${at}, by ${drift.resolvedBy}: only an open one can be resolved`,
      {
        context: { drift_id: drift.id, state: drift.state, resolved_by: drift.resolvedBy, resolved_at: at },
      },
    );
  }
}

/** A revert holds the resource: until it ends, nobody else decides about it. */
export class RevertInProgress extends Conflict {
  constructor(
    revert: Pick<CloudDriftRevert, 'id' | 'drift' | 'resource' | 'state' | 'plannedBy' | 'createdAt'>,
  ) {
    const at = revert.createdAt.toISOString();
    super(
      'revert_in_progress',
      `a revert that ${revert.plannedBy} asked for at ${at} is ${revert.state} on this resource: cancel it, or wait for its end`,
      {
        context: {
          revert_id: revert.id,
          drift_id: revert.drift,
          resource_id: revert.resource,
          state: revert.state,
          planned_by: revert.plannedBy,
          planned_at: at,
        },
      },
    );
  }
}
